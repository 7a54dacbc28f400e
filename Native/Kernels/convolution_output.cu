// What follows the products of a convolution, y [rows, C], in one launch each way: Layers/Operations/ConvolutionOperation.cs.
//
//   forward   v = drop(relu(y + bias)); y = v, or with a skip path y = relu(v + (skip + skip_bias))
//   backward  dproducts = dy scale where y > 0, else 0; with a skip path dy = dy where y > 0, else 0, and dproducts = that times
//             scale where the bit is set, else 0; dbias += the sums of dproducts, dskip_bias += those of dy
//
// Shapes: y, skip, dy, dproducts [rows, C], biases [C]. With dropout rows are steps * batch, sequence by sequence, or packed:
// step t in the rows first[t] .. first[t + 1] - 1. A channel c of sequence b is dropped by draw b C + c (dropout.cu): no mask
// is kept, since backward sees what was dropped as what a relu stopped. Bits: of each row as many bytes as hold C bits, 1, 2 or
// a multiple of 4. dproducts may be dy where there is no skip path.
//
// Bytes an element: forward 8, with a skip path 12; backward 12, with a skip path 17, of which 1 is its bit's byte. A bit 1/8
// and more where C is no multiple of 32. A thread reads a bias once. Backward's partial sums: 16 a column, part and sum.
// Packed with dropout, 8 a thread and step for its rows.
// Launch: blocks of 256, `lanes` columns by 256 / lanes rows. Forward: grid x counts rows, of which there are no fewer than
// sequences where they are dropped, so that a thread keeps its channel; grid y columns. Backward as column_sums.cuh.
// Source: Bai et al. 2018; spatial dropout, Tompson et al. 2014.
#include "column_sums.cuh"
#include "philox.cuh"

namespace {
// Rows that a thread reads before it writes the first.
constexpr int Batch = 4;

typedef unsigned char u8;
typedef unsigned short u16;

DEVICE int bit_bytes(int columns) {
    return columns <= 8 ? 1 : columns <= 16 ? 2 : 4 * ((columns + 31) / 32);
}

// A row's bits, of the lanes of this warp that have its columns.
DEVICE void put_bits(void *bits, i64 row, int columns, int column, u32 passed) {
    u8 *place = (u8 *)bits + row * bit_bytes(columns) + column / 8;
    if (columns <= 8)
        *place = (u8)passed;
    else if (columns <= 16)
        *(u16 *)place = (u16)passed;
    else
        *(u32 *)place = passed;
}

struct Dropout {
    const u64 *random;
    u32 stream;
    u32 threshold;
    float scale;
};

DEVICE float drawn(const Dropout &dropout, i64 place) {
    Draws draws = philox(dropout.random[0], dropout.random[1] << 16 | dropout.stream, (u64)place / 4);
    u32 value = draws.values[0];
    UNROLL for (int k = 1; k < 4; k++)
        value = place % 4 == k ? draws.values[k] : value;
    return value < dropout.threshold ? 0.0f : dropout.scale;
}

template <bool Skips, bool Drops, bool Packed>
DEVICE void output(
    float *y,
    const float *bias,
    const float *skip,
    const float *skip_bias,
    void *bits,
    const Dropout &dropout,
    const int *first,
    int steps,
    int batch,
    int columns,
    int lanes
) {
    int lane = thread() & (lanes - 1);
    int lines = WalkThreads / lanes;
    i64 column = (i64)block_y() * lanes + lane;
    i64 line = (i64)block_x() * lines + thread() / lanes;
    i64 all = (i64)blocks_x() * lines;
    // Without dropout rows are steps of one sequence.
    int sequence = Drops ? (int)(line % batch) : 0;
    i64 start = Drops ? line / batch : line;
    i64 stride = Drops ? all / batch : all;
    bool mine = column < columns && start < stride;
    float added = mine ? bias[column] : 0.0f;
    float skipped = Skips && skip_bias && mine ? skip_bias[column] : 0.0f;
    float factor = Drops && mine ? drawn(dropout, (i64)sequence * columns + column) : 1.0f;
    // Lanes of a warp may have rows of their own, but as many turns.
    for (i64 turn = 0; turn < steps; turn += Batch * stride) {
        float value[Batch], other[Batch];
        i64 row[Batch];
        bool there[Batch];
        UNROLL for (int k = 0; k < Batch; k++) {
            i64 step = start + turn + k * stride;
            there[k] = mine && step < steps;
            row[k] = Drops ? step * batch + sequence : step;
            if (Packed && there[k]) {
                row[k] = (i64)first[step] + sequence;
                there[k] = row[k] < first[step + 1];
            }
            value[k] = there[k] ? y[row[k] * columns + column] : 0.0f;
            other[k] = Skips && there[k] ? skip[row[k] * columns + column] : 0.0f;
        }
        UNROLL for (int k = 0; k < Batch; k++) {
            float v = larger(0.0f, value[k] + added);
            if (Drops)
                v *= factor;
            if (Skips) {
                u32 passed = ballot(there[k] && v > 0.0f);
                int own = thread() % 32;
                if (lanes < 32)
                    passed = passed >> (own & ~(lanes - 1)) & ((1u << lanes) - 1);
                if (bits && there[k] && (own & (lanes - 1)) == 0)
                    put_bits(bits, row[k], columns, (int)column, passed);
                float path = skip_bias ? other[k] + skipped : other[k];
                v = larger(0.0f, v + path);
            }
            if (there[k])
                y[row[k] * columns + column] = v;
        }
    }
}

struct Slopes {
    typedef float2 Read;
    const float *dy;
    const float *y;
    float *products;
    float scale;

