// Elementwise operations on values that lie as one block; Layers/Backends/Operations.cs (PointwiseOp) says what they are.
//
// Shapes: all operands have `count` values in any shape. Where the addresses are multiples of 16, 4 values a thread and
// turn; the rest, and all where they are not, one by one. Operands may be one.
//
// Bytes an element: add 12; gelu 8; gelu_gradient 12; relu_gradient 12; residual_relu reads out and a and writes out, 12,
// and 1/8 for its bits; residual_relu_gradient reads a and b and writes a and out, 16, and 1/8.
// Launch: blocks of 256 that stride over all values; residual_relu in steps of 32 values a warp.
// Source: gelu as its tanh form, Hendrycks and Gimpel 2016, with (1 + tanh(u)) / 2 = sigmoid(2u).
#include "functions.cuh"

namespace {
constexpr int Threads = 256;
constexpr float Linear = 1.5957691216057308f;
constexpr float Cubic = 0.044715f;

DEVICE float gate(float x) { return sigmoid(x * fma(x * x, Cubic * Linear, Linear)); }

struct Add {
    MEMBER float operator()(float a, float b) const { return a + b; }
};

struct Gelu {
    MEMBER float operator()(float a, float) const { return a * gate(a); }
};

// gelu(b) = b s(v), v = 2 sqrt(2/pi) (b + 0.044715 b^3); gelu' = s + b s (1 - s) v'.
struct GeluGradient {
    MEMBER float operator()(float a, float b) const {
        float s = gate(b);
        float slope = fma(b * b, 3.0f * Cubic * Linear, Linear);
        return a * fma(b * s * (1.0f - s), slope, s);
    }
};

struct ReluGradient {
    MEMBER float operator()(float a, float b) const { return b > 0.0f ? a : 0.0f; }
};

// Without a second operand b is not read.
template <bool Two, typename Map>
DEVICE void map(const float *a, const float *b, float *out, i64 count, Map f) {
    i64 first = (i64)block_x() * Threads + thread();
    i64 stride = (i64)blocks_x() * Threads;
    i64 whole = (((u64)a | (u64)b | (u64)out) & 15) == 0 ? count / 4 : 0;
    for (i64 i = first; i < whole; i += stride) {
        float4 x = ((const float4 *)a)[i];
        float4 y = Two ? ((const float4 *)b)[i] : x;
        float4 z;
        z.x = f(x.x, y.x);
        z.y = f(x.y, y.y);
        z.z = f(x.z, y.z);
        z.w = f(x.w, y.w);
        ((float4 *)out)[i] = z;
    }
    for (i64 i = 4 * whole + first; i < count; i += stride)
        out[i] = f(a[i], Two ? b[i] : 0.0f);
}
} // namespace

KERNEL LAUNCH(Threads) add(const float *a, const float *b, float *out, i64 count) {
    map<true>(a, b, out, count, Add());
}

KERNEL LAUNCH(Threads) gelu(const float *a, float *out, i64 count) {
    map<false>(a, nullptr, out, count, Gelu());
}

KERNEL LAUNCH(Threads) gelu_gradient(const float *a, const float *b, float *out, i64 count) {
    map<true>(a, b, out, count, GeluGradient());
}

KERNEL LAUNCH(Threads) relu_gradient(const float *a, const float *b, float *out, i64 count) {
    map<true>(a, b, out, count, ReluGradient());
}

// out = relu(relu(out) + a); bit i of bits is whether the inner relu passed value i. No bits where they are null.
KERNEL LAUNCH(Threads) residual_relu(const float *a, float *out, u32 *bits, i64 count) {
    i64 stride = (i64)blocks_x() * Threads;
    for (i64 word = (i64)block_x() * Threads + thread() - thread() % 32; word < count; word += stride) {
        i64 i = word + thread() % 32;
        bool there = i < count;
        float inner = there ? larger(0.0f, out[i]) : 0.0f;
        if (there)
            out[i] = larger(0.0f, inner + a[i]);
        u32 passed = ballot(inner > 0.0f);
        if (bits && thread() % 32 == 0)
            bits[word / 32] = passed;
    }
}

// a = a where b > 0; out = that where the bits are set, else 0.
KERNEL LAUNCH(Threads)
    residual_relu_gradient(float *a, const float *b, const u32 *bits, float *out, i64 count) {
    i64 stride = (i64)blocks_x() * Threads;
    for (i64 i = (i64)block_x() * Threads + thread(); i < count; i += stride) {
        float outer = b[i] > 0.0f ? a[i] : 0.0f;
        a[i] = outer;
        out[i] = bits[i / 32] >> (i % 32) & 1 ? outer : 0.0f;
    }
}
