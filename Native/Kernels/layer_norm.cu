// y = (x - mean) / sqrt(variance + epsilon) * weight + bias over the channels of each row, and its gradient.
//
// Shapes: x, y, dx, dy, skip [rows, C], weight, bias, factor [C], statistics [rows, 2]: mean, 1 / deviation; partials
// [blocks, 2 C], a counter for each eight blocks, for each eight of these and so on, 0 between launches. The gradient of y is
// dy, or dy + skip factor where there is a skip.
// A row belongs to a warp. `_128` and `_512` keep rows of so many channels in registers; `_any` reads again, from the cache.
//
// Bytes an element: forward 8 (`_any` 16, with statistics given 8), backward reads x and dy and writes dx, 12 (`_any` 20,
// and 16 for sums in the partials), 4 more where dx is added to, and 4 (`_any` 8) where there is a skip. A row: statistics 8.
// Sums for weight and bias: in registers, 8 a channel and block once they are written, and as much where they are read; the same
// again for each eight blocks, each eight of these and so on, the last sums 16 a channel.
// Order: a warp adds its rows in their order, the block its warps, and blocks are joined by eights: runs repeat bit for bit.
// Launch: blocks of 128 that stride over rows, 4 at a time.
// Source: Ba, Kiros, Hinton 2016.
#include "device.cuh"

namespace {
constexpr int Threads = 128;
constexpr int Warps = Threads / 32;

template <int Kept>
DEVICE void forward(
    const float *x,
    const float *weight,
    const float *bias,
    float *y,
    float *statistics,
    i64 rows,
    int size,
    float epsilon,
    bool reuse
) {
    int lane = thread() % 32;
    for (i64 row = (i64)block_x() * Warps + thread() / 32; row < rows; row += (i64)blocks_x() * Warps) {
        const float *from = x + row * size;
        float *to = y + row * size;
        float values[Kept > 0 ? Kept : 1];
        if (Kept > 0) {
            UNROLL for (int k = 0; k < Kept; k++)
                values[k] = lane + 32 * k < size ? from[lane + 32 * k] : 0.0f;
        }
        float mean, scale;
        if (reuse) {
            mean = statistics[2 * row];
            scale = statistics[2 * row + 1];
        } else {
            float sum = 0.0f;
            if (Kept > 0) {
                UNROLL for (int k = 0; k < Kept; k++)
                    sum += values[k];
            } else {
                for (int c = lane; c < size; c += 32)
                    sum += from[c];
            }
            mean = group_sum(sum, 32) / (float)size;
            float squares = 0.0f;
            if (Kept > 0) {
                UNROLL for (int k = 0; k < Kept; k++) {
                    float off = lane + 32 * k < size ? values[k] - mean : 0.0f;
                    squares = fma(off, off, squares);
                }
            } else {
                for (int c = lane; c < size; c += 32) {
                    float off = from[c] - mean;
                    squares = fma(off, off, squares);
                }
            }
            float variance = group_sum(squares, 32) / (float)size;
            scale = 1.0f / root(variance + epsilon);
            if (lane == 0) {
                statistics[2 * row] = mean;
                statistics[2 * row + 1] = scale;
            }
        }
        if (Kept > 0) {
            UNROLL for (int k = 0; k < Kept; k++) {
                int c = lane + 32 * k;
                if (c < size)
                    to[c] = fma((values[k] - mean) * scale, weight[c], bias[c]);
            }
        } else {
            for (int c = lane; c < size; c += 32)
                to[c] = fma((from[c] - mean) * scale, weight[c], bias[c]);
        }
    }
}

// A row's slope, given the sums over its channels.
DEVICE float slope_of(float weighted, float unit, float scale, float average, float along) {
    return scale * (weighted - average - unit * along);
}

// The gradient of y.
struct Slope {
    const float *dy;
    const float *skip;
    const float *factor;

    MEMBER float weight(int c) const { return skip ? factor[c] : 0.0f; }

