// Between padded and packed rows, and over the time of each sequence; Layers/Operations/SequenceLayout.cs says how packed
// rows lie.
//
// Shapes: padded [T, B, C]; packed [N, 1, C], step t in the rows first[t] .. first[t + 1] - 1 of the sequences that have it,
// longest first; order[b] is which of the caller's sequences b is, lengths[b] how many steps it has. Unpacked, first, order and
// lengths are null and all sequences have T steps.
//
// Bytes an element: pack 8; unpack 8, beyond a sequence's end 4; mean 4, and 4 / T; mean_gradient 4, and 4 / T;
// last_steps 8 of the last steps; order_states 8; last_steps_gradient 4, and 4 of the last steps; shift_steps 8, beyond a sequence's end 4.
// Launch: blocks of 256 as in columns.cuh. Grid x counts columns; grid y walks the steps and threads of a column the
// sequences, but for means: there grid y is the sequence and its threads share its steps, joined in their order.
#include "columns.cuh"

KERNEL LAUNCH(WalkThreads) pack(
    const float *x,
    float *packed,
    const int *first,
    const int *order,
    int steps,
    int batch,
    int columns,
    int lanes
) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (int t = block_y(); t < steps; t += blocks_y()) {
        int row = first[t];
        int active = first[t + 1] - row;
        for (int b = w.line; b < active; b += w.lines)
            packed[(i64)(row + b) * columns + w.column] =
                x[((i64)t * batch + order[b]) * columns + w.column];
    }
}

// `steps` are those of the longest sequence, `length` those of x: the rest is 0.
KERNEL LAUNCH(WalkThreads) unpack(
    const float *packed,
    float *x,
    const int *first,
    const int *order,
    int steps,
    int length,
    int batch,
    int columns,
    int lanes
) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (int t = block_y(); t < length; t += blocks_y()) {
        int row = t < steps ? first[t] : 0;
        int active = t < steps ? first[t + 1] - row : 0;
        for (int b = w.line; b < batch; b += w.lines) {
            float value = 0.0f;
            if (b < active)
                value = packed[(i64)(row + b) * columns + w.column];
            x[((i64)t * batch + order[b]) * columns + w.column] = value;
        }
    }
}

KERNEL LAUNCH(WalkThreads) mean_over_time(
    const float *x,
    float *mean,
    const int *first,
    const int *order,
    const int *lengths,
    int steps,
    int batch,
    int columns,
    int lanes
) {
    constexpr int Batch = 8;
    SHARED float lines[WalkThreads];
    Walk w = walk(lanes);
    bool mine = w.column < columns;
    for (int b = block_y(); b < batch; b += blocks_y()) {
        int length = first ? lengths[b] : steps;
        float sum = 0.0f;
        for (int from = w.line; mine && from < length; from += Batch * w.lines) {
            float values[Batch];
            UNROLL for (int k = 0; k < Batch; k++) {
                int t = from + k * w.lines;
                values[k] = 0.0f;
                if (t < length) {
                    i64 row = first ? first[t] : (i64)t * batch;
                    values[k] = x[(row + b) * columns + w.column];
                }
            }
            UNROLL for (int k = 0; k < Batch; k++)
                sum += values[k];
        }
        barrier();
        lines[thread()] = sum;
        barrier();
        if (mine && w.line == 0) {
            for (int line = 1; line < w.lines; line++)
                sum += lines[line * lanes + w.lane];
            i64 to = first ? order[b] : b;
            mean[to * columns + w.column] = sum * (1.0f / (float)length);
        }
    }
}

KERNEL LAUNCH(WalkThreads) mean_over_time_gradient(
    const float *dmean,
    float *dx,
    const int *first,
    const int *order,
    const int *lengths,
    int steps,
    int batch,
    int columns,
    int lanes
) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (int b = block_y(); b < batch; b += blocks_y()) {
        int length = first ? lengths[b] : steps;
        i64 from = first ? order[b] : b;
        float slope = 1.0f / (float)length * dmean[from * columns + w.column];
        for (int t = w.line; t < length; t += w.lines) {
            i64 row = first ? first[t] : (i64)t * batch;
            dx[(row + b) * columns + w.column] = slope;
        }
    }
}

KERNEL LAUNCH(WalkThreads) last_steps(
    const float *x,
    float *y,
    const int *first,
    const int *order,
    const int *lengths,
    int batch,
    int columns,
    int lanes
) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (i64 b = w.row; b < batch; b += w.stride) {
        i64 row = first[lengths[b] - 1] + b;
        y[(i64)order[b] * columns + w.column] = x[row * columns + w.column];
    }
}

KERNEL LAUNCH(WalkThreads) last_steps_gradient(
    const float *dy,
    float *dx,
    const int *first,
    const int *order,
    const int *lengths,
    int steps,
    int columns,
    int lanes
) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (int t = block_y(); t < steps; t += blocks_y()) {
        int row = first[t];
        int active = first[t + 1] - row;
        for (int b = w.line; b < active; b += w.lines) {
            float slope = 0.0f;
            if (lengths[b] == t + 1)
                slope = dy[(i64)order[b] * columns + w.column];
            dx[(i64)(row + b) * columns + w.column] = slope;
        }
    }
}

// States [layers, B, C] into the order of packed sequences, or back out of it.
KERNEL LAUNCH(WalkThreads) order_states(
    const float *from,
    float *to,
    const int *order,
    int layers,
    int batch,
    int columns,
    int back,
    int lanes
) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (i64 r = w.row; r < (i64)layers * batch; r += w.stride) {
        i64 layer = (int)r / batch;
        i64 own = layer * batch + order[r - layer * batch];
        i64 source = back ? r : own;
        i64 target = back ? own : r;
        to[target * columns + w.column] = from[source * columns + w.column];
    }
}

// The rows of `count` steps from `to` on, one step after the other: each has what the same sequence has at the step that is
// as far from `from`, or 0 where it ends before.
KERNEL LAUNCH(WalkThreads) shift_steps(
    const float *x,
    float *shifted,
    const int *first,
    int to,
    int from,
    int count,
    int columns,
    int lanes
) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    int origin = first[to];
    for (int t = block_y(); t < count; t += blocks_y()) {
        int row = first[to + t];
        int active = first[to + t + 1] - row;
        int seen = first[from + t];
        int there = first[from + t + 1] - seen;
        for (int b = w.line; b < active; b += w.lines) {
            float value = 0.0f;
            if (b < there)
                value = x[(i64)(seen + b) * columns + w.column];
            shifted[(i64)(row - origin + b) * columns + w.column] = value;
        }
    }
}
