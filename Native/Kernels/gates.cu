// The gelu and the gated linear unit, with what is added before them and summed after: PointwiseOp in
// Layers/Operations/Pointwise.cs.
//
// Shapes: a, c, out and gelu's b [rows, C], its row [C]; glu's gates b [rows, 2 C], their row [2 C]. Operands of a kernel may
// be one where their shapes are.
// Bytes an element: gelu_of_sum reads a and b and writes b and out, 16; gelu_gradient reads a, b and c and writes out, 16;
// gelu_gradient_normed reads a, b and x and writes c and out, 20, and each thread its row's statistics, 8;
// gelu 8 and gelu_slope, which reads a and b and writes out, 12, as one block of values whatever their shape;
// glu reads a, both gates and writes out, 16 (12 without a); glu_gradient reads a, c and both gates and writes these and out,
// 28; glu_slope reads a and both gates and writes these, 20; gated reads a, c and the gate b [rows, C] and writes out, 16 (12 without a); gated_gradient reads a, b and c and writes b
// and out, 20. A thread reads its shared row once. Partial sums: 16 a column, part and sum.
// Launch: blocks of 256 as in columns.cuh; gradients, whose sums go over rows, as column_sums.cuh.
// Source: gelu as its tanh form, Hendrycks and Gimpel 2016, with (1 + tanh(u)) / 2 = sigmoid(2u); gated linear units,
// Dauphin et al. 2016.
#include "column_sums.cuh"
#include "functions.cuh"

namespace {
constexpr float Linear = 1.5957691216057308f;
constexpr float Cubic = 0.044715f;

DEVICE float gate(float x) { return sigmoid(x * fma(x * x, Cubic * Linear, Linear)); }

// gelu(b) = b s(v), v = 2 sqrt(2/pi) (b + 0.044715 b^3); gelu' = s + b s (1 - s) v'.
struct GeluSlopes {
    struct Read {
        float a;
        float b;
        float c;
    };
    const float *a;
    const float *b;
    const float *c;
    float *out;

    MEMBER Read load(int, i64 i) const {
        Read read = {a[i], b[i], c[i]};
        return read;
    }

    MEMBER void add(i64 i, const Read &read, float (&s)[1]) const {
        float open = gate(read.b);
        float slope = fma(read.b * read.b, 3.0f * Cubic * Linear, Linear);
        float value = read.a * fma(read.b * open * (1.0f - open), slope, open);
        out[i] = value;
        s[0] = fma(value, read.c, s[0]);
    }
};

// The same where c is a layer norm of x, made again from the statistics of its rows.
struct NormedGeluSlopes {
    struct Read {
        float a;
        float b;
        float x;
        float mean;
        float scale;
    };
    GeluSlopes slopes;
    const float *x;
    const float *statistics;
    float *c;
    float weight;
    float bias;

    MEMBER Read load(int r, i64 i) const {
        // Of more than 2^30 rows, two values each are more than 32 bits count.
        const float *row = statistics + 2 * (i64)r;
        Read read = {slopes.a[i], slopes.b[i], x[i], row[0], row[1]};
        return read;
    }

    MEMBER void add(i64 i, const Read &read, float (&s)[1]) const {
        float normed = fma((read.x - read.mean) * read.scale, weight, bias);
        c[i] = normed;
        GeluSlopes::Read as = {read.a, read.b, normed};
        slopes.add(i, as, s);
    }
};

// What a gate is read with.
struct Gate {
    float start;
    float value;
    float gate;
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
struct GluSlopes {
    struct Read {
        float a;
        float value;
        float gate;
        float c;
    };
    const float *a;
    GateRows gates;
    const float *c;
    float *out;
    float row;
    float gate_row;

    MEMBER Read load(int, i64 i) const {
        Read read = {a[i], *gates.value(i) + row, *gates.gate(i) + gate_row, c[i]};
        return read;
    }

