// LSTMs whose recurrent weights stay on the chip, forward and backward. See recurrent.cuh for how the work is split.
//
// Shapes: gates [rows, 4 size] holds W_ih x, gates input, forget, cell and output side by side; where `keeps`, forward writes what their
// functions make of them there, and backward the gradients of W_ih x. cells [rows, size] is written where it is not null, and backward
// read. y and dy [rows, stride] are h and its gradient in `size` of their columns. packed: W_hh by recurrent_pack. bias_ih, bias_hh
// [4 size]; hidden and cell states and their gradients [B, size]; bias_sums [B, 4 size], of each sequence's gradients. Each of those may be
// null. rows, lengths and `reverse` as in recurrent_rnn.cu. Cells are clipped to [least, most] where they are read (infinities: never),
// and neither where they are kept nor where they are final.
//
// Bytes a unit and step: forward 40 (four gates in and out, cell and h out), 20 where nothing is kept; backward 40 (four gates in and out,
// the cell before, dy); of a block the packed weights once, biases and states once; backward the last cell besides. Packed 4 a step and
// thread for its rows, 4 a thread for its length.
// Launch: B blocks of 2 `Size` threads, rounded up to whole warps, for the smallest class that holds `size`; dynamic shared memory as in
// RecurrentChip.cs.
// Order of sums: each lane of a team over its elements of the vector, four at a time; then the team's lanes, the furthest apart first; then
// W_ih x with both biases. The cell as on the CPU (RecurrentCells.cs).
// Source: Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000, as cuDNN and PyTorch have it; weights in registers:
// Diamos et al. 2016, Persistent RNNs.
#include "recurrent.cuh"

