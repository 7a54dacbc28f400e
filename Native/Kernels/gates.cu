// The gelu and the gated linear unit, with what is added before them and summed after: PointwiseOp in
// Layers/Operations/Pointwise.cs.
//
// Shapes: a, c, out and gelu's b [rows, C], its row [C]; glu's gates b [rows, 2 C], their row [2 C]. Operands of a kernel may
// be one where their shapes are.
// Bytes an element: gelu_of_sum reads a and b and writes b and out, 16; gelu_gradient reads a, b and c and writes out, 16;
// gelu_gradient_normed reads a, b and x and writes c and out, 20, and its row's statistics, 8 each value or pack;
// gelu 8 and gelu_slope, which reads a and b and writes out, 12, as one block of values whatever their shape;
// glu reads a, both gates and writes out, 16 (12 without a); glu_gradient reads a, c and both gates and writes these and out,
// 28; glu_slope reads a and both gates and writes these, 20; gated reads a, c and the gate b [rows, C] and writes out, 16 (12 without a); gated_gradient reads a, b and c and writes b
// and out, 20. A thread reads its columns of a shared row once. Partial sums: 16 a column, part and sum.
// Launch: blocks of 256 as in columns.cuh, by packs where it can; those with gates of twice the columns, which lie behind a row's
// values, and with rows' statistics only where the columns are a multiple of 4. Gradients, whose sums go over rows, as
// column_sums.cuh.
// Source: gelu as its tanh form, Hendrycks and Gimpel 2016, with (1 + tanh(u)) / 2 = sigmoid(2u); gated linear units,
// Dauphin et al. 2016.
#include "column_sums.cuh"
#include "functions.cuh"

namespace {
constexpr float Linear = 1.5957691216057308f;
constexpr float Cubic = 0.044715f;

DEVICE float gate(float x) { return sigmoid(x * fma(x * x, Cubic * Linear, Linear)); }

// gelu(b) = b s(v), v = 2 sqrt(2/pi) (b + 0.044715 b^3); gelu' = s + b s (1 - s) v'.
template <int Width> struct GeluSlopes {
    static constexpr int Ahead = Width == 1 ? 4 : 1;
    struct Read {
        Values<Width> a;
        Values<Width> b;
        Values<Width> c;
    };
    const float *a;
    const float *b;
    const float *c;
    float *out;

    MEMBER Read load(int, i64 i) const {
        Read read = {values_at<Width>(a + i), values_at<Width>(b + i), values_at<Width>(c + i)};
        return read;
    }

    MEMBER void add(i64 i, const Read &read, Values<Width> (&s)[1]) const {
        Values<Width> value;
        UNROLL for (int k = 0; k < Width; k++) {
            float x = read.b[k];
            float open = gate(x);
            float slope = fma(x * x, 3.0f * Cubic * Linear, Linear);
            value[k] = read.a[k] * fma(x * open * (1.0f - open), slope, open);
            s[0][k] = fma(value[k], read.c[k], s[0][k]);
        }
        put<Width>(out + i, value);
    }
};

// The same where c is a layer norm of x, made again from the statistics of its rows.
template <int Width> struct NormedGeluSlopes {
    static constexpr int Ahead = Width == 1 ? 2 : 1;
    struct Read {
        Values<Width> a;
        Values<Width> b;
        Values<Width> x;
        float mean;
        float scale;
    };
    GeluSlopes<Width> slopes;
    const float *x;
    const float *statistics;
    float *c;
    Values<Width> weight;
    Values<Width> bias;

    MEMBER Read load(int r, i64 i) const {
        // Of more than 2^30 rows, two values each are more than 32 bits count.
        const float *row = statistics + 2 * (i64)r;
        Read read = {
            values_at<Width>(slopes.a + i),
            values_at<Width>(slopes.b + i),
            values_at<Width>(x + i),
            row[0],
            row[1],
        };
        return read;
    }

    MEMBER void add(i64 i, const Read &read, Values<Width> (&s)[1]) const {
        Values<Width> normed;
        UNROLL for (int k = 0; k < Width; k++)
            normed[k] = fma((read.x[k] - read.mean) * read.scale, weight[k], bias[k]);
        put<Width>(c + i, normed);
        typename GeluSlopes<Width>::Read as = {read.a, read.b, normed};
        slopes.add(i, as, s);
    }
};

// What a gate is read with.
template <int Width> struct Gate {
    Values<Width> start;
    Values<Width> value;
    Values<Width> gate;
};

// Rows of twice the columns: values, and then their gates.
struct GateRows {
    float *b;
    int columns;
    i64 column;