    MEMBER float at(i64 i, float weight) const { return skip ? fma(skip[i], weight, dy[i]) : dy[i]; }
};

// Adds the blocks' sums to dweight and dbias. Each eight blocks are joined in the place of the first, by the one of them that
// is last, and then each eight of these: no block reads more than eight parts at a level, however many channels there are.
DEVICE void join(float *partials, float *dweight, float *dbias, u32 *counters, int size) {
    constexpr int Eight = 8;
    int parts = blocks_x();
    int part = block_x();
    // Pairs of sums from a part of this level to the next.
    i64 step = size;
    while (true) {
        int first = part - part % Eight;
        int count = (int)least(parts - first, Eight);
        int joined = (parts + Eight - 1) / Eight;
        part /= Eight;
        if (!last_block(counters + part, count))
            return;
        float2 *from = (float2 *)partials + first * step;
        for (int pair = thread(); pair < size; pair += Threads) {
            float2 read[Eight];
            UNROLL for (int k = 0; k < Eight; k++)
                if (k < count)
                    read[k] = load_shared(from + k * step + pair);
            double one = 0.0, other = 0.0;
            UNROLL for (int k = 0; k < Eight; k++)
                if (k < count) {
                    one += (double)read[k].x;
                    other += (double)read[k].y;
                }
            if (joined > 1) {
                float2 sums = {(float)one, (float)other};
                from[pair] = sums;
                continue;
            }
            // Of 2 C sums, those of the weight come first.
            float *to = 2 * pair < size ? dweight + 2 * pair : dbias + (2 * pair - size);
            *to += (float)one;
            to = 2 * pair + 1 < size ? dweight + 2 * pair + 1 : dbias + (2 * pair + 1 - size);
            *to += (float)other;
        }
        if (joined == 1)
            return;
        counters += joined;
        parts = joined;
        step *= Eight;
    }
}

template <int Kept>
DEVICE void backward(
    const float *x,
    const float *weight,
    const float *statistics,
    const Slope &dy,
    float *dx,
    float *partials,
    i64 rows,
    int size,
    bool accumulate
) {
    SHARED float warps[Warps * 32 * Kept];
    int lane = thread() % 32;
    int warp = thread() / 32;
    float weights[Kept], factors[Kept], dweight[Kept], dbias[Kept];
    UNROLL for (int k = 0; k < Kept; k++) {
        weights[k] = lane + 32 * k < size ? weight[lane + 32 * k] : 0.0f;
        factors[k] = lane + 32 * k < size ? dy.weight(lane + 32 * k) : 0.0f;
        dweight[k] = 0.0f;
        dbias[k] = 0.0f;
    }
    for (i64 row = (i64)block_x() * Warps + warp; row < rows; row += (i64)blocks_x() * Warps) {
        float mean = statistics[2 * row];
        float scale = statistics[2 * row + 1];
        float unit[Kept], weighted[Kept];
        float first = 0.0f, second = 0.0f;
        UNROLL for (int k = 0; k < Kept; k++) {
            int c = lane + 32 * k;
            bool there = c < size;
            float g = there ? dy.at(row * size + c, factors[k]) : 0.0f;
            unit[k] = there ? (x[row * size + c] - mean) * scale : 0.0f;
            weighted[k] = g * weights[k];
            first += weighted[k];
            second = fma(weighted[k], unit[k], second);
            dweight[k] = fma(g, unit[k], dweight[k]);
            dbias[k] += g;
        }
        float average = group_sum(first, 32) / (float)size;
        float along = group_sum(second, 32) / (float)size;
        UNROLL for (int k = 0; k < Kept; k++) {
            int c = lane + 32 * k;
            if (c >= size)
                continue;
            float slope = slope_of(weighted[k], unit[k], scale, average, along);
            float *to = dx + row * size + c;
            *to = accumulate ? slope + *to : slope;
        }
    }
    // One after the other, in memory of which more would be one block less.
    UNROLL for (int which = 0; which < 2; which++) {
        UNROLL for (int k = 0; k < Kept; k++)
            warps[(warp * Kept + k) * 32 + lane] = which == 0 ? dweight[k] : dbias[k];
        barrier();
        for (int c = thread(); c < size; c += Threads) {
            float sum = 0.0f;
            for (int w = 0; w < Warps; w++)
                sum += warps[w * Kept * 32 + c];
            partials[((i64)block_x() * 2 + which) * size + c] = sum;
        }
        barrier();
    }
}

// As many channels as there are: a block has its sums in its part of the partials.
DEVICE void backward_any(
    const float *x,
    const float *weight,
    const float *statistics,
    const Slope &dy,
    float *dx,
    float *partials,
    i64 rows,
    int size,
    bool accumulate
) {
    SHARED float warps[Warps];
    float *sums = partials + (i64)block_x() * 2 * size;
    for (int c = thread(); c < 2 * size; c += Threads)
        sums[c] = 0.0f;
    // The block takes a row at a time; a channel's sums belong to one thread.
    for (i64 row = block_x(); row < rows; row += blocks_x()) {
        float mean = statistics[2 * row];
        float scale = statistics[2 * row + 1];
        float first = 0.0f, second = 0.0f;
        barrier();
        for (int c = thread(); c < size; c += Threads) {
            float g = dy.at(row * size + c, dy.weight(c));
            float unit = (x[row * size + c] - mean) * scale;
            float weighted = g * weight[c];
            first += weighted;
            second = fma(weighted, unit, second);
            sums[c] = fma(g, unit, sums[c]);
            // A thread's own too, when the first half is done: c + size has another owner only at the beginning.
            sums[size + c] += g;
        }
        float average = block_sum(first, warps) / (float)size;
        float along = block_sum(second, warps) / (float)size;
        for (int c = thread(); c < size; c += Threads) {
            float unit = (x[row * size + c] - mean) * scale;
            float g = dy.at(row * size + c, dy.weight(c));
            float slope = slope_of(g * weight[c], unit, scale, average, along);
            float *to = dx + row * size + c;
            *to = accumulate ? slope + *to : slope;
        }
    }
}
} // namespace

