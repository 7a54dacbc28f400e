// The complex diagonal scan where there are many channels: a thread walks all time for one channel or, with `_pair`, two
// neighbours.
//
//   forward   x_t = lambda x_{t-1} + u_t, states [T, B, N] complex hold u and then x
//   backward  s_t = dx_t + conj(lambda) s_{t+1}, the gradient holds dx and then s; dlambda = sum of s_t conj(x_{t-1})
//
// and the same from the end to the beginning where delta is -1 (forward) or 1 (backward). A range of steps goes on from
// the step before it: forward from its x, backward from `from` [B, N]; backward leaves its last s in `to` where one is
// given. Sums for dlambda go to partials [B, N], or are added to them where there are slabs of earlier ranges: the rest is
// lru_prepare_gradient's.
//
// Bytes a complex element: forward reads u and writes x, 16; backward reads dx and x and writes s, 24. Once a channel:
// lambda 8, partial 8 (and 8 where it is read). Packed, 4 bytes a step and block for its rows.
// In flight: 16 steps of 8 bytes a thread are loaded while the 16 before them are walked, 2048 bytes and more a warp; of
// packed rows none where the rows of the next 64 steps are looked up.
// Launch: (channels / 128) blocks of 128, with `_pair` (channels / 256); pairs want N even and 16-byte addresses.
// Source: the recurrence as it stands; Orvieto et al. 2023 for the model.
#include "scan.cuh"