    // Of element i of a matrix of so many columns.
    MEMBER float *value(i64 i) const { return b + (2 * i - column); }
    MEMBER float *gate(i64 i) const { return value(i) + columns; }
};

// The gates of a value, which lie a row's columns apart.
template <int Width> struct GluSlopes {
    static constexpr int Ahead = Width == 1 ? 2 : 1;
    struct Read {
        Values<Width> a;
        Values<Width> value;
        Values<Width> gate;
        Values<Width> c;
    };
    const float *a;
    GateRows gates;
    const float *c;
    float *out;
    Values<Width> row;
    Values<Width> gate_row;

    MEMBER Read load(int, i64 i) const {
        Read read = {
            values_at<Width>(a + i),
            values_at<Width>(gates.value(i)) + row,
            values_at<Width>(gates.gate(i)) + gate_row,
            values_at<Width>(c + i),
        };
        return read;
    }

    MEMBER void add(i64 i, const Read &read, Values<Width> (&s)[2]) const {
        Values<Width> open, slope, bent;
        UNROLL for (int k = 0; k < Width; k++) {
            float passed = sigmoid(read.gate[k]);
            open[k] = read.a[k] * passed;
            slope[k] = open[k] * read.value[k] * (1.0f - passed);
        }
        put<Width>(gates.value(i), open);
        put<Width>(gates.gate(i), slope);
        s[0] += open;
        s[1] += slope;
        UNROLL for (int k = 0; k < Width; k++)
            bent[k] = read.c[k] * gate(read.c[k]);
        put<Width>(out + i, bent);
    }
};

DEVICE float gelu_of(float x) { return x * gate(x); }

DEVICE float gelu_slope_of(float x) {
    float open = gate(x);
    float slope = fma(x * x, 3.0f * Cubic * Linear, Linear);
    return fma(x * open * (1.0f - open), slope, open);
}

// c sigmoid(b + row): its gradients by b, which overwrites it, and by c.
template <int Width> struct GatedSlopes {
    static constexpr int Ahead = Width == 1 ? 4 : 1;
    struct Read {
        Values<Width> a;
        Values<Width> gate;
        Values<Width> c;
    };
    const float *a;
    float *b;
    const float *c;
    float *out;
    Values<Width> row;

    MEMBER Read load(int, i64 i) const {
        Read read = {values_at<Width>(a + i), values_at<Width>(b + i) + row, values_at<Width>(c + i)};
        return read;
    }

    MEMBER void add(i64 i, const Read &read, Values<Width> (&s)[1]) const {
        Values<Width> open, slope;
        UNROLL for (int k = 0; k < Width; k++) {
            float passed = sigmoid(read.gate[k]);
            open[k] = read.a[k] * passed;
            slope[k] = open[k] * read.c[k] * (1.0f - passed);
        }
        put<Width>(b + i, slope);
        put<Width>(out + i, open);
        s[0] += slope;
    }
};
} // namespace

// out = gelu(a)
KERNEL LAUNCH(WalkThreads) gelu(const float *a, float *out, i64 count) {
    i64 first = (i64)block_x() * WalkThreads + thread();
    i64 stride = (i64)blocks_x() * WalkThreads;
    i64 whole = (((u64)a | (u64)out) & 15) == 0 ? count / 4 : 0;
    for (i64 i = first; i < whole; i += stride) {
        float4 values = ((const float4 *)a)[i];
        float4 bent;
        UNROLL for (int k = 0; k < 4; k++)
            bent[k] = gelu_of(values[k]);
        ((float4 *)out)[i] = bent;
    }
    for (i64 i = 4 * whole + first; i < count; i += stride)
        out[i] = gelu_of(a[i]);
}

