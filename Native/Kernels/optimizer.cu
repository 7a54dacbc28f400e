// The global norm of the gradients, and the update that it scales, over all parameters;
// Layers/Operations/OptimizerUpdate.cs.
//
// Shapes: parameters, gradients, first, second [count]; state [5]: learning rate, steps, skipped steps, last norm, largest
// norm; segments [n], which follow each other and cover all; partials [blocks] doubles; counter [1], 0 between launches; step [5], from
// optimizer_norm to the update.
// Two launches: the update needs the norm of all gradients, and a grid that waits for it within one launch may be no larger
// than what the device holds at once (a cooperative launch), which costs as much as the boundary of two nodes of a graph.
// Where the norm is not finite, the first one counts a skipped step and the second does nothing.
//
// Bytes a parameter: norm 4; SGD reads p and g and writes p, 12, with momentum 20; RMSProp 20; Adam and AdamW 28. Each block
// reads the segments and the step.
// Order: a thread adds squares in double, which are exact; then warps, blocks in their order: the norm repeats bit for bit. Where
// the gradients' address is no multiple of 16, threads have other values, and the sum another order.
// Launch: norm in blocks of 256 that stride, at most 512 of them; updates a block of 256 for each 1024 parameters, of which a
// thread has four side by side where all addresses are multiples of 16.
// Source: PyTorch's rules, epsilon outside the square root; clipping of Pascanu et al. 2013.
#include "functions.cuh"

