// Blocks over the columns and rows of a matrix.
#pragma once
#include "device.cuh"

// A block of 256 threads as columns by rows: `lanes` columns, a power of 2 up to 256, and 256 / lanes rows at a time. Grid x
// counts columns, grid y rows; so no thread divides, and narrow matrices use all threads.
struct Walk {
    int lanes;
    int lane;
    int line;
    int lines;
    i64 column;
    i64 row;
    i64 stride;
};

constexpr int WalkThreads = 256;

DEVICE Walk walk(int lanes) {
    Walk w;
    w.lanes = lanes;
    w.lane = thread() & (lanes - 1);
    w.lines = WalkThreads / lanes;
    w.line = thread() / lanes;
    w.column = (i64)block_x() * lanes + w.lane;
    w.row = (i64)block_y() * w.lines + w.line;
    w.stride = (i64)blocks_y() * w.lines;
    return w;
}

// A value that the compiler knows nothing of. It would keep an address for each row and tensor from one round to the next,
// whose registers are those of other blocks.
DEVICE i64 unknown(i64 value) {
    asm("" : "+l"(value));
    return value;
}

// The rows of a thread, which are counted by 32 bits: a backend takes up to 2^31 - 1 (CudaBackend.MostRows).
struct ThreadRows {
    int first;
    int stride;
    int count;
    // Of its first element, and from one to the next.
    i64 begin;
    i64 step;
};

DEVICE ThreadRows thread_rows(const Walk &w, i64 rows, int columns) {
    ThreadRows r;
    r.first = (int)w.row;
    r.stride = (int)w.stride;
    bool any = w.column < columns && r.first < rows;
    r.count = any ? (int)((u32)(rows - r.first + r.stride - 1) / (u32)r.stride) : 0;
    r.begin = (i64)r.first * columns + w.column;
    r.step = (i64)r.stride * columns;
    return r;
}

// write(i, read(i)) for each element i of the thread's column and rows, four of which are read before the first is written.
template <typename Read, typename Write>
DEVICE void each_row(const Walk &w, i64 rows, int columns, Read read, Write write) {
    constexpr int Ahead = 4;
    ThreadRows r = thread_rows(w, rows, columns);
    i64 next = r.begin;
    int done = 0;
    for (; done + Ahead <= r.count; done += Ahead) {
        decltype(read(next)) values[Ahead];
        i64 i = unknown(next);
        UNROLL for (int k = 0; k < Ahead; k++) {
            values[k] = read(i);
            i += r.step;
        }
        i = unknown(next);
        UNROLL for (int k = 0; k < Ahead; k++) {
            write(i, values[k]);
            i += r.step;
        }
        next = i;
    }
    for (; done < r.count; done++) {
        write(next, read(next));
        next += r.step;
    }
}