    MEMBER void add(i64 i, const Read &read, float (&s)[2]) const {
        float passed = sigmoid(read.gate);
        float open = read.a * passed;
        float slope = open * read.value * (1.0f - passed);
        *gates.value(i) = open;
        *gates.gate(i) = slope;
        s[0] += open;
        s[1] += slope;
        out[i] = read.c * gate(read.c);
    }
};

DEVICE float gelu_of(float x) { return x * gate(x); }

DEVICE float gelu_slope_of(float x) {
    float open = gate(x);
    float slope = fma(x * x, 3.0f * Cubic * Linear, Linear);
    return fma(x * open * (1.0f - open), slope, open);
}

// c sigmoid(b + row): its gradients by b, which overwrites it, and by c.
struct GatedSlopes {
    struct Read {
        float a;
        float gate;
        float c;
    };
    const float *a;
    float *b;
    const float *c;
    float *out;
    float row;

    MEMBER Read load(int, i64 i) const {
        Read read = {a[i], b[i] + row, c[i]};
        return read;
    }

    MEMBER void add(i64 i, const Read &read, float (&s)[1]) const {
        float passed = sigmoid(read.gate);
        float open = read.a * passed;
        float slope = open * read.c * (1.0f - passed);
        b[i] = slope;
        out[i] = open;
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
    Walk w = walk(lanes);
    GateRows gates = {b, columns, w.column};
    each_row(
        w,
        rows,
        columns,
        [&](i64 i) {
            Gate read = {a[i], *gates.value(i), *gates.gate(i)};
            return read;
        },
        [&](i64 i, const Gate &read) {
            float passed = sigmoid(read.gate);
            float open = read.start * passed;
            *gates.value(i) = open;
            *gates.gate(i) = open * read.value * (1.0f - passed);
        }
    );
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
    Walk w = walk(lanes);
    float shift = row && w.column < columns ? row[w.column] : 0.0f;
    each_row(
        w,
        rows,
        columns,
        [&](i64 i) {
            Gate read = {a ? a[i] : 0.0f, c[i], b[i]};
            return read;
        },
        [&](i64 i, const Gate &read) {
            out[i] = fma(read.value, sigmoid(read.gate + shift), read.start);
        }
    );
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
    Walk w = walk(lanes);
    float shift = row && w.column < columns ? row[w.column] : 0.0f;
    float *const sums[1] = {sum};
    GatedSlopes body = {a, b, c, out, shift};
    sum_columns<1>(w, rows, columns, sums, partials, counters, body);
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
    Walk w = walk(lanes);
    float factor = w.column < columns ? row[w.column] : 0.0f;
    each_row(
        w,
        rows,
        columns,
        [&](i64 i) {
            float2 read = {a[i], b[i]};
            return read;
        },
        [&](i64 i, float2 read) {
            float sum = fma(read.x, factor, read.y);
            b[i] = sum;
            out[i] = sum * gate(sum);
        }
    );
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
    GeluSlopes body = {a, b, c, out};
    sum_columns<1>(walk(lanes), rows, columns, sums, partials, counters, body);
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
    Walk w = walk(lanes);
    bool mine = w.column < columns;
    float *const sums[1] = {sum};
    NormedGeluSlopes body = {
        {a, b, nullptr, out},
        x,
        statistics,
        c,
        mine ? weight[w.column] : 0.0f,
        mine ? bias[w.column] : 0.0f,
    };
    sum_columns<1, 2>(w, rows, columns, sums, partials, counters, body);
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
    Walk w = walk(lanes);
    bool adds = row && w.column < columns;
    float shift = adds ? row[w.column] : 0.0f;
    float gate_shift = adds ? row[w.column + columns] : 0.0f;
    GateRows gates = {(float *)b, columns, w.column};
    each_row(
        w,
        rows,
        columns,
        [&](i64 i) {
            Gate read = {a ? a[i] : 0.0f, *gates.value(i), *gates.gate(i)};
            return read;
        },
        [&](i64 i, const Gate &read) {
            out[i] = fma(read.value + shift, sigmoid(read.gate + gate_shift), read.start);
        }
    );
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
    Walk w = walk(lanes);
    bool adds = row && w.column < columns;
    float shift = adds ? row[w.column] : 0.0f;
    float gate_shift = adds ? row[w.column + columns] : 0.0f;
    float *const sums[2] = {sum, sum + columns};
    GluSlopes body = {a, {b, columns, w.column}, c, out, shift, gate_shift};
    sum_columns<2, 2>(w, rows, columns, sums, partials, counters, body);
}
