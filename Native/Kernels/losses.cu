// Losses with their gradients; Layers/Backends/Backend.cs says what they are.
//
// Shapes: mean_squared_error: prediction, target, gradient [count]. Others: prediction, target, logits, gradient and binary
// targets [rows, K], classes [rows] whole numbers kept as floats, mask [rows]. value [1]. A null gradient is not wanted; a
// null mask is all ones, and `weights` too, else weights[0] is the mask's sum, which mask_sum leaves there. Rows of weight 0
// are not looked at, and their gradient is 0. partials [blocks] doubles, counter [1], 0 between launches. The gradient may be
// the prediction or the logits themselves: a value is read by the lane that writes its gradient, and before.
//
// Bytes an element: softmax_cross_entropy 8 for K <= 256, which stay in registers, else 12; the others 12. A row: class 4,
// mask 4 (and 4 in mask_sum).
// Order: a row is summed in floats by its group of lanes, rows and blocks in double, in their order: runs repeat bit for
// bit. The mask's sum is a launch of its own, since every gradient is divided by it.
// Launch: blocks of 256; mean_squared_error by packs of four where addresses are multiples of 16; of the others a row to a group
// of `lanes` lanes, a power of 2 up to 32, whose neighbours have neighbouring values; mask_sum one block.
// Source: log-sum-exp around the largest logit; for K > 256 sum and largest in one pass, Milakov and Gimelshein 2018.
#include "functions.cuh"

namespace {
constexpr int Threads = 256;
constexpr int Kept = 8;

// The last block adds what all blocks left, and writes value = sum / weight, or 0 for no weight.
DEVICE void finish(double loss, double weight, float *value, double *partials, u32 *counter) {
    SHARED double warps[Threads / 32];
    loss = block_sum(loss, warps);
    if (thread() == 0)
        partials[block_x()] = loss;
    if (!last_block(counter, (u32)blocks_x()))
        return;
    double all = 0.0;
    for (int i = thread(); i < blocks_x(); i += Threads)
        all += load_shared(partials + i);
    all = block_sum(all, warps);
    if (thread() == 0)
        *value = weight == 0.0 ? 0.0f : (float)(all / weight);
}

// The rows of a group of lanes.
struct Rows {
    int lane;
    i64 row;
    i64 stride;
    // The same for all groups of a warp, whose lanes stay together for their sums.
    i64 first;
};

DEVICE Rows rows_of(int lanes) {
    Rows g;
    g.lane = thread() & (lanes - 1);
    i64 groups = Threads / lanes;
    g.stride = groups * blocks_x();
    g.row = groups * block_x() + thread() / lanes;
    g.first = groups * block_x() + (thread() & ~31) / lanes;
    return g;
}

// Of differences from value i on: their squares, and the gradients where there is a place for them.
template <int Width>
DEVICE double squared_error(Values<Width> difference, float scale, float *gradient, i64 i) {
    double loss = 0.0;
    UNROLL for (int k = 0; k < Width; k++)
        loss = fma((double)difference[k], (double)difference[k], loss);
    if (gradient)
        put<Width>(gradient + i, difference * scale);
    return loss;
}

DEVICE double weight_of(const double *weights, i64 rows) {
    return weights ? weights[0] : (double)rows;
}
} // namespace

KERNEL LAUNCH(Threads) mean_squared_error(
    const float *prediction,
    const float *target,
    float *gradient,
    float *value,
    i64 count,
    double *partials,
    u32 *counter
) {
    float scale = 2.0f / (float)count;
    double loss = 0.0;
    i64 first = (i64)block_x() * Threads + thread();
    i64 stride = (i64)blocks_x() * Threads;
    i64 whole = aligned(prediction, target, gradient) ? count / 4 : 0;
    i64 i = first;
    // Two packs are read before the first gradient is written.
    for (; i + stride < whole; i += 2 * stride) {
        Values<4> difference[2];
        UNROLL for (int k = 0; k < 2; k++) {
            i64 at = 4 * (i + k * stride);
            difference[k] = values_at<4>(prediction + at) - values_at<4>(target + at);
        }
        UNROLL for (int k = 0; k < 2; k++)
            loss += squared_error(difference[k], scale, gradient, 4 * (i + k * stride));
    }
    if (i < whole) {
        Values<4> difference = values_at<4>(prediction + 4 * i) - values_at<4>(target + 4 * i);
        loss += squared_error(difference, scale, gradient, 4 * i);
    }
    for (i = 4 * whole + first; i < count; i += stride) {
        Values<1> difference = values_at<1>(prediction + i) - values_at<1>(target + i);
        loss += squared_error(difference, scale, gradient, i);
    }
    finish(loss, (double)count, value, partials, counter);
}

KERNEL LAUNCH(Threads) mask_sum(const float *mask, double *weights, i64 rows) {
    SHARED double warps[Threads / 32];
    double sum = 0.0;
    for (i64 i = thread(); i < rows; i += Threads)
        sum += mask[i];
    sum = block_sum(sum, warps);
    if (thread() == 0)
        weights[0] = sum;
}

