// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, mean and variance of a channel over all rows, and the gradient;
// Layers/Operations/BatchNormOperation.cs.
//
// Shapes: x, y, dx, dy [rows, C]; weight, bias, running mean and variance [C]; statistics [2, C]: means, then 1 /
// deviations; sums [2, C]; partials [parts, 3, C] doubles (sums: [parts, 2, C]), counters [column blocks], 0 between
// launches.
//
// Bytes an element: measure 4; normalise 8; sum reads x and dy, 8; gradient reads x and dy and writes dx, 12, 4 more where
// dx is added to. A channel and part: 48 for measure, 32 for sum.
// Order: to measure, a thread takes 16 rows at a time in floats around their own mean, and joins them in double; then lines and
// parts in their order, by the last block of the columns: runs repeat bit for bit. Sums are those of column_sums.cuh.
// Launch: blocks of 256 as in columns.cuh, grid y = parts.
// Source: Ioffe and Szegedy 2015; Chan, Golub, LeVeque 1979 for joining variances; PyTorch for the running ones.
#include "column_sums.cuh"

namespace {
constexpr int Few = 16;

struct Moments {
    double count;
    double mean;
    double squares;
};

DEVICE void join(Moments &m, double count, double mean, double squares) {
    if (count == 0.0)
        return;
    double off = mean - m.mean;
    double share = count / (m.count + count);
    m.mean += off * share;
    m.squares += squares + off * off * m.count * share;
    m.count += count;
}

DEVICE float inverse_deviation(double variance, float epsilon) {
    return (float)(1.0 / root(variance + (double)epsilon));
}

DEVICE bool finite(float x) { return __builtin_fabsf(x) <= 3.402823466e38f; }

// The gradients of weight and bias, which are also what the gradient of x is made of.
template <int Width> struct Along {
    static constexpr int Ahead = Width == 1 ? 4 : 1;
    struct Read {
        Values<Width> x;
        Values<Width> g;
    };
    const float *x;
    const float *dy;
    Values<Width> mean;
    Values<Width> scale;

    MEMBER Read load(int, i64 i) const {
        Read read = {values_at<Width>(x + i), values_at<Width>(dy + i)};
        return read;
    }

    MEMBER void add(i64, const Read &read, Values<Width> (&s)[2]) const {
        UNROLL for (int k = 0; k < Width; k++)
            s[0][k] = fma(read.g[k], (read.x[k] - mean[k]) * scale[k], s[0][k]);
        s[1] += read.g;
    }
};
} // namespace

KERNEL LAUNCH(WalkThreads) batch_norm_measure(
    const float *x,
    float *statistics,
    float *running_mean,
    float *running_variance,
    i64 rows,
    int columns,
    int lanes,
    float momentum,
    float epsilon,
    double *partials,
    u32 *counters
) {
    SHARED double lines[3 * WalkThreads];
    Walk w = walk(lanes);
    bool mine = w.column < columns;
    Moments m = {0.0, 0.0, 0.0};
    for (i64 r = w.row; mine && r < rows; r += Few * w.stride) {
        float values[Few];
        int count = (int)least(Few, (rows - r + w.stride - 1) / w.stride);
        float sum = 0.0f;
        UNROLL for (int k = 0; k < Few; k++)
            values[k] = k < count ? x[(r + k * w.stride) * columns + w.column] : 0.0f;
        UNROLL for (int k = 0; k < Few; k++)
            sum += values[k];
        float center = sum * (1.0f / (float)count);
        float off = 0.0f, squares = 0.0f;
        UNROLL for (int k = 0; k < Few; k++) {
            float d = k < count ? values[k] - center : 0.0f;
            off += d;
            squares = fma(d, d, squares);
        }
        // The rounding of the few's own mean is taken out again; what is left is not below 0, and NaN stays.
        double shift = (double)off / (double)count;
        double rest = (double)squares - shift * (double)off;
        join(m, (double)count, (double)center + shift, rest < 0.0 ? 0.0 : rest);
    }
    lines[thread()] = m.count;
    lines[WalkThreads + thread()] = m.mean;
    lines[2 * WalkThreads + thread()] = m.squares;
    barrier();
    if (w.line == 0) {
        for (int line = 1; line < w.lines; line++) {
            int at = line * lanes + w.lane;
            join(m, lines[at], lines[WalkThreads + at], lines[2 * WalkThreads + at]);
        }
        if (mine) {
            double *part = partials + (i64)block_y() * 3 * columns + w.column;
            part[0] = m.count;
            part[columns] = m.mean;
            part[2 * columns] = m.squares;
        }
    }
    if (!last_block(counters + block_x(), blocks_y()) || w.line != 0 || !mine)
        return;
    m.count = m.mean = m.squares = 0.0;
    for (int i = 0; i < blocks_y(); i++) {
        const double *part = partials + (i64)i * 3 * columns + w.column;
        double count = load_shared(part);
        join(m, count, load_shared(part + columns), load_shared(part + 2 * columns));
    }
    i64 c = w.column;
    statistics[c] = (float)m.mean;
    statistics[columns + c] = inverse_deviation(m.squares / m.count, epsilon);
    double before = (double)running_mean[c];
    double variance = (double)running_variance[c];
    float next_mean = (float)(before + (double)momentum * (m.mean - before));
    float next_variance = (float)variance;
    if (m.count > 1.0)
        next_variance = (float)(
            variance + (double)momentum * (m.squares / (m.count - 1.0) - variance)
        );
    if (!finite(next_mean) || !finite(next_variance))
        return;
    running_mean[c] = next_mean;
    running_variance[c] = next_variance;
}

