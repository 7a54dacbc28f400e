// y = (x - mean) / sqrt(variance + epsilon) * weight + bias over the channels of each row, and its gradient.
//
// Shapes: x, y, dx, dy [rows, C], weight, bias [C], statistics [rows, 2]: mean, 1 / deviation; partials [blocks, 2 C].
// A row belongs to a warp. `_128` and `_512` keep rows of so many channels in registers; `_any` reads again, from the cache.
//
// Bytes an element: forward 8 (`_any` 16, with statistics given 8), backward reads x and dy and writes dx, 12 (`_any` 20,
// and 16 for sums in the partials), 4 more where dx is added to. A row: statistics 8. Sums for weight and bias: in registers, 8
// a channel and block once they are written, and as much where layer_norm_join reads them.
// Order: a warp adds its rows in their order, the block its warps, layer_norm_join the blocks: runs repeat bit for bit.
// Launch: blocks of 128 that stride over rows, 4 at a time; layer_norm_join a thread a channel.
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

template <int Kept>
DEVICE void backward(
    const float *x,
    const float *weight,
    const float *statistics,
    const float *dy,
    float *dx,
    float *partials,
    i64 rows,
    int size,
    bool accumulate
) {
    SHARED float warps[Warps * 32 * Kept * 2];
    int lane = thread() % 32;
    int warp = thread() / 32;
    float weights[Kept], dweight[Kept], dbias[Kept];
    UNROLL for (int k = 0; k < Kept; k++) {
        weights[k] = lane + 32 * k < size ? weight[lane + 32 * k] : 0.0f;
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
            float g = there ? dy[row * size + c] : 0.0f;
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
    UNROLL for (int k = 0; k < Kept; k++) {
        warps[((warp * Kept + k) * 2) * 32 + lane] = dweight[k];
        warps[((warp * Kept + k) * 2 + 1) * 32 + lane] = dbias[k];
    }
    barrier();
    for (int c = thread(); c < 2 * size; c += Threads) {
        int which = c < size ? 0 : 1;
        int channel = c - which * size;
        float sum = 0.0f;
        for (int w = 0; w < Warps; w++)
            sum += warps[((w * Kept + channel / 32) * 2 + which) * 32 + channel % 32];
        partials[(i64)block_x() * 2 * size + c] = sum;
    }
}

// As many channels as there are: a block has its sums in its part of the partials.
DEVICE void backward_any(
    const float *x,
    const float *weight,
    const float *statistics,
    const float *dy,
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
            float g = dy[row * size + c];
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
            float slope = slope_of(dy[row * size + c] * weight[c], unit, scale, average, along);
            float *to = dx + row * size + c;
            *to = accumulate ? slope + *to : slope;
        }
    }
}
} // namespace

#define LAYER_NORM(suffix, kept, back)                                                             \
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
    KERNEL LAUNCH(Threads) layer_norm_gradient##suffix(                                            \
        const float *x,                                                                            \
        const float *weight,                                                                       \
        const float *statistics,                                                                   \
        const float *dy,                                                                           \
        float *dx,                                                                                 \
        float *partials,                                                                           \
        i64 rows,                                                                                  \
        int size,                                                                                  \
        int accumulate                                                                             \
    ) {                                                                                            \
        back(x, weight, statistics, dy, dx, partials, rows, size, accumulate != 0);                \
    }

LAYER_NORM(_128, 4, backward<4>)
LAYER_NORM(_512, 16, backward<16>)
LAYER_NORM(_any, 0, backward_any)

// Adds the parts' sums to dweight and dbias.
KERNEL LAUNCH(Threads)
    layer_norm_join(const float *partials, float *dweight, float *dbias, int parts, int size) {
    int c = block_x() * Threads + thread();
    if (c >= 2 * size)
        return;
    double sum = 0.0;
    for (int part = 0; part < parts; part++)
        sum += (double)partials[(i64)part * 2 * size + c];
    float *to = c < size ? dweight + c : dbias + (c - size);
    *to += (float)sum;
}
