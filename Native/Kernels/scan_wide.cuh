// The scan whose threads walk all time, as scan_wide.cu tells it, without and with steps that begin anew
// (scan_wide_resets.cu).
#pragma once
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

// The cuts of a batch and of the next one are in one word; backward, whose batches are shorter, those of a step more too.
constexpr int MostBatch = 16;

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

template <typename V, bool Packed, bool Resets>
DEVICE void forward(
    const float *lambdas,
    float *states,
    const ScanShape &shape,
    const ScanResets &resets
) {
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
        auto load = [&](V(&u)[Batch], u32 &cuts, int from) {
            bool whole = from + Batch <= count;
            if (Resets)
                cuts = 0;
            if (Resets && mine && from < count)
                cuts = cuts_of(resets, shape, sequence, first + from) & ((1u << MostBatch) - 1);
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
        u32 cuts = 0;
        load(u, cuts, 0);
        for (int from = 0; from < count; from += Batch) {
            V next[Batch];
            u32 next_cuts = 0;
            load(next, next_cuts, from + Batch);
            if (Resets)
                cuts |= next_cuts << MostBatch;
            UNROLL for (int k = 0; k < Batch; k++) {
                if (from + k < count) {
                    s = advance(lambda, s, u[k]);
                    if (Resets && is_cut(cuts, k))
                        s = u[k];
                    if (steps.has(from + k, sequence))
                        *place(first, from + k) = s;
                }
            }
            UNROLL for (int k = 0; k < Batch; k++)
                u[k] = next[k];
            if (Resets)
                cuts >>= MostBatch;
        }
    }
}

DEVICE void add_slopes(Slope (&slopes)[1], float2 s, float2 x) { add_slope(slopes[0], s, x); }
DEVICE void add_slopes(Slope (&slopes)[2], float4 s, float4 x) {
    add_slope(slopes[0], s.xy, x.xy);
    add_slope(slopes[1], s.zw, x.zw);
}

template <typename V, bool Packed, bool Resets>
DEVICE void backward(
    const float *lambdas,
    const float *states,
    float *gradient,
    const ScanShape &shape,
    const ScanResets &resets,
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
        auto load = [&](V(&d)[Batch], V(&x)[Batch], u32 &cuts, int from) {
            if (Resets)
                cuts = 0;
            if (Resets && mine && from < count)
                cuts = cuts_of(resets, shape, sequence, first + from) & ((1u << MostBatch) - 1);
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
        u32 cuts = 0;
        load(d, x, cuts, 0);
        for (int from = 0; from < count; from += Batch) {
            V next_d[Batch], next_x[Batch];
            u32 next_cuts = 0;
            load(next_d, next_x, next_cuts, from + Batch);
            if (Resets)
                cuts |= next_cuts << MostBatch;
            UNROLL for (int k = 0; k < Batch; k++) {
                if (from + k < count) {
                    s = advance(lambda, s, d[k]);
                    if (Resets && is_cut(cuts, k))
                        s = d[k];
                    if (steps.has(from + k, sequence)) {
                        *place(first, from + k) = s;
                        add_slopes(slopes, s, Resets && is_cut(cuts, k + 1) ? V(0.0f) : x[k]);
                    } else {
                        s = V(0.0f);
                    }
                }
            }
            UNROLL for (int k = 0; k < Batch; k++) {
                d[k] = next_d[k];
                x[k] = next_x[k];
            }
            if (Resets)
                cuts >>= MostBatch;
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