// out = a gelu'(b)
KERNEL LAUNCH(WalkThreads) gelu_slope(const float *a, const float *b, float *out, i64 count) {
    i64 first = (i64)block_x() * WalkThreads + thread();
    i64 stride = (i64)blocks_x() * WalkThreads;
    i64 whole = (((u64)a | (u64)b | (u64)out) & 15) == 0 ? count / 4 : 0;
    for (i64 i = first; i < whole; i += stride) {
        float4 gradient = ((const float4 *)a)[i];
        float4 values = ((const float4 *)b)[i];
        float4 slope;
        UNROLL for (int k = 0; k < 4; k++)
            slope[k] = gradient[k] * gelu_slope_of(values[k]);
        ((float4 *)out)[i] = slope;
    }
    for (i64 i = 4 * whole + first; i < count; i += stride)
        out[i] = a[i] * gelu_slope_of(b[i]);
}

// b = the gradient of glu by b, in place; a is that of its out.
KERNEL LAUNCH(WalkThreads) glu_slope(const float *a, float *b, i64 rows, int columns, int lanes) {
    bool packs = columns % 4 == 0 && aligned(a, b);
    by_parts(lanes, rows, columns, packs, [&](auto part) {
        constexpr int Width = decltype(part)::Size;
        GateRows gates = {b, columns, part.column};
        each_row<1>(
            part,
            [&](i64 i) {
                Gate<Width> read = {
                    values_at<Width>(a + i),
                    values_at<Width>(gates.value(i)),
                    values_at<Width>(gates.gate(i)),
                };
                return read;
            },
            [&](i64 i, const Gate<Width> &read) {
                Values<Width> open, slope;
                UNROLL for (int k = 0; k < Width; k++) {
                    float passed = sigmoid(read.gate[k]);
                    open[k] = read.start[k] * passed;
                    slope[k] = open[k] * read.value[k] * (1.0f - passed);
                }
                put<Width>(gates.value(i), open);
                put<Width>(gates.gate(i), slope);
            }
        );
    });
}

// out = a + c sigmoid(b + row); a and row may be null, which is 0.
KERNEL LAUNCH(WalkThreads) gated(
    const float *a,
    const float *b,
    const float *row,
    const float *c,
    float *out,
    i64 rows,
    int columns,
    int lanes
) {
    by_parts(lanes, rows, columns, aligned(a, b, c, out), [&](auto part) {
        constexpr int Width = decltype(part)::Size;
        Values<Width> shift = part.shared(row);
        each_row<1>(
            part,
            [&](i64 i) {
                Gate<Width> read = {0.0f, values_at<Width>(c + i), values_at<Width>(b + i)};
                if (a)
                    read.start = values_at<Width>(a + i);
                return read;
            },
            [&](i64 i, const Gate<Width> &read) {
                Values<Width> sum;
                UNROLL for (int k = 0; k < Width; k++)
                    sum[k] = fma(read.value[k], sigmoid(read.gate[k] + shift[k]), read.start[k]);
                put<Width>(out + i, sum);
            }
        );
    });
}

// b = the gradient of b, in place; a is that of gated's out. sum += its sums over rows; out = a sigmoid(b + row).
KERNEL LAUNCH_BLOCKS(WalkThreads, 4) gated_gradient(
    const float *a,
    float *b,
    const float *row,
    const float *c,
    float *out,
    float *sum,
    i64 rows,
    int columns,
    int lanes,
    double *partials,
    u32 *counters
) {
    float *const sums[1] = {sum};
    auto make = [&](auto part) {
        GatedSlopes<decltype(part)::Size> body = {a, b, c, out, part.shared(row)};
        return body;
    };
    bool packs = aligned(a, b, c, out);
    sum_columns(lanes, rows, columns, packs, sums, partials, counters, make);
}

// b += a * row; out = gelu(b)
KERNEL LAUNCH(WalkThreads) gelu_of_sum(
    const float *a,
    const float *row,
    float *b,
    float *out,
    i64 rows,
    int columns,
    int lanes
) {
    by_parts(lanes, rows, columns, aligned(a, b, out), [&](auto part) {
        constexpr int Width = decltype(part)::Size;
        struct Read {
            Values<Width> a;
            Values<Width> b;
        };
        Values<Width> factor = part.shared(row);
        each_row<1>(
            part,
            [&](i64 i) {
                Read read = {values_at<Width>(a + i), values_at<Width>(b + i)};
                return read;
            },
            [&](i64 i, const Read &read) {
                Values<Width> sum, bent;
                UNROLL for (int k = 0; k < Width; k++) {
                    sum[k] = fma(read.a[k], factor[k], read.b[k]);
                    bent[k] = sum[k] * gate(sum[k]);
                }
                put<Width>(b + i, sum);
                put<Width>(out + i, bent);
            }
        );
    });
}

