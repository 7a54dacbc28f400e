// The weights of a convolution between the order in which they are kept and those in which they are multiplied.
//
//   to[n, j, c] = from[n, c, j]
//
// Shapes: from [N, columns, inner], to [N, inner, columns]. With N = 1, [O, I, k] becomes [k, O, I]; with N = O it becomes
// [O, k, I]. The other way is the same with columns and inner exchanged.
// Bytes an element: 8.
// Launch: blocks of 256 as in columns.cuh over the N inner rows of `to`.
// Source: a transposition as it stands; of a filter's few taps one of both sides always lies in short pieces.
#include "columns.cuh"

KERNEL LAUNCH(WalkThreads)
    swap_axes(const float *from, float *to, int rows, int inner, int columns, int lanes) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (i64 r = w.row; r < rows; r += w.stride) {
        int n = (int)r / inner;
        int j = (int)r - n * inner;
        to[r * columns + w.column] = from[((i64)n * columns + w.column) * inner + j];
    }
}
