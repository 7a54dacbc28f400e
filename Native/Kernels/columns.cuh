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
