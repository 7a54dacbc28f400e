// tanh and relu networks whose recurrent weights stay on the chip: h_t = f(u_t + b_ih + b_hh + W_hh h_{t-1}), and the gradient of u.
// See recurrent.cuh for how the work is split.
//
// Shapes: y [rows, stride] holds u = W_ih x in `size` of its columns and then h; backward dy and y [rows, stride] are read and du
// [rows, size] is written. packed: W_hh by recurrent_pack. bias_ih, bias_hh [size]; initial and final states and their gradients [B, size];
// bias_sums [B, size], of each sequence's du. Each of those may be null. rows and lengths as in linear_recurrence.cu, null where all
// sequences have `steps`. A direction that is `reverse` begins at each sequence's end.
//
// Bytes an element: forward 8 (u in, h out), backward 12 (y, dy, du); of a block the packed weights once, biases and states once, and
// packed 4 a step and thread for its rows, 4 a thread for its length.
// Launch: B blocks of `Size` threads, rounded up to whole warps, for the smallest class that holds `size`; dynamic shared memory as in
// RecurrentChip.cs.
// Order of sums: each lane of a team over its elements of the vector, four at a time; then lanes 2 apart, then neighbours; then u with
// both biases.
// Source: the recurrence as it stands; weights in registers: Diamos et al. 2016, Persistent RNNs.
#include "recurrent.cuh"

namespace {
DEVICE constexpr int whole_warps(int threads) { return (threads + 31) / 32 * 32; }

template <int Size, int Held>
DEVICE void forward(
    float *y,
    const float4 *packed,
    const float *bias_ih,
    const float *bias_hh,
    const float *initial,
    float *final,
    const int *rows,
    const int *lengths,
    int steps,
    int batch,
    int size,
    int stride,
    int reverse,
    int relu
) {
    constexpr int Threads = whole_warps(Size);
    SHARED float4 vectors[2 * Size / 4];
    float *values = (float *)vectors;
    bool there = thread() < Size;
    int unit = there ? thread() : Size - 1;
    bool mine = there && unit < size;
    Course course(rows, lengths, steps, batch);
    Weights<4, 4, Size / 16, Held, Size> weights;
    weights.load(packed, unit, there);
    clear<Threads, 2 * Size / 4>(vectors);
    float h = initial && mine ? initial[(i64)course.b * size + unit] : 0.0f;
    float bias = mine ? value_or_zero(bias_ih, unit) + value_or_zero(bias_hh, unit) : 0.0f;
    if (mine)
        values[unit] = h;
    barrier();
    i64 at = course.length > 0 ? (i64)course.row(0, reverse) * stride + unit : 0;
    float next = mine && course.length > 0 ? y[at] : 0.0f;
    for (int n = 0; n < course.length; n++) {
        float u = next + bias;
        i64 here = at;
        if (n + 1 < course.length && mine) {
            at = (i64)course.row(n + 1, reverse) * stride + unit;
            next = y[at];
        }
        float sums[4];
        weights.multiply(vectors + (n & 1) * (Size / 4), thread() & 3, unit, sums);
        float sum = u + own_sum<4>(sums);
        h = relu ? larger(0.0f, sum) : hyperbolic_tangent(sum);
        if (mine) {
            y[here] = h;
            values[((n + 1) & 1) * Size + unit] = h;
        }
        barrier();
    }
    if (final && mine)
        final[(i64)course.b * size + unit] = h;
}

template <int Size, int Held>
DEVICE void backward(
    const float *y,
    const float4 *packed,
    const float *dy,
    float *du,
    const float *final_gradient,
    float *initial_gradient,
    float *bias_sums,
    const int *rows,
    const int *lengths,
    int steps,
    int batch,
    int size,
    int stride,
    int reverse,
    int relu
) {
    constexpr int Threads = whole_warps(Size);
    SHARED float4 vectors[2 * Size / 4];
    float *values = (float *)vectors;
    bool there = thread() < Size;
    int unit = there ? thread() : Size - 1;
    bool mine = there && unit < size;
    Course course(rows, lengths, steps, batch);
    Weights<4, 4, Size / 16, Held, Size> weights;
    weights.load(packed, unit, there);
    clear<Threads, 2 * Size / 4>(vectors);
    float carry = final_gradient && mine ? final_gradient[(i64)course.b * size + unit] : 0.0f;
    float total = 0.0f;
    int row = course.length > 0 ? course.row(course.length - 1, reverse) : 0;
    bool reads = mine && course.length > 0;
    float next_y = reads ? y[(i64)row * stride + unit] : 0.0f;
    float next_dy = reads ? dy[(i64)row * stride + unit] : 0.0f;
    for (int n = course.length - 1; n >= 0; n--) {
        float h = next_y;
        float dh = next_dy + carry;
        int here = row;
        if (n > 0 && mine) {
            row = course.row(n - 1, reverse);
            next_y = y[(i64)row * stride + unit];
            next_dy = dy[(i64)row * stride + unit];
        }
        float slope = relu ? (h > 0.0f ? dh : 0.0f) : dh * fma(0.0f - h, h, 1.0f);
        if (mine) {
            du[(i64)here * size + unit] = slope;
            total += slope;
            values[(n & 1) * Size + unit] = slope;
        }
        barrier();
        float sums[4];
        weights.multiply(vectors + (n & 1) * (Size / 4), thread() & 3, unit, sums);
        carry = own_sum<4>(sums);
    }
    if (!mine)
        return;
    if (initial_gradient)
        initial_gradient[(i64)course.b * size + unit] = carry;
    if (bias_sums)
        bias_sums[(i64)course.b * size + unit] = total;
}
} // namespace

#define RNN(class, held)                                                                            \
    KERNEL LAUNCH_BLOCKS(whole_warps(class), 1) recurrent_rnn_##class(                                         \
        float *y,                                                                                  \
        const float4 *packed,                                                                      \
        const float *bias_ih,                                                                      \
        const float *bias_hh,                                                                      \
        const float *initial,                                                                      \
        float *final,                                                                              \
        const int *rows,                                                                           \
        const int *lengths,                                                                        \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int size,                                                                                  \
        int stride,                                                                                \
        int reverse,                                                                               \
        int relu                                                                                   \
    ) {                                                                                            \
        forward<class, held>(                                                                       \
            y, packed, bias_ih, bias_hh, initial, final, rows, lengths, steps, batch, size,        \
            stride, reverse, relu                                                                  \
        );                                                                                         \
    }                                                                                              \
    KERNEL LAUNCH_BLOCKS(whole_warps(class), 1) recurrent_rnn_gradient_##class(                                \
        const float *y,                                                                            \
        const float4 *packed,                                                                      \
        const float *dy,                                                                           \
        float *du,                                                                                 \
        const float *final_gradient,                                                               \
        float *initial_gradient,                                                                   \
        float *bias_sums,                                                                          \
        const int *rows,                                                                           \
        const int *lengths,                                                                        \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int size,                                                                                  \
        int stride,                                                                                \
        int reverse,                                                                               \
        int relu                                                                                   \
    ) {                                                                                            \
        backward<class, held>(                                                                      \
            y, packed, dy, du, final_gradient, initial_gradient, bias_sums, rows, lengths, steps,  \
            batch, size,  stride, reverse, relu                                                    \
        );                                                                                         \
    }

RNN(64, 64)
RNN(128, 128)
RNN(192, 192)
RNN(256, 208)
RNN(272, 128)
