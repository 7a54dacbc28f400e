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
// Bytes an element: forward 8, with a skip path 12; backward 12, with a skip path 17, of which 1 is its bit's byte, or 16 1/4
// by packs. A bit 1/8 and more where C is no multiple of 32. A thread reads its columns of a bias once. Backward's partial sums:
// 16 a column, part and sum. Packed with dropout, 8 a thread and step for its rows.
// By packs of four values where C is a multiple of 4 and addresses are multiples of 16; dproducts without a skip path at any C.
// Launch: blocks of 256, `lanes` columns by 256 / lanes rows. Forward: grid x counts rows, of which there are no fewer than
// sequences where they are dropped, so that a thread keeps its channel; grid y columns. Backward as column_sums.cuh.
// Source: Bai et al. 2018; spatial dropout, Tompson et al. 2014.
#include "column_sums.cuh"
#include "philox.cuh"

namespace {
typedef unsigned char u8;
typedef unsigned short u16;

DEVICE int bit_bytes(int columns) {
    return columns <= 8 ? 1 : columns <= 16 ? 2 : 4 * ((columns + 31) / 32);
}

// A row's bits, from a column on.
DEVICE void put_bits(void *bits, i64 row, int columns, int column, u32 passed) {
    u8 *place = (u8 *)bits + row * bit_bytes(columns) + column / 8;
    if (columns <= 8)
        *place = (u8)passed;
    else if (columns <= 16)
        *(u16 *)place = (u16)passed;
    else
        *(u32 *)place = passed;
}

// Of a warp, whose lanes have a bit each, the bits of the so many lanes that this one is among; in all of them. All come here.
DEVICE u32 row_bits(Values<1> v, bool there, int lanes) {
    u32 passed = ballot(there && v[0] > 0.0f);
    int own = thread() % 32;
    if (lanes < 32)
        passed = passed >> (own & ~(lanes - 1)) & ((1u << lanes) - 1);
    return passed;
}

// The same of four bits each, of no more than 8 lanes.
DEVICE u32 row_bits(Values<4> v, bool there, int lanes) {
    int group = lanes < 8 ? lanes : 8;
    u32 passed = 0;
    UNROLL for (int k = 0; k < 4; k++)
        passed |= there && v[k] > 0.0f ? 1u << k : 0u;
    passed <<= 4 * (thread() & (group - 1));
    for (int with = group / 2; with > 0; with /= 2)
        passed |= (u32)__nvvm_shfl_sync_bfly_i32(~0u, (int)passed, with, 31);
    return passed;
}

struct Dropout {
    const u64 *random;
    u32 stream;
    u32 threshold;
    float scale;
};

// What channels are multiplied with, from a place on; of more than one it is a multiple of 4, whose draws are one block's.
template <int Width> DEVICE Values<Width> drawn(const Dropout &dropout, i64 place) {
    Draws draws = philox(dropout.random[0], dropout.random[1] << 16 | dropout.stream, (u64)place / 4);
    Values<Width> factors;
    UNROLL for (int n = 0; n < Width; n++) {
        u32 value = draws.values[n];
        if (Width == 1) {
            UNROLL for (int k = 1; k < 4; k++)
                value = place % 4 == k ? draws.values[k] : value;
        }
        factors[n] = value < dropout.threshold ? 0.0f : dropout.scale;
    }
    return factors;
}

template <int Width, bool Skips, bool Drops, bool Packed>
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
    constexpr int Ahead = Width == 1 ? 4 : 2;
    int lane = thread() & (lanes - 1);
    int lines = WalkThreads / lanes;
    i64 column = ((i64)block_y() * lanes + lane) * Width;
    i64 line = (i64)block_x() * lines + thread() / lanes;
    i64 all = (i64)blocks_x() * lines;
    // Without dropout rows are steps of one sequence.
    int sequence = Drops ? (int)(line % batch) : 0;
    i64 start = Drops ? line / batch : line;
    i64 stride = Drops ? all / batch : all;
    bool mine = column < columns && start < stride;
    Values<Width> added = 0.0f, skipped = 0.0f, factor = 1.0f;
    if (mine) {
        added = values_of<Width>(bias, column);
        if (Skips && skip_bias)
            skipped = values_of<Width>(skip_bias, column);
        if (Drops)
            factor = drawn<Width>(dropout, (i64)sequence * columns + column);
    }
    // Lanes of a warp may have rows of their own, but as many turns.
    for (i64 turn = 0; turn < steps; turn += Ahead * stride) {
        Values<Width> value[Ahead], other[Ahead];
        i64 packed[Ahead];
        u32 there = 0;
        i64 step = unknown(start + turn);
        UNROLL for (int k = 0; k < Ahead; k++) {
            bool is = mine && step < steps;
            i64 row = Drops ? step * batch + sequence : step;
            if (Packed && is) {
                row = (i64)first[step] + sequence;
                is = row < first[step + 1];
                packed[k] = row;
            }
            value[k] = other[k] = 0.0f;
            if (is) {
                there |= 1u << k;
                value[k] = values_at<Width>(y + row * columns + column);
                if (Skips)
                    other[k] = values_at<Width>(skip + row * columns + column);
            }
            step += stride;
        }
        // Made anew, as the registers of all rows would be those of other blocks.
        step = unknown(start + turn);
        UNROLL for (int k = 0; k < Ahead; k++) {
            bool is = (there >> k & 1) != 0;
            i64 row = Packed ? packed[k] : Drops ? step * batch + sequence : step;
            Values<Width> v;
            UNROLL for (int n = 0; n < Width; n++)
                v[n] = larger(0.0f, value[k][n] + added[n]);
            if (Drops)
                v *= factor;
            if (Skips) {
                // Of a word, or what there is of one.
                u32 passed = row_bits(v, is, lanes);
                constexpr int Group = 32 / Width;
                if (bits && is && (lane & (Group - 1)) == 0)
                    put_bits(bits, row, columns, (int)column, passed);
                UNROLL for (int n = 0; n < Width; n++) {
                    float path = skip_bias ? other[k][n] + skipped[n] : other[k][n];
                    v[n] = larger(0.0f, v[n] + path);
                }
            }
            if (is)
                put<Width>(y + row * columns + column, v);
            step += stride;
        }
    }
}