// Statistics of the running mean and variance. A thread a channel.
KERNEL LAUNCH(WalkThreads) batch_norm_recall(
    const float *running_mean,
    const float *running_variance,
    float *statistics,
    int columns,
    float epsilon
) {
    int c = block_x() * WalkThreads + thread();
    if (c >= columns)
        return;
    statistics[c] = running_mean[c];
    statistics[columns + c] = inverse_deviation((double)running_variance[c], epsilon);
}

KERNEL LAUNCH(WalkThreads) batch_norm_normalise(
    const float *x,
    const float *statistics,
    const float *weight,
    const float *bias,
    float *y,
    i64 rows,
    int columns,
    int lanes
) {
    by_parts(lanes, rows, columns, aligned(x, y), [&](auto part) {
        constexpr int Width = decltype(part)::Size;
        Values<Width> mean = part.shared(statistics);
        Values<Width> scale = part.shared(statistics + columns);
        Values<Width> factor = part.shared(weight);
        Values<Width> shift = part.shared(bias);
        each_row<1>(
            part,
            [&](i64 i) { return values_at<Width>(x + i); },
            [&](i64 i, Values<Width> read) {
                Values<Width> normed;
                UNROLL for (int k = 0; k < Width; k++)
                    normed[k] = fma((read[k] - mean[k]) * scale[k], factor[k], shift[k]);
                put<Width>(y + i, normed);
            }
        );
    });
}

KERNEL LAUNCH_BLOCKS(WalkThreads, 4) batch_norm_sum(
    const float *x,
    const float *statistics,
    const float *dy,
    float *sums,
    i64 rows,
    int columns,
    int lanes,
    int accumulate,
    double *partials,
    u32 *counters
) {
    float *const to[2] = {sums, sums + columns};
    auto make = [&](auto part) {
        Along<decltype(part)::Size> body = {
            x,
            dy,
            part.shared(statistics),
            part.shared(statistics + columns),
        };
        return body;
    };
    bool adds = accumulate != 0;
    sum_columns(lanes, rows, columns, aligned(x, dy), to, partials, counters, make, adds);
}

// dx = (dx +) gradient by x of some rows, given the sums over all: share = 1 / all rows. dx may be dy.
KERNEL LAUNCH(WalkThreads) batch_norm_gradient(
    const float *x,
    const float *statistics,
    const float *weight,
    const float *dy,
    const float *sums,
    float *dx,
    i64 rows,
    int columns,
    int lanes,
    float share,
    int accumulate
) {
    by_parts(lanes, rows, columns, aligned(x, dy, dx), [&](auto part) {
        constexpr int Width = decltype(part)::Size;
        struct Slopes {
            Values<Width> x;
            Values<Width> dy;
            Values<Width> dx;
        };
        Values<Width> mean = part.shared(statistics);
        Values<Width> deviation = part.shared(statistics + columns);
        Values<Width> scale = part.shared(weight) * deviation;
        Values<Width> along = part.shared(sums) * share;
        Values<Width> average = part.shared(sums + columns) * share;
        each_row<1>(
            part,
            [&](i64 i) {
                Slopes read = {values_at<Width>(x + i), values_at<Width>(dy + i), 0.0f};
                if (accumulate)
                    read.dx = values_at<Width>(dx + i);
                return read;
            },
            [&](i64 i, const Slopes &read) {
                Values<Width> value;
                UNROLL for (int k = 0; k < Width; k++) {
                    float off = (read.x[k] - mean[k]) * deviation[k];
                    float slope = read.dy[k] - average[k] - off * along[k];
                    value[k] = accumulate ? fma(scale[k], slope, read.dx[k]) : scale[k] * slope;
                }
                put<Width>(dx + i, value);
            }
        );
    });
}
