// The linear dense recurrence h_t = W h_{t-1} + u_t, and its gradient g_t = dh_t + W' g_{t+1}: one launch for all time.
//
// Shapes: y [rows, stride] holds u (or dh) in `size` of its columns and then h (or g); m [size, size] is what a state is
// multiplied by, the transpose of W forward and W backward: value k of the state before adds m[k, j] times itself to value
// j. bias [size] is added to each u; initial [B, size] is the state before the first step. Either may be null. Packed, step t
// has the rows rows[t] .. rows[t + 1] - 1 of the sequences that reach it, longest first, and `lengths` says how many steps each
// has; else both are null. `reverse` walks from each sequence's end.
//
// A block takes a few sequences through all of time and meets no other block. A thread computes one value of a state: the
// number of a name is how many of its weights stay in registers, and so the largest size; "any" reads them from the cache at
// each step, up to size 256. States are in shared memory, two of them in turn, with a barrier a step.
//
// Bytes an element: 8, and once a state of a block the matrix (size x size x 4), for "any" once a step, from the cache; bias and
// initial state 4 each. Packed, 4 bytes a step and thread for its rows. linear_transpose 8 an element of W; linear_bias 8;
// linear_ends 8 an element of the states that it moves, 12 where it adds.
// Launch: (B / lines) blocks of 256, `lanes` threads, a power of 2 of 32 or more, for a state, and lines = 256 / lanes states;
// linear_transpose blocks of 256 over all values; linear_ends and linear_bias as in columns.cuh.
// Order of sums: four sums over k side by side, k = 0, 4, .. in the first, joined as (0 + 1) + (2 + 3), and then u.
// Source: the recurrence as it stands; Orvieto et al. 2023, section 3.1, for its use. Weights in registers: Diamos et al. 2016,
// Persistent RNNs.
#include "columns.cuh"

namespace {
constexpr int LeastLanes = 32;

template <int Most, bool Held>
DEVICE void recur(
    float *y,
    const float *m,
    const float *bias,
    const float *initial,
    const int *rows,
    const int *lengths,
    int steps,
    int batch,
    int size,
    int stride,
    int reverse,
    int lanes
) {
    // Both states of the lines of a block; wide states leave room for fewer lines.
    constexpr int Half = (Most <= 2 * LeastLanes ? WalkThreads / LeastLanes : WalkThreads / Most) * Most;
    SHARED float states[2 * Half];
    int lane = thread() & (lanes - 1);
    int line = thread() / lanes;
    int lines = WalkThreads / lanes;
    int b = block_x() * lines + line;
    bool mine = lane < size && b < batch;
    int length = b < batch ? (lengths ? lengths[b] : steps) : 0;
    int longest = lengths ? lengths[block_x() * lines] : steps;
    float held[Held ? Most : 1];
    if (Held) {
        UNROLL for (int k = 0; k < Most; k++) {
            bool there = k < size && lane < size;
            held[Held ? k : 0] = there ? m[k * size + lane] : 0.0f;
        }
    }
    for (int i = thread(); i < 2 * Half; i += WalkThreads)
        states[i] = 0.0f;
    barrier();
    if (initial && mine)
        states[line * Most + lane] = initial[(i64)b * size + lane];
    barrier();
    float shift = bias && mine ? bias[lane] : 0.0f;
    int t = reverse ? longest - 1 : 0;
    int delta = reverse ? -1 : 1;
    i64 at = ((rows ? rows[t] : (i64)t * batch) + b) * stride + lane;
    float next = mine && t < length ? y[at] : 0.0f;
    for (int n = 0; n < longest; n++) {
        bool on = mine && t < length;
        float u = next + shift;
        i64 here = at;
        t += delta;
        if (n + 1 < longest) {
            at = ((rows ? rows[t] : (i64)t * batch) + b) * stride + lane;
            next = mine && t < length ? y[at] : 0.0f;
        }
        const float4 *before = (const float4 *)(states + (n & 1) * Half + line * Most);
        float sums[4] = {};
        if (Held) {
            UNROLL for (int k = 0; k < Most / 4; k++) {
                float4 values = before[k];
                UNROLL for (int i = 0; i < 4; i++)
                    sums[i] = fma(values[i], held[Held ? 4 * k + i : 0], sums[i]);
            }
        } else if (mine) {
            for (int k = 0; k < size / 4; k++) {
                float4 values = before[k];
                UNROLL for (int i = 0; i < 4; i++)
                    sums[i] = fma(values[i], m[(4 * k + i) * size + lane], sums[i]);
            }
            int rest = size / 4 * 4;
            UNROLL for (int i = 0; i < 3; i++) {
                if (rest + i < size)
                    sums[i] = fma(((const float *)before)[rest + i], m[(rest + i) * size + lane], sums[i]);
            }
        }
        float value = u + ((sums[0] + sums[1]) + (sums[2] + sums[3]));
        // A sequence that has not begun keeps its initial state, and what one that has ended keeps is not read.
        if (on)
            y[here] = value;
        else if (mine)
            value = ((const float *)before)[lane];
        if (mine)
            states[((n + 1) & 1) * Half + line * Most + lane] = value;
        barrier();
    }
}
} // namespace

#define RECURRENCE(name, most, held)                                                               \
    KERNEL LAUNCH(WalkThreads) name(                                                               \
        float *y,                                                                                  \
        const float *m,                                                                            \
        const float *bias,                                                                         \
        const float *initial,                                                                      \
        const int *rows,                                                                           \
        const int *lengths,                                                                        \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int size,                                                                                  \
        int stride,                                                                                \
        int reverse,                                                                               \
        int lanes                                                                                  \
    ) {                                                                                            \
        recur<most, held>(                                                                         \
            y, m, bias, initial, rows, lengths, steps, batch, size, stride, reverse, lanes         \
        );                                                                                         \
    }

RECURRENCE(linear_recurrence_64, 64, true)
RECURRENCE(linear_recurrence_128, 128, true)
RECURRENCE(linear_recurrence_any, 256, false)

// to[k, j] = w[j, k]
KERNEL LAUNCH(WalkThreads) linear_transpose(const float *w, float *to, int size) {
    i64 count = (i64)size * size;
    i64 stride = (i64)blocks_x() * WalkThreads;
    for (i64 i = (i64)block_x() * WalkThreads + thread(); i < count; i += stride) {
        int row = (int)i / size;
        to[i] = w[((int)i - row * size) * size + row];
    }
}

// Each sequence's first or last step: its values go to states [B, C], or, where `adds`, get those added.
KERNEL LAUNCH(WalkThreads) linear_ends(
    float *y,
    float *states,
    const int *rows,
    const int *lengths,
    int steps,
    int batch,
    int columns,
    int stride,
    int last,
    int adds,
    int lanes
) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (i64 b = w.row; b < batch; b += w.stride) {
        int t = last ? (lengths ? lengths[b] : steps) - 1 : 0;
        i64 i = ((rows ? rows[t] : (i64)t * batch) + b) * stride + w.column;
        float *state = states + b * columns + w.column;
        if (adds)
            y[i] += *state;
        else
            *state = y[i];
    }
}

// Adds a row to every row of values that lie `stride` apart.
KERNEL LAUNCH(WalkThreads) linear_bias(
    const float *row,
    float *y,
    i64 rows,
    int columns,
    int stride,
    int lanes
) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    float shift = row[w.column];
    for (i64 r = w.row; r < rows; r += w.stride)
        y[r * stride + w.column] += shift;
}