KERNEL LAUNCH(Threads) masked_squared_error(
    const float *prediction,
    const float *target,
    const float *mask,
    const double *weights,
    float *gradient,
    float *value,
    i64 rows,
    int columns,
    int lanes,
    double *partials,
    u32 *counter
) {
    Rows g = rows_of(lanes);
    double all = weights[0] * (double)columns;
    float scale = all == 0.0 ? 0.0f : (float)(2.0 / all);
    double loss = 0.0;
    for (i64 r = g.row; r < rows; r += g.stride) {
        float weight = mask[r];
        float factor = weight * scale;
        double sum = 0.0;
        for (int c = g.lane; c < columns; c += lanes) {
            i64 i = r * columns + c;
            float slope = 0.0f;
            if (weight != 0.0f) {
                float difference = prediction[i] - target[i];
                sum += (double)difference * (double)difference;
                slope = factor * difference;
            }
            if (gradient)
                gradient[i] = slope;
        }
        loss += (double)weight * sum;
    }
    finish(loss, all, value, partials, counter);
}

KERNEL LAUNCH(Threads) softmax_cross_entropy(
    const float *logits,
    const float *classes,
    const float *mask,
    const double *weights,
    float *gradient,
    float *value,
    i64 rows,
    int columns,
    int lanes,
    double *partials,
    u32 *counter
) {
    Rows g = rows_of(lanes);
    double all = weight_of(weights, rows);
    float scale = all == 0.0 ? 0.0f : (float)(1.0 / all);
    double loss = 0.0;
    bool kept = columns <= Kept * lanes;
    for (i64 first = g.first, r = g.row; first < rows; first += g.stride, r += g.stride) {
        bool there = r < rows;
        float weight = there ? mask ? mask[r] : 1.0f : 0.0f;
        bool counts = weight != 0.0f;
        const float *row = logits + (counts ? r : 0) * columns;
        float most = -__builtin_inff();
        float sum = 0.0f;
        float values[Kept];
        if (kept) {
            UNROLL for (int k = 0; k < Kept; k++) {
                int c = g.lane + k * lanes;
                values[k] = counts && c < columns ? row[c] : -__builtin_inff();
                most = larger(most, values[k]);
            }
            most = group_largest(most, lanes);
            UNROLL for (int k = 0; k < Kept; k++) {
                int c = g.lane + k * lanes;
                values[k] = c < columns ? exponential(values[k] - most) : 0.0f;
                sum += values[k];
            }
        } else {
            // What was summed so far is scaled down where a larger logit comes.
            for (int c = g.lane; counts && c < columns; c += lanes) {
                float x = row[c];
                if (x > most) {
                    // Then it is 0 or NaN, which stays.
                    sum = most == -__builtin_inff() ? sum : sum * exponential(most - x);
                    most = x;
                }
                // Nothing but -inf so far weighs nothing; their difference would be NaN.
                if (x != -__builtin_inff() || most != -__builtin_inff())
                    sum += exponential(x - most);
            }
            float own = most;
            most = group_largest(most, lanes);
            sum = own == -__builtin_inff() ? sum : sum * exponential(own - most);
        }
        sum = group_sum(sum, lanes);
        if (!there)
            continue;
        int label = counts ? (int)classes[r] : 0;
        // Another lane might read it after its gradient was written over it.
        if (counts && g.lane == (label & (lanes - 1))) {
            double off = logarithm((double)sum) + (double)most - (double)row[label];
            loss += (double)weight * off;
        }
        if (!gradient)
            continue;
        float *slope = gradient + r * columns;
        float factor = weight * scale;
        float share = factor / sum;
        if (!counts) {
            for (int c = g.lane; c < columns; c += lanes)
                slope[c] = 0.0f;
        } else if (kept) {
            UNROLL for (int k = 0; k < Kept; k++) {
                int c = g.lane + k * lanes;
                if (c < columns)
                    slope[c] = share * values[k] - (c == label ? factor : 0.0f);
            }
        } else {
            for (int c = g.lane; c < columns; c += lanes)
                slope[c] = share * exponential(row[c] - most) - (c == label ? factor : 0.0f);
        }
    }
    finish(loss, all, value, partials, counter);
}

KERNEL LAUNCH(Threads) binary_cross_entropy(
    const float *logits,
    const float *targets,
    const float *mask,
    const double *weights,
    float *gradient,
    float *value,
    i64 rows,
    int columns,
    int lanes,
    double *partials,
    u32 *counter
) {
    Rows g = rows_of(lanes);
    double all = weight_of(weights, rows);
    float scale = all == 0.0 ? 0.0f : (float)(1.0 / all);
    double loss = 0.0;
    for (i64 first = g.first, r = g.row; first < rows; first += g.stride, r += g.stride) {
        bool there = r < rows;
        float weight = there ? mask ? mask[r] : 1.0f : 0.0f;
        float factor = weight * scale;
        float sum = 0.0f;
        for (int c = g.lane; there && c < columns; c += lanes) {
            i64 i = r * columns + c;
            float slope = 0.0f;
            // Rows of weight 0 are not looked at.
            if (weight != 0.0f) {
                float x = logits[i];
                float y = targets[i];
                // exp(-|x|), which never overflows.
                float e = exponential(0.0f - __builtin_fabsf(x));
                sum += larger(0.0f, x) - x * y + log_one_plus(e);
                float large = 1.0f / (1.0f + e);
                slope = factor * ((x > 0.0f ? large : e * large) - y);
            }
            if (gradient)
                gradient[i] = slope;
        }
        sum = group_sum(sum, lanes);
        if (g.lane == 0)
            loss += (double)weight * (double)sum;
    }
    finish(loss, all, value, partials, counter);
}