namespace {
constexpr int Threads = 128;
// Steps whose rows are looked up at a time, a multiple of both batches.
constexpr int Window = 64;

// The steps of a window, one more on each side.
template <bool Packed> struct Steps {
    const ScanShape &shape;
    ScanStep *window;

    // Steps that are walked without a look: all of them where rows are not packed, so that loads ahead do not run dry.
    MEMBER int most() { return Packed ? Window : shape.count; }

    MEMBER void look(int first) {
        if (!Packed)
            return;
        barrier();
        for (int k = thread(); k < Window + 2; k += Threads)
            window[k] = scan_step<true>(shape, shape.start + (first + k - 1) * shape.delta);
        barrier();
    }

    // The row of step `first + k`, which is there.
    MEMBER i64 row(int first, int k) {
        if (Packed)
            return window[k + 1].row;
        return (i64)(shape.start + (first + k) * shape.delta) * shape.batch;
    }

    MEMBER bool has(int k, int sequence) { return !Packed || sequence < window[k + 1].active; }
};

template <typename V> struct Few;
template <> struct Few<float2> {
    static constexpr int Channels = 1;
    static constexpr int Batch = 16;
};
template <> struct Few<float4> {
    static constexpr int Channels = 2;
    static constexpr int Batch = 8;
};

DEVICE float2 lambda_of(const float *lambda, int at, float2) {
    return *(const float2 *)(lambda + 2 * at);
}

// lambda has no more than the alignment of a pair of floats.
DEVICE float4 lambda_of(const float *lambda, int at, float4) {
    float4 both;
    both.xy = *(const float2 *)(lambda + 2 * at);
    both.zw = *(const float2 *)(lambda + 2 * at + 2);
    return both;
}

DEVICE void conjugate(float2 &lambda) { lambda.y = -lambda.y; }
DEVICE void conjugate(float4 &lambda) {
    lambda.y = -lambda.y;
    lambda.w = -lambda.w;
}

template <typename V, bool Packed>
DEVICE void forward(const float *lambdas, float *states, const ScanShape &shape) {
    constexpr int Batch = Few<V>::Batch;
    SHARED ScanStep window[Window + 2];
    Steps<Packed> steps = {shape, window};
    i64 channel = ((i64)block_x() * Threads + thread()) * Few<V>::Channels;
    bool mine = channel < (i64)shape.batch * shape.size;
    if (!Packed && !mine)
        return;
    // Those beyond the last channel have no step, but come to the barriers.
    int sequence = mine ? (int)(channel / shape.size) : shape.batch;
    V lambda = lambda_of(lambdas, mine ? (int)(channel % shape.size) : 0, V());
    float *own = states + 2 * channel;
    auto place = [&](int first, int k) { return (V *)(own + 2 * steps.row(first, k) * shape.size); };
    V s = V(0.0f);
    for (int first = 0; first < shape.count; first += steps.most()) {
        steps.look(first);
        int count = (int)least(steps.most(), shape.count - first);
        bool follows = (u32)(shape.start - shape.delta) < (u32)shape.steps;
        if (first == 0 && follows && steps.has(-1, sequence))
            s = *place(0, -1);
        // Whole batches without questions, or their loads would wait for one another.
        auto load = [&](V(&u)[Batch], int from) {
            bool whole = from + Batch <= count;
            UNROLL for (int k = 0; k < Batch; k++)
                u[k] = V(0.0f);
            if (whole) {
                UNROLL for (int k = 0; k < Batch; k++) {
                    if (steps.has(from + k, sequence))
                        u[k] = *place(first, from + k);
                }
            } else {
                UNROLL for (int k = 0; k < Batch; k++) {
                    if (from + k < count && steps.has(from + k, sequence))
                        u[k] = *place(first, from + k);
                }
            }
        };
        V u[Batch];
        load(u, 0);
        for (int from = 0; from < count; from += Batch) {
            V next[Batch];
            load(next, from + Batch);
            UNROLL for (int k = 0; k < Batch; k++) {
                if (from + k < count) {
                    s = advance(lambda, s, u[k]);
                    if (steps.has(from + k, sequence))
                        *place(first, from + k) = s;
                }
            }
            UNROLL for (int k = 0; k < Batch; k++)
                u[k] = next[k];
        }
    }
}

DEVICE void add_slopes(Slope (&slopes)[1], float2 s, float2 x) { add_slope(slopes[0], s, x); }
DEVICE void add_slopes(Slope (&slopes)[2], float4 s, float4 x) {
    add_slope(slopes[0], s.xy, x.xy);
    add_slope(slopes[1], s.zw, x.zw);
}

template <typename V, bool Packed>
DEVICE void backward(
    const float *lambdas,
    const float *states,
    float *gradient,
    const ScanShape &shape,
    const float *from_carry,
    float *to_carry,
    float2 *partials,
    int slabs
) {
    // Two values a step.
    constexpr int Batch = Few<V>::Batch / 2;
    constexpr int Channels = Few<V>::Channels;
    SHARED ScanStep window[Window + 2];
    Steps<Packed> steps = {shape, window};
    i64 channel = ((i64)block_x() * Threads + thread()) * Channels;
    bool mine = channel < (i64)shape.batch * shape.size;
    if (!Packed && !mine)
        return;
    int sequence = mine ? (int)(channel / shape.size) : shape.batch;
    V lambda = lambda_of(lambdas, mine ? (int)(channel % shape.size) : 0, V());
    conjugate(lambda);
    const float *own = states + 2 * channel;
    // The gradient holds the range only.
    int lowest = shape.delta > 0 ? shape.start : shape.start - shape.count + 1;
    float *slope = gradient + 2 * channel - 2 * scan_step<Packed>(shape, lowest).row * shape.size;
    // Steps with a state before them in the recurrence, which is after them here.
    bool more = (u32)(shape.start + shape.count * shape.delta) < (u32)shape.steps;
    int preceded = more ? shape.count : shape.count - 1;
    auto place = [&](int first, int k) {
        return (V *)(slope + 2 * steps.row(first, k) * shape.size);
    };
    auto before = [&](int first, int k) {
        return *(const V *)(own + 2 * steps.row(first, k + 1) * shape.size);
    };
    Slope slopes[Channels] = {};
    V s = V(0.0f);
    if (mine && from_carry)
        s = *(const V *)(from_carry + 2 * channel);
    for (int first = 0; first < shape.count; first += steps.most()) {
        steps.look(first);
        int count = (int)least(steps.most(), shape.count - first);
        auto load = [&](V(&d)[Batch], V(&x)[Batch], int from) {
            bool whole = from + Batch <= count && first + from + Batch <= preceded;
            UNROLL for (int k = 0; k < Batch; k++) {
                d[k] = V(0.0f);
                x[k] = V(0.0f);
            }
            if (whole) {
                UNROLL for (int k = 0; k < Batch; k++) {
                    if (steps.has(from + k, sequence))
                        d[k] = *place(first, from + k);
                    if (steps.has(from + k, sequence) && steps.has(from + k + 1, sequence))
                        x[k] = before(first, from + k);
                }
            } else {
                UNROLL for (int k = 0; k < Batch; k++) {
                    if (from + k < count && steps.has(from + k, sequence)) {
                        d[k] = *place(first, from + k);
                        if (first + from + k < preceded && steps.has(from + k + 1, sequence))
                            x[k] = before(first, from + k);
                    }
                }
            }
        };
        V d[Batch], x[Batch];
        load(d, x, 0);
        for (int from = 0; from < count; from += Batch) {
            V next_d[Batch], next_x[Batch];
            load(next_d, next_x, from + Batch);
            UNROLL for (int k = 0; k < Batch; k++) {
                if (from + k < count) {
                    s = advance(lambda, s, d[k]);
                    if (steps.has(from + k, sequence)) {
                        *place(first, from + k) = s;
                        add_slopes(slopes, s, x[k]);
                    } else {
                        s = V(0.0f);
                    }
                }
            }
            UNROLL for (int k = 0; k < Batch; k++) {
                d[k] = next_d[k];
                x[k] = next_x[k];
            }
        }
    }
    if (!mine)
        return;
    if (to_carry)
        *(V *)(to_carry + 2 * channel) = s;
    UNROLL for (int k = 0; k < Channels; k++) {
        float2 sum = value(slopes[k]);
        if (slabs > 0)
            sum += partials[channel + k];
        partials[channel + k] = sum;
    }
}
} // namespace