namespace {
DEVICE constexpr int whole_warps(int threads) { return (threads + 31) / 32 * 32; }

// NaN is passed on.
DEVICE float clipped(float cell, float least, float most) {
    cell = least > cell ? least : cell;
    return cell > most ? most : cell;
}

// The gradient of a cell, given that of the clipped one that was read.
DEVICE float unclipped(float gradient, float cell, float least, float most) {
    return least > cell || cell > most ? 0.0f : gradient;
}

DEVICE float sigmoid_slope(float s) { return fma(0.0f - s, s, s); }

template <int Size, int Held>
DEVICE void forward(
    float *gates,
    const float4 *packed,
    const float *bias_ih,
    const float *bias_hh,
    float *y,
    float *cells,
    const float *initial_hidden,
    const float *initial_cell,
    float *final_hidden,
    float *final_cell,
    const int *rows,
    const int *lengths,
    int steps,
    int batch,
    int size,
    int stride,
    int reverse,
    int keeps,
    float least,
    float most
) {
    constexpr int Places = 2 * Size;
    constexpr int Threads = whole_warps(Places);
    SHARED float4 vectors[2 * Size / 4];
    float *values = (float *)vectors;
    bool there = thread() < Places;
    int place = there ? thread() : Places - 1;
    int unit = place / 2;
    int lane = thread() & 1;
    bool mine = there && unit < size;
    Course course(rows, lengths, steps, batch);
    Weights<4, 2, Size / 8, Held, Places> weights;
    weights.load(packed, place, there);
    clear<Threads, 2 * Size / 4>(vectors);
    i64 state = (i64)course.b * size + unit;
    float h = initial_hidden && mine ? initial_hidden[state] : 0.0f;
    float cell = initial_cell && mine ? initial_cell[state] : 0.0f;
    if (mine && lane == 0)
        values[unit] = h;
    // Lane 0 has the input and the forget gate, lane 1 the cell's and the output gate.
    int gate = 2 * lane * size + unit;
    float2 bias = float2(0.0f);
    if (mine) {
        bias.x = value_or_zero(bias_ih, gate) + value_or_zero(bias_hh, gate);
        bias.y = value_or_zero(bias_ih, gate + size) + value_or_zero(bias_hh, gate + size);
    }
    barrier();
    int row = course.length > 0 ? course.row(0, reverse) : 0;
    float2 next = float2(0.0f);
    if (mine && course.length > 0) {
        next.x = gates[(i64)row * 4 * size + gate];
        next.y = gates[(i64)row * 4 * size + gate + size];
    }
    for (int n = 0; n < course.length; n++) {
        float2 u = next + bias;
        int here = row;
        if (n + 1 < course.length && mine) {
            row = course.row(n + 1, reverse);
            next.x = gates[(i64)row * 4 * size + gate];
            next.y = gates[(i64)row * 4 * size + gate + size];
        }
        float sums[4];
        weights.multiply(vectors + (n & 1) * (Size / 4), lane, place, sums);
        u.x += (lane ? sums[2] : sums[0]) + exchange(lane ? sums[0] : sums[2], 1);
        u.y += (lane ? sums[3] : sums[1]) + exchange(lane ? sums[1] : sums[3], 1);
        float2 own;
        own.x = lane ? hyperbolic_tangent(u.x) : sigmoid(u.x);
        own.y = sigmoid(u.y);
        float2 other;
        other.x = exchange(own.x, 1);
        other.y = exchange(own.y, 1);
        float2 entry = lane ? other : own;
        float2 exit = lane ? own : other;
        cell = fma(entry.y, clipped(cell, least, most), entry.x * exit.x);
        h = exit.y * hyperbolic_tangent(clipped(cell, least, most));
        if (mine) {
            if (keeps) {
                gates[(i64)here * 4 * size + gate] = own.x;
                gates[(i64)here * 4 * size + gate + size] = own.y;
            }
            if (lane) {
                y[(i64)here * stride + unit] = h;
                values[((n + 1) & 1) * Size + unit] = h;
            } else if (cells)
                cells[(i64)here * size + unit] = cell;
        }
        barrier();
    }
    if (!mine)
        return;
    if (lane == 0 && final_hidden)
        final_hidden[state] = h;
    if (lane == 1 && final_cell)
        final_cell[state] = cell;
}

template <int Size, int Held>
DEVICE void backward(
    float *gates,
    const float4 *packed,
    const float *cells,
    const float *initial_cell,
    const float *dy,
    const float *final_hidden_gradient,
    const float *final_cell_gradient,
    float *initial_hidden_gradient,
    float *initial_cell_gradient,
    float *bias_sums,
    const int *rows,
    const int *lengths,
    int steps,
    int batch,
    int size,
    int stride,
    int reverse,
    float least,
    float most
) {
    constexpr int Places = 2 * Size;
    constexpr int Threads = whole_warps(Places);
    SHARED float4 vectors[2 * Size];
    SHARED float first_cells[Size];
    float *values = (float *)vectors;
    bool there = thread() < Places;
    int place = there ? thread() : Places - 1;
    int unit = place / 2;
    int lane = thread() & 1;
    bool mine = there && unit < size;
    Course course(rows, lengths, steps, batch);
    Weights<4, 8, Size / 8, Held, Places> weights;
    weights.load(packed, place, there);
    clear<Threads, 2 * Size>(vectors);
    i64 state = (i64)course.b * size + unit;
    float carry = final_hidden_gradient && mine ? final_hidden_gradient[state] : 0.0f;
    float cell_carry = final_cell_gradient && mine ? final_cell_gradient[state] : 0.0f;
    if (there && lane == 0)
        first_cells[unit] = initial_cell && mine ? initial_cell[state] : 0.0f;
    int gate = 2 * lane * size + unit;
    float2 total = float2(0.0f);
    // Of a step lane 0 reads the cell before, lane 1 the gradient of h, and each tells the other.
    auto more_of = [&](int n) {
        if (lane)
            return dy[(i64)course.row(n, reverse) * stride + unit];
        return n > 0 ? cells[(i64)course.row(n - 1, reverse) * size + unit] : first_cells[unit];
    };
    int row = 0;
    float2 next = float2(0.0f);
    float next_more = 0.0f;
    float cell = 0.0f;
    if (mine && course.length > 0) {
        row = course.row(course.length - 1, reverse);
        next.x = gates[(i64)row * 4 * size + gate];
        next.y = gates[(i64)row * 4 * size + gate + size];
        next_more = more_of(course.length - 1);
        if (lane == 0)
            cell = cells[(i64)row * size + unit];
    }
    float told = exchange(cell, 1);
    cell = lane ? told : cell;
    for (int n = course.length - 1; n >= 0; n--) {
        float2 own = next;
        told = exchange(next_more, 1);
        float before = lane ? told : next_more;
        float dh = (lane ? next_more : told) + carry;
        int here = row;
        if (n > 0 && mine) {
            row = course.row(n - 1, reverse);
            next.x = gates[(i64)row * 4 * size + gate];
            next.y = gates[(i64)row * 4 * size + gate + size];
            next_more = more_of(n - 1);
        }
        float2 other;
        other.x = exchange(own.x, 1);
        other.y = exchange(own.y, 1);
        float2 entry = lane ? other : own;
        float2 exit = lane ? own : other;
        float squashed = hyperbolic_tangent(clipped(cell, least, most));
        float slope = fma(0.0f - squashed, squashed, 1.0f);
        float dc = fma(dh * exit.y, unclipped(slope, cell, least, most), cell_carry);
        float2 d;
        if (lane) {
            d.x = dc * entry.x * fma(0.0f - exit.x, exit.x, 1.0f);
            d.y = dh * squashed * sigmoid_slope(exit.y);
        } else {
            d.x = dc * exit.x * sigmoid_slope(entry.x);
            d.y = dc * clipped(before, least, most) * sigmoid_slope(entry.y);
        }
        cell_carry = unclipped(dc * entry.y, before, least, most);
        cell = before;
        if (mine) {
            gates[(i64)here * 4 * size + gate] = d.x;
            gates[(i64)here * 4 * size + gate + size] = d.y;
            total += d;
            float *to = values + (n & 1) * 4 * Size + 2 * lane * Size + unit;
            to[0] = d.x;
            to[Size] = d.y;
        }
        barrier();
        float sums[4];
        weights.multiply(vectors + (n & 1) * Size, thread() & 7, place, sums);
        carry = own_sum<8>(sums);
    }
    if (!mine)
        return;
    // Reckoned again, as its register was wanted meanwhile.
    i64 begun = (i64)block_x() * size + unknown(unit);
    if (lane == 0 && initial_hidden_gradient)
        initial_hidden_gradient[begun] = carry;
    if (lane == 1 && initial_cell_gradient)
        initial_cell_gradient[begun] = cell_carry;
    if (bias_sums) {
        bias_sums[(i64)course.b * 4 * size + gate] = total.x;
        bias_sums[(i64)course.b * 4 * size + gate + size] = total.y;
    }
}
} // namespace