namespace {
constexpr int Threads = 256;
constexpr int Each = 4;
// Of those that a block has at a time.
constexpr int Segments = 32;

// Of state.
enum { LearningRate, StepCount, Skipped, Norm, MaxNorm };

// Of step.
enum { Applies, Scale, Rate, Decay, SecondCorrection, StepLength };

struct Segment {
    i64 from;
    i64 to;
    float rate;
    float decays;
};

DEVICE bool finite(float x) { return __builtin_fabsf(x) <= 3.402823466e38f; }

// With squares added, which are exact in double.
template <int Width> DEVICE double squared(double sum, Values<Width> g) {
    UNROLL for (int k = 0; k < Width; k++)
        sum = fma((double)g[k], (double)g[k], sum);
    return sum;
}

struct Sgd {
    static constexpr bool HasFirst = false, HasSecond = false;
    MEMBER void operator()(float &p, float g, float &, float &, float rate, float, float) const {
        p = fma(rate, g, p);
    }
};

// The mean of gradients that an update leads to: with m as it is after this step, or, where it looks ahead, as it would be after
// the next one with the same gradient.
struct Mean {
    float beta1, weight;
    int ahead;
    MEMBER float operator()(float g, float &m) const {
        float part = weight * g;
        m = fma(beta1, m, part);
        return ahead != 0 ? fma(beta1, m, part) : m;
    }
};

struct Momentum {
    static constexpr bool HasFirst = true, HasSecond = false;
    Mean mean;
    MEMBER void operator()(float &p, float g, float &m, float &, float rate, float, float) const {
        p = fma(rate, mean(g, m), p);
    }
};

struct RmsProp {
    static constexpr bool HasFirst = true, HasSecond = false;
    float beta2, epsilon;
    MEMBER void operator()(
        float &p,
        float g,
        float &v,
        float &,
        float rate,
        float,
        float correction
    ) const {
        v = fma(beta2, v, (1.0f - beta2) * (g * g));
        p = fma(rate, g / fma(root(v), correction, epsilon), p);
    }
};

// And AdamW, whose decay is not 0.
struct Adam {
    static constexpr bool HasFirst = true, HasSecond = true;
    Mean mean;
    float beta2, epsilon;
    MEMBER void operator()(
        float &p,
        float g,
        float &m,
        float &v,
        float rate,
        float decay,
        float correction
    ) const {
        float direction = mean(g, m);
        v = fma(beta2, v, (1.0f - beta2) * (g * g));
        float scale = fma(root(v), correction, epsilon);
        p = fma(rate, fma(decay, p, direction / scale), p);
    }
};

// Values of the operands from one on, and what becomes of them.
template <int Width, typename Rule> struct Step {
    Values<Width> p, g, m, v;

    MEMBER void read(
        const float *parameters,
        const float *gradients,
        const float *first,
        const float *second,
        i64 i
    ) {
        p = values_at<Width>(parameters + i);
        g = values_at<Width>(gradients + i);
        if (Rule::HasFirst)
            m = values_at<Width>(first + i);
        if (Rule::HasSecond)
            v = values_at<Width>(second + i);
    }

    MEMBER void take(const Rule &rule, float scale, float rate, float decay, float correction) {
        UNROLL for (int k = 0; k < Width; k++) {
            float own = p[k], mean = Rule::HasFirst ? m[k] : 0.0f;
            float square = Rule::HasSecond ? v[k] : 0.0f;
            rule(own, scale * g[k], mean, square, rate, decay, correction);
            p[k] = own;
            if (Rule::HasFirst)
                m[k] = mean;
            if (Rule::HasSecond)
                v[k] = square;
        }
    }

    MEMBER void write(float *parameters, float *first, float *second, i64 i) const {
        put<Width>(parameters + i, p);
        if (Rule::HasFirst)
            put<Width>(first + i, m);
        if (Rule::HasSecond)
            put<Width>(second + i, v);
    }
};

template <typename Rule>
DEVICE void update(
    float *parameters,
    const float *gradients,
    float *first,
    float *second,
    const float *step,
    const Segment *segments,
    int count,
    i64 total,
    const Rule &rule
) {
    // Read once a block, and not by each thread.
    SHARED Segment few[Segments];
    SHARED float told[StepLength];
    if (thread() < StepLength)
        told[thread()] = step[thread()];
    barrier();
    if (told[Applies] == 0.0f)
        return;
    float scale = told[Scale];
    bool packs = aligned(parameters, gradients, first, second);
    i64 begin = (i64)block_x() * Threads * Each;
    i64 end = least(begin + Threads * Each, total);
    for (int n = 0; n < count; n++) {
        if (n % Segments == 0) {
            barrier();
            if (thread() < Segments && n + thread() < count)
                few[thread()] = segments[n + thread()];
            barrier();
        }
        Segment segment = few[n % Segments];
        i64 from = segment.from;
        i64 to = least(segment.to, end);
        if (from >= end)
            break;
        from = from < begin ? begin : from;
        if (from >= to)
            continue;
        float rate = -(told[Rate] * segment.rate);
        float decay = segment.decays != 0.0f ? told[Decay] : 0.0f;
        float correction = told[SecondCorrection];
        // A thread four values side by side, and up to three before and behind them one each; all one by one where they would be
        // no whole pack.
        i64 head = least(to, packs ? (from + 3) / 4 * 4 : to);
        i64 tail = packs && head < to ? to / 4 * 4 : to;
        i64 pack = head + 4 * thread();
        if (pack < tail) {
            Step<4, Rule> all;
            all.read(parameters, gradients, first, second, pack);
            all.take(rule, scale, rate, decay, correction);
            all.write(parameters, first, second, pack);
        }
        int before = (int)(head - from);
        int single = before + (int)(to - tail);
        Step<1, Rule> each[Each];
        UNROLL for (int k = 0; k < Each; k++) {
            int n = thread() + k * Threads;
            if (n < single)
                each[k].read(parameters, gradients, first, second, n < before ? from + n : tail + n - before);
        }
        UNROLL for (int k = 0; k < Each; k++) {
            int n = thread() + k * Threads;
            if (n >= single)
                continue;
            each[k].take(rule, scale, rate, decay, correction);
            each[k].write(parameters, first, second, n < before ? from + n : tail + n - before);
        }
    }
}
} // namespace

