// Elementwise operations with a row that all rows share, or on two halves of a row; Layers/Backends/Operations.cs.
//
// Shapes: matrices [rows, columns], the shared row [columns]; glu's gates [rows, 2 columns]. times_row has a row of one
// value an element of a time step, B * C, and one row a step; packed, step t has `rows[t + 1] - rows[t]` sequences and
// takes as much of the row.
//
// Bytes an element: add_times_row reads a and out and writes out, 12; times_row 8; add_row and add_row_relu 8; glu reads a,
// both gates and writes out, 16 (12 without a); glu_gradient reads a and both gates and writes both, 20. The shared row: 4
// a thread, which keeps its value for all its rows.
// Launch: blocks of 256 as in columns.cuh; packed, grid y walks the steps.
// Source: gated linear units, Dauphin et al. 2016; spatial dropout, Tompson et al. 2014.
#include "columns.cuh"
#include "functions.cuh"

// out += a * row
KERNEL LAUNCH(WalkThreads)
    add_times_row(const float *a, const float *row, float *out, i64 rows, int columns, int lanes) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    float factor = row[w.column];
    for (i64 r = w.row; r < rows; r += w.stride) {
        i64 i = r * columns + w.column;
        out[i] = fma(a[i], factor, out[i]);
    }
}

// out = a * row
KERNEL LAUNCH(WalkThreads)
    times_row(const float *a, const float *row, float *out, i64 rows, int columns, int lanes) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    float factor = row[w.column];
    for (i64 r = w.row; r < rows; r += w.stride) {
        i64 i = r * columns + w.column;
        out[i] = a[i] * factor;
    }
}

// The same where step t has the rows first[t] .. first[t + 1] - 1 of `size` columns; columns = size * B.
KERNEL LAUNCH(WalkThreads) times_row_packed(
    const float *a,
    const float *row,
    float *out,
    const int *first,
    int steps,
    int size,
    int columns,
    int lanes
) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    float factor = row[w.column];
    for (i64 t = w.row; t < steps; t += w.stride) {
        i64 begin = (i64)first[t] * size;
        i64 end = (i64)first[t + 1] * size;
        i64 i = begin + w.column;
        if (i < end)
            out[i] = a[i] * factor;
    }
}

// out += row
KERNEL LAUNCH(WalkThreads) add_row(const float *row, float *out, i64 rows, int columns, int lanes) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    float bias = row[w.column];
    for (i64 r = w.row; r < rows; r += w.stride)
        out[r * columns + w.column] += bias;
}

// out = relu(out + row), where row may be null, which is 0.
KERNEL LAUNCH(WalkThreads)
    add_row_relu(const float *row, float *out, i64 rows, int columns, int lanes) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    float bias = row ? row[w.column] : 0.0f;
    for (i64 r = w.row; r < rows; r += w.stride) {
        i64 i = r * columns + w.column;
        out[i] = larger(0.0f, out[i] + bias);
    }
}

// out = a + b1 sigmoid(b2), b = [b1 | b2]; a may be null, which is 0, or out.
KERNEL LAUNCH(WalkThreads)
    glu(const float *a, const float *b, float *out, i64 rows, int columns, int lanes) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (i64 r = w.row; r < rows; r += w.stride) {
        i64 i = r * columns + w.column;
        const float *gates = b + 2 * r * columns + w.column;
        float start = a ? a[i] : 0.0f;
        out[i] = fma(gates[0], sigmoid(gates[columns]), start);
    }
}

// b = the gradient of b, in place; a is that of glu's out.
KERNEL LAUNCH(WalkThreads) glu_gradient(const float *a, float *b, i64 rows, int columns, int lanes) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (i64 r = w.row; r < rows; r += w.stride) {
        float *gates = b + 2 * r * columns + w.column;
        float gate = sigmoid(gates[columns]);
        float open = a[r * columns + w.column] * gate;
        float slope = open * gates[0] * (1.0f - gate);
        gates[0] = open;
        gates[columns] = slope;
    }
}