#define LSTM(class, held)                                                                          \
    KERNEL LAUNCH_BLOCKS(whole_warps(2 * class), 1) recurrent_lstm_##class(                        \
        float *gates,                                                                              \
        const float4 *packed,                                                                      \
        const float *bias_ih,                                                                      \
        const float *bias_hh,                                                                      \
        float *y,                                                                                  \
        float *cells,                                                                              \
        const float *initial_hidden,                                                               \
        const float *initial_cell,                                                                 \
        float *final_hidden,                                                                       \
        float *final_cell,                                                                         \
        const int *rows,                                                                           \
        const int *lengths,                                                                        \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int size,                                                                                  \
        int stride,                                                                                \
        int reverse,                                                                               \
        int keeps,                                                                                 \
        float least,                                                                               \
        float most                                                                                 \
    ) {                                                                                            \
        forward<class, held>(                                                                      \
            gates, packed, bias_ih, bias_hh, y, cells, initial_hidden, initial_cell, final_hidden, \
            final_cell, rows, lengths, steps, batch, size, stride, reverse, keeps, least, most     \
        );                                                                                         \
    }                                                                                              \
    KERNEL LAUNCH_BLOCKS(whole_warps(2 * class), 1) recurrent_lstm_gradient_##class(               \
        float *gates,                                                                              \
        const float4 *packed,                                                                      \
        const float *cells,                                                                        \
        const float *initial_cell,                                                                 \
        const float *dy,                                                                           \
        const float *final_hidden_gradient,                                                        \
        const float *final_cell_gradient,                                                          \
        float *initial_hidden_gradient,                                                            \
        float *initial_cell_gradient,                                                              \
        float *bias_sums,                                                                          \
        const int *rows,                                                                           \
        const int *lengths,                                                                        \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int size,                                                                                  \
        int stride,                                                                                \
        int reverse,                                                                               \
        float least,                                                                               \
        float most                                                                                 \
    ) {                                                                                            \
        backward<class, held>(                                                                     \
            gates, packed, cells, initial_cell, dy, final_hidden_gradient, final_cell_gradient,    \
            initial_hidden_gradient, initial_cell_gradient, bias_sums, rows, lengths, steps,       \
            batch, size, stride, reverse, least, most                                              \
        );                                                                                         \
    }

LSTM(32, 64)
LSTM(64, 128)
LSTM(96, 192)
LSTM(128, 192)
LSTM(136, 128)