// beta1 and beta2 count where `corrected` is not 0: the means began with zeros.
KERNEL LAUNCH(Threads) optimizer_norm(
    const float *gradients,
    i64 count,
    float *state,
    float *step,
    int corrected,
    float beta1,
    float beta2,
    float decay,
    double *partials,
    u32 *counter
) {
    SHARED double warps[Threads / 32];
    double squares = 0.0;
    i64 stride = (i64)blocks_x() * Threads;
    i64 first = (i64)block_x() * Threads + thread();
    i64 whole = aligned(gradients) ? count / 4 : 0;
    i64 i = first;
    for (; i + 3 * stride < whole; i += 4 * stride) {
        Values<4> g[4];
        UNROLL for (int k = 0; k < 4; k++)
            g[k] = values_at<4>(gradients + 4 * (i + k * stride));
        UNROLL for (int k = 0; k < 4; k++)
            squares = squared(squares, g[k]);
    }
    for (; i < whole; i += stride)
        squares = squared(squares, values_at<4>(gradients + 4 * i));
    i = 4 * whole + first;
    for (; i + 3 * stride < count; i += 4 * stride) {
        Values<1> g[4];
        UNROLL for (int k = 0; k < 4; k++)
            g[k] = gradients[i + k * stride];
        UNROLL for (int k = 0; k < 4; k++)
            squares = squared(squares, g[k]);
    }
    for (; i < count; i += stride)
        squares = squared(squares, values_at<1>(gradients + i));
    squares = block_sum(squares, warps);
    if (thread() == 0)
        partials[block_x()] = squares;
    if (!last_block(counter, (u32)blocks_x()))
        return;
    squares = 0.0;
    for (int part = thread(); part < blocks_x(); part += Threads)
        squares += load_shared(partials + part);
    squares = block_sum(squares, warps);
    if (thread() != 0)
        return;
    float norm = (float)root(squares);
    state[Norm] = norm;
    bool applies = finite(norm);
    step[Applies] = applies ? 1.0f : 0.0f;
    // The update reads them all.
    step[Scale] = step[Rate] = step[Decay] = 0.0f;
    step[SecondCorrection] = 1.0f;
    if (!applies) {
        state[Skipped] += 1.0f;
        return;
    }
    float steps = state[StepCount] + 1.0f;
    state[StepCount] = steps;
    float rate = state[LearningRate];
    step[Scale] = smaller(1.0f, state[MaxNorm] / (norm + 1e-6f));
    if (corrected) {
        double correction = 1.0 - whole_power((double)beta1, (u32)steps);
        rate = (float)((double)rate / correction);
        // The decay goes by the rate as it is, without the correction of the mean.
        step[Decay] = (float)((double)decay * correction);
        double second = 1.0 - whole_power((double)beta2, (u32)steps);
        step[SecondCorrection] = (float)(1.0 / root(second));
    } else {
        step[Decay] = decay;
    }
    step[Rate] = rate;
}

KERNEL LAUNCH(Threads) optimizer_sgd(
    float *parameters,
    const float *gradients,
    const float *step,
    const Segment *segments,
    int segment_count,
    i64 count
) {
    update(parameters, gradients, nullptr, nullptr, step, segments, segment_count, count, Sgd());
}

KERNEL LAUNCH(Threads) optimizer_momentum(
    float *parameters,
    const float *gradients,
    float *first,
    const float *step,
    const Segment *segments,
    int segment_count,
    i64 count,
    float beta1,
    float weight,
    int ahead
) {
    Momentum rule = {{beta1, weight, ahead}};
    update(parameters, gradients, first, nullptr, step, segments, segment_count, count, rule);
}

KERNEL LAUNCH(Threads) optimizer_rmsprop(
    float *parameters,
    const float *gradients,
    float *second,
    const float *step,
    const Segment *segments,
    int segment_count,
    i64 count,
    float beta2,
    float epsilon
) {
    RmsProp rule = {beta2, epsilon};
    update(parameters, gradients, second, nullptr, step, segments, segment_count, count, rule);
}

KERNEL LAUNCH(Threads) optimizer_adam(
    float *parameters,
    const float *gradients,
    float *first,
    float *second,
    const float *step,
    const Segment *segments,
    int segment_count,
    i64 count,
    float beta1,
    float weight,
    int ahead,
    float beta2,
    float epsilon
) {
    Adam rule = {{beta1, weight, ahead}, beta2, epsilon};
    update(parameters, gradients, first, second, step, segments, segment_count, count, rule);
}
