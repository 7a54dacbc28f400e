// Elementwise operations with a row that all rows share, Layers/Operations/Pointwise.cs; and columns of one matrix in another.
//
// Shapes: matrices [rows, columns], the shared row [columns]; rows of copy_columns lie so many values apart as it is told.
// Bytes an element: add_times_row reads a and out and writes out, 12; add_row and copy_columns 8. The shared row: 4 a thread,
// which keeps its value for all its rows.
// Launch: blocks of 256 as in columns.cuh.
// Source: as it stands.
#include "columns.cuh"

// out += a * row
KERNEL LAUNCH(WalkThreads)
    add_times_row(const float *a, const float *row, float *out, i64 rows, int columns, int lanes) {
    Walk w = walk(lanes);
    float factor = w.column < columns ? row[w.column] : 0.0f;
    each_row(
        w,
        rows,
        columns,
        [&](i64 i) {
            float2 read = {a[i], out[i]};
            return read;
        },
        [&](i64 i, float2 read) { out[i] = fma(read.x, factor, read.y); }
    );
}

// out += row
KERNEL LAUNCH(WalkThreads) add_row(const float *row, float *out, i64 rows, int columns, int lanes) {
    Walk w = walk(lanes);
    float bias = w.column < columns ? row[w.column] : 0.0f;
    each_row(
        w,
        rows,
        columns,
        [&](i64 i) { return out[i]; },
        [&](i64 i, float read) { out[i] = read + bias; }
    );
}

// to = from, of which each is a part of its rows
KERNEL LAUNCH(WalkThreads) copy_columns(
    const float *from,
    int from_stride,
    float *to,
    int to_stride,
    i64 rows,
    int columns,
    int lanes
) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (i64 r = w.row; r < rows; r += w.stride)
        to[r * to_stride + w.column] = from[r * from_stride + w.column];
}