// out = a gelu'(b); sum += sums over rows of out * c
KERNEL LAUNCH_BLOCKS(WalkThreads, 4) gelu_gradient(
    const float *a,
    const float *b,
    const float *c,
    float *out,
    float *sum,
    i64 rows,
    int columns,
    int lanes,
    double *partials,
    u32 *counters
) {
    float *const sums[1] = {sum};
    auto make = [&](auto part) {
        GeluSlopes<decltype(part)::Size> body = {a, b, c, out};
        return body;
    };
    bool packs = aligned(a, b, c, out);
    sum_columns(lanes, rows, columns, packs, sums, partials, counters, make);
}

// The same, and c is written: the layer norm of x by the statistics of its rows.
KERNEL LAUNCH_BLOCKS(WalkThreads, 4) gelu_gradient_normed(
    const float *a,
    const float *b,
    const float *x,
    const float *statistics,
    const float *weight,
    const float *bias,
    float *c,
    float *out,
    float *sum,
    i64 rows,
    int columns,
    int lanes,
    double *partials,
    u32 *counters
) {
    float *const sums[1] = {sum};
    auto make = [&](auto part) {
        NormedGeluSlopes<decltype(part)::Size> body = {
            {a, b, nullptr, out},
            x,
            statistics,
            c,
            part.shared(weight),
            part.shared(bias),
        };
        return body;
    };
    bool packs = columns % 4 == 0 && aligned(a, b, x, c, out);
    sum_columns(lanes, rows, columns, packs, sums, partials, counters, make);
}

// out = a + b1 sigmoid(b2), [b1 | b2] = b + row; a and row may be null, which is 0.
KERNEL LAUNCH(WalkThreads) glu(
    const float *a,
    const float *b,
    const float *row,
    float *out,
    i64 rows,
    int columns,
    int lanes
) {
    bool packs = columns % 4 == 0 && aligned(a, b, out);
    by_parts(lanes, rows, columns, packs, [&](auto part) {
        constexpr int Width = decltype(part)::Size;
        Values<Width> shift = part.shared(row);
        Values<Width> gate_shift = part.shared(row ? row + columns : row);
        GateRows gates = {(float *)b, columns, part.column};
        each_row<1>(
            part,
            [&](i64 i) {
                Gate<Width> read = {
                    0.0f,
                    values_at<Width>(gates.value(i)),
                    values_at<Width>(gates.gate(i)),
                };
                if (a)
                    read.start = values_at<Width>(a + i);
                return read;
            },
            [&](i64 i, const Gate<Width> &read) {
                Values<Width> sum;
                UNROLL for (int k = 0; k < Width; k++)
                    sum[k] = fma(
                        read.value[k] + shift[k],
                        sigmoid(read.gate[k] + gate_shift[k]),
                        read.start[k]
                    );
                put<Width>(out + i, sum);
            }
        );
    });
}

// b = the gradient of b, in place; a is that of glu's out. sum [2 C] += its sums over rows; out = gelu(c).
KERNEL LAUNCH_BLOCKS(WalkThreads, 4) glu_gradient(
    const float *a,
    float *b,
    const float *row,
    const float *c,
    float *out,
    float *sum,
    i64 rows,
    int columns,
    int lanes,
    double *partials,
    u32 *counters
) {
    float *const sums[2] = {sum, sum + columns};
    auto make = [&](auto part) {
        GluSlopes<decltype(part)::Size> body = {
            a,
            {b, columns, part.column},
            c,
            out,
            part.shared(row),
            part.shared(row ? row + columns : row),
        };
        return body;
    };
    bool packs = columns % 4 == 0 && aligned(a, b, c, out);
    sum_columns(lanes, rows, columns, packs, sums, partials, counters, make);
}