#define SCAN_WIDE(suffix, V, packed)                                                               \
    KERNEL LAUNCH(Threads) scan_wide_forward##suffix(                                              \
        const float *lambda,                                                                       \
        float *states,                                                                             \
        const int *rows,                                                                           \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int size,                                                                                  \
        int start,                                                                                 \
        int delta,                                                                                 \
        int count                                                                                  \
    ) {                                                                                            \
        ScanShape shape = {rows, steps, batch, size, start, delta, count};                         \
        forward<V, packed>(lambda, states, shape);                                                 \
    }                                                                                              \
    KERNEL LAUNCH(Threads) scan_wide_backward##suffix(                                             \
        const float *lambda,                                                                       \
        const float *states,                                                                       \
        float *gradient,                                                                           \
        const int *rows,                                                                           \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int size,                                                                                  \
        int start,                                                                                 \
        int delta,                                                                                 \
        int count,                                                                                 \
        const float *from_carry,                                                                   \
        float *to_carry,                                                                           \
        float *partials,                                                                           \
        int slabs                                                                                  \
    ) {                                                                                            \
        ScanShape shape = {rows, steps, batch, size, start, delta, count};                         \
        backward<V, packed>(                                                                       \
            lambda,                                                                                \
            states,                                                                                \
            gradient,                                                                              \
            shape,                                                                                 \
            from_carry,                                                                            \
            to_carry,                                                                              \
            (float2 *)partials,                                                                    \
            slabs                                                                                  \
        );                                                                                         \
    }

SCAN_WIDE(, float2, false)
SCAN_WIDE(_packed, float2, true)
SCAN_WIDE(_pair, float4, false)
SCAN_WIDE(_pair_packed, float4, true)
