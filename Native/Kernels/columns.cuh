// Blocks over the columns and rows of a matrix.
//
// Where all addresses are multiples of 16, threads take four neighbouring values at a time, one access of 16 bytes. Rows follow
// each other without gaps, so 2 or 4 rows whose columns are no multiple of 4 are one row of packs (a fold): a thread keeps its
// columns all the way down, and a matrix of any width goes by packs but for its last 1 to 3 rows, which go value by value. Bytes
// under way on a multiprocessor are threads times packs: 2048 x 2 x 16 for each tensor read.
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
    int shift = lowest_bit((u32)lanes);
    w.lane = thread() & (lanes - 1);
    w.lines = WalkThreads >> shift;
    w.line = thread() >> shift;
    w.column = (i64)block_x() * lanes + w.lane;
    w.row = (i64)block_y() * w.lines + w.line;
    w.stride = (i64)blocks_y() * w.lines;
    return w;
}

// The logarithm of the rows of so many columns that are a whole number of packs: 1, 2 or 4.
DEVICE int fold_of(int columns) { return columns % 4 == 0 ? 0 : columns % 2 == 0 ? 1 : 2; }

// A value that the compiler knows nothing of. It would keep an address for each row and tensor from one round to the next,
// whose registers are those of other blocks.
DEVICE i64 unknown(i64 value) {
    asm("" : "+l"(value));
    return value;
}

DEVICE int unknown(int value) {
    asm("" : "+r"(value));
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

// What a thread has of a matrix: `Width` neighbouring values of each of its rows, which are 2^fold of the matrix's own.
template <int Width> struct Part {
    static constexpr int Size = Width;
    ThreadRows rows;
    int columns;
    int fold;
    // Of the first value; of a fold it counts on through its rows.
    i64 column;
    // Whether there is any.
    bool mine;

    // Of value k of each row, in the matrix.
    MEMBER i64 column_of(int k) const {
        i64 c = column + k;
        UNROLL for (int n = 1; n < Width; n++)
            c = c < columns ? c : c - columns;
        return c;
    }

    // What a shared row has for its values; 0 of no row, and where the thread has none.
    MEMBER Values<Width> shared(const float *row) const {
        Values<Width> values = 0.0f;
        if (!row || !mine)
            return values;
        if (fold == 0)
            return values_of<Width>(row, column);
        UNROLL for (int k = 0; k < Width; k++)
            values[k] = row[column_of(k)];
        return values;
    }
};

// Of rows from one on: `w` has columns of a value, or of a pack.
template <int Width>
DEVICE Part<Width> part_of(const Walk &w, i64 from, i64 rows, int columns, int fold) {
    Part<Width> p;
    p.columns = columns;
    p.fold = fold;
    p.column = w.column * Width;
    i64 wide = (i64)columns << fold;
    p.mine = p.column < wide && w.row < rows;
    ThreadRows &r = p.rows;
    r.first = (int)w.row;
    r.stride = (int)w.stride;
    r.count = p.mine ? (int)((u32)(rows - w.row + w.stride - 1) / (u32)w.stride) : 0;
    r.begin = from * columns + r.first * wide + p.column;
    r.step = r.stride * wide;
    r.first += (int)from;
    return p;
}

// The same where lanes have packs of four values, of 2^fold rows.
DEVICE Walk packed_walk(int lanes, int fold) { return walk(lanes << fold >> 2); }

// run(part) for the parts of a matrix that this thread has: by packs where `packs`, and what rows are left by values. `lanes` are
// those of values.
template <typename Run>
DEVICE void by_parts(int lanes, i64 rows, int columns, bool packs, Run run) {
    i64 done = 0;
    if (packs) {
        int fold = fold_of(columns);
        i64 folds = rows >> fold;
        done = folds << fold;
        run(part_of<4>(packed_walk(lanes, fold), 0, folds, columns, fold));
        if (done == rows)
            return;
    }
    run(part_of<1>(walk(unknown(lanes)), done, rows - done, columns, 0));
}

// write(i, read(i)) for the thread's values from i on, some rows of which are read before the first is written: four of values,
// so many of packs.
template <int Packs, int Width, typename Read, typename Write>
DEVICE void each_row(const Part<Width> &part, Read read, Write write) {
    constexpr int Ahead = Width == 1 ? 4 : Packs;
    const ThreadRows &r = part.rows;
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