#define LAYER_NORM(suffix, kept, back, bounds)                                                     \
    KERNEL LAUNCH(Threads) layer_norm##suffix(                                                     \
        const float *x,                                                                            \
        const float *weight,                                                                       \
        const float *bias,                                                                         \
        float *y,                                                                                  \
        float *statistics,                                                                         \
        i64 rows,                                                                                  \
        int size,                                                                                  \
        float epsilon,                                                                             \
        int reuse                                                                                  \
    ) {                                                                                            \
        forward<kept>(x, weight, bias, y, statistics, rows, size, epsilon, reuse != 0);            \
    }                                                                                              \
    KERNEL bounds layer_norm_gradient##suffix(                                                     \
        const float *x,                                                                            \
        const float *weight,                                                                       \
        const float *statistics,                                                                   \
        const float *dy,                                                                           \
        const float *skip,                                                                         \
        const float *factor,                                                                       \
        float *dx,                                                                                 \
        float *dweight,                                                                            \
        float *dbias,                                                                              \
        i64 rows,                                                                                  \
        int size,                                                                                  \
        int accumulate,                                                                            \
        float *partials,                                                                           \
        u32 *counters                                                                              \
    ) {                                                                                            \
        Slope slope = {dy, skip, factor};                                                          \
        back(x, weight, statistics, slope, dx, partials, rows, size, accumulate != 0);             \
        join(partials, dweight, dbias, counters, size);                                            \
    }

LAYER_NORM(_128, 4, backward<4>, LAUNCH(Threads))
// A few registers more would be one block less of four.
LAYER_NORM(_512, 16, backward<16>, LAUNCH_BLOCKS(Threads, 4))
LAYER_NORM(_any, 0, backward_any, LAUNCH(Threads))