// By packs where addresses and columns allow it.
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
    if (columns % 4 == 0 && aligned(y, skip))
        output<4, Skips, Drops, Packed>(
            y,
            bias,
            skip,
            skip_bias,
            bits,
            dropout,
            first,
            steps,
            batch,
            columns,
            lanes / 4
        );
    else
        output<1, Skips, Drops, Packed>(
            y,
            bias,
            skip,
            skip_bias,
            bits,
            dropout,
            first,
            steps,
            batch,
            columns,
            lanes
        );
}

template <int Width> struct Slopes {
    static constexpr int Ahead = Width == 1 ? 4 : 1;
    struct Read {
        Values<Width> dy;
        Values<Width> y;
    };
    const float *dy;
    const float *y;
    float *products;
    float scale;

    MEMBER Read load(int, i64 i) const {
        Read read = {values_at<Width>(dy + i), values_at<Width>(y + i)};
        return read;
    }

    MEMBER void add(i64 i, const Read &read, Values<Width> (&s)[1]) const {
        Values<Width> slope;
        UNROLL for (int k = 0; k < Width; k++)
            slope[k] = read.y[k] > 0.0f ? read.dy[k] * scale : 0.0f;
        put<Width>(products + i, slope);
        s[0] += slope;
    }
};

template <int Width, int Sums> struct SkipSlopes {
    static constexpr int Ahead = Width == 1 ? 4 : 1;
    struct Read {
        Values<Width> dy;
        Values<Width> y;
        u32 passed;
    };
    float *dy;
    const float *y;
    const u8 *bits;
    float *products;
    float scale;
    int columns;
    i64 column;

    // A pack's bits lie in one byte, as its column is a multiple of 4.
    MEMBER Read load(int row, i64 i) const {
        u8 byte = bits[(i64)row * bit_bytes(columns) + column / 8];
        Read read = {values_at<Width>(dy + i), values_at<Width>(y + i), (u32)byte >> (column % 8)};
        return read;
    }

    MEMBER void add(i64 i, const Read &read, Values<Width> (&s)[Sums]) const {
        Values<Width> outer, slope;
        UNROLL for (int k = 0; k < Width; k++) {
            outer[k] = read.y[k] > 0.0f ? read.dy[k] : 0.0f;
            slope[k] = (read.passed >> k & 1) != 0 ? outer[k] * scale : 0.0f;
        }
        put<Width>(dy + i, outer);
        put<Width>(products + i, slope);
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
    auto make = [&](auto part) {
        Slopes<decltype(part)::Size> body = {dy, y, products, scale};
        return body;
    };
    bool packs = aligned(dy, y, products);
    sum_columns(lanes, rows, columns, packs, sums, partials, counters, make);
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
    SHARED double shared[4 * 2 * WalkThreads];
    const u8 *bytes = (const u8 *)bits;
    bool packs = columns % 4 == 0 && aligned(dy, y, products);
    if (dskip_bias) {
        float *const sums[2] = {dbias, dskip_bias};
        auto make = [&](auto part) {
            SkipSlopes<decltype(part)::Size, 2> body = {
                dy,
                y,
                bytes,
                products,
                scale,
                columns,
                part.column,
            };
            return body;
        };
        sum_columns_in(shared, lanes, rows, columns, packs, sums, partials, counters, make);
    } else {
        float *const sums[1] = {dbias};
        auto make = [&](auto part) {
            SkipSlopes<decltype(part)::Size, 1> body = {
                dy,
                y,
                bytes,
                products,
                scale,
                columns,
                part.column,
            };
            return body;
        };
        sum_columns_in(shared, lanes, rows, columns, packs, sums, partials, counters, make);
    }
}