    MEMBER float2 load(int, i64 i) const {
        float2 read;
        read.x = dy[i];
        read.y = y[i];
        return read;
    }

    MEMBER void add(i64 i, float2 read, float (&s)[1]) const {
        float slope = read.y > 0.0f ? read.x * scale : 0.0f;
        products[i] = slope;
        s[0] += slope;
    }
};

template <int Sums> struct SkipSlopes {
    struct Read {
        float dy;
        float y;
        bool passed;
    };
    float *dy;
    const float *y;
    const u8 *bits;
    float *products;
    float scale;
    int columns;
    i64 column;

    MEMBER Read load(int row, i64 i) const {
        u8 byte = bits[(i64)row * bit_bytes(columns) + column / 8];
        Read read = {dy[i], y[i], (byte >> (column % 8) & 1) != 0};
        return read;
    }

    MEMBER void add(i64 i, const Read &read, float (&s)[Sums]) const {
        float outer = read.y > 0.0f ? read.dy : 0.0f;
        float slope = read.passed ? outer * scale : 0.0f;
        dy[i] = outer;
        products[i] = slope;
        s[0] += slope;
        if (Sums > 1)
            s[Sums - 1] += outer;
    }
};
} // namespace

#define CONVOLUTION_OUTPUT(suffix, drops, packed)                                                  \
    KERNEL LAUNCH(WalkThreads) convolution_output##suffix(                                         \
        float *y,                                                                                  \
        const float *bias,                                                                         \
        const u64 *random,                                                                         \
        u32 stream,                                                                                \
        u32 threshold,                                                                             \
        float scale,                                                                               \
        const int *first,                                                                          \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int columns,                                                                               \
        int lanes                                                                                  \
    ) {                                                                                            \
        Dropout dropout = {random, stream, threshold, scale};                                      \
        output<false, drops, packed>(                                                              \
            y,                                                                                     \
            bias,                                                                                  \
            nullptr,                                                                               \
            nullptr,                                                                               \
            nullptr,                                                                               \
            dropout,                                                                               \
            first,                                                                                 \
            steps,                                                                                 \
            batch,                                                                                 \
            columns,                                                                               \
            lanes                                                                                  \
        );                                                                                         \
    }                                                                                              \
    KERNEL LAUNCH(WalkThreads) convolution_output_skip##suffix(                                    \
        float *y,                                                                                  \
        const float *bias,                                                                         \
        const float *skip,                                                                         \
        const float *skip_bias,                                                                    \
        void *bits,                                                                                \
        const u64 *random,                                                                         \
        u32 stream,                                                                                \
        u32 threshold,                                                                             \
        float scale,                                                                               \
        const int *first,                                                                          \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int columns,                                                                               \
        int lanes                                                                                  \
    ) {                                                                                            \
        Dropout dropout = {random, stream, threshold, scale};                                      \
        output<true, drops, packed>(                                                               \
            y,                                                                                     \
            bias,                                                                                  \
            skip,                                                                                  \
            skip_bias,                                                                             \
            bits,                                                                                  \
            dropout,                                                                               \
            first,                                                                                 \
            steps,                                                                                 \
            batch,                                                                                 \
            columns,                                                                               \
            lanes                                                                                  \
        );                                                                                         \
    }

CONVOLUTION_OUTPUT(, false, false)
CONVOLUTION_OUTPUT(_drop, true, false)
CONVOLUTION_OUTPUT(_drop_packed, true, true)

KERNEL LAUNCH(WalkThreads) convolution_output_gradient(
    const float *dy,
    const float *y,
    float *products,
    float scale,
    float *dbias,
    i64 rows,
    int columns,
    int lanes,
    double *partials,
    u32 *counters
) {
    float *const sums[1] = {dbias};
    Slopes body = {dy, y, products, scale};
    sum_columns<1>(walk(lanes), rows, columns, sums, partials, counters, body);
}

// dskip_bias may be null.
KERNEL LAUNCH_BLOCKS(WalkThreads, 4) convolution_output_skip_gradient(
    float *dy,
    const float *y,
    const void *bits,
    float *products,
    float scale,
    float *dbias,
    float *dskip_bias,
    i64 rows,
    int columns,
    int lanes,
    double *partials,
    u32 *counters
) {
    Walk w = walk(lanes);
    if (dskip_bias) {
        float *const sums[2] = {dbias, dskip_bias};
        SkipSlopes<2> body = {dy, y, (const u8 *)bits, products, scale, columns, w.column};
        sum_columns<2>(w, rows, columns, sums, partials, counters, body);
    } else {
        float *const sums[1] = {dbias};
        SkipSlopes<1> body = {dy, y, (const u8 *)bits, products, scale, columns, w.column};
        sum_columns<1>(w, rows, columns, sums, partials, counters, body);
    }
}
