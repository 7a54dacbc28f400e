// Elementwise operations on values that lie as one block; Layers/Operations/Pointwise.cs (PointwiseOp) says what they are.
//
// Shapes: all operands have `count` values in any shape. Where the addresses are multiples of 16, 4 values a thread and
// turn; the rest, and all where they are not, one by one. Operands may be one.
//
// Bytes an element: add and add_relu 12; relu_slope 12, of values that go one by one 8 where none passes.
// Launch: blocks of 256 that stride over all values.
// Source: as it stands.
#include "device.cuh"

namespace {
constexpr int Threads = 256;
} // namespace

KERNEL LAUNCH(Threads) add(const float *a, const float *b, float *out, i64 count) {
    i64 first = (i64)block_x() * Threads + thread();
    i64 stride = (i64)blocks_x() * Threads;
    i64 whole = (((u64)a | (u64)b | (u64)out) & 15) == 0 ? count / 4 : 0;
    for (i64 i = first; i < whole; i += stride)
        ((float4 *)out)[i] = ((const float4 *)a)[i] + ((const float4 *)b)[i];
    for (i64 i = 4 * whole + first; i < count; i += stride)
        out[i] = a[i] + b[i];
}

// out = max(a + b, 0); a NaN stays one.
KERNEL LAUNCH(Threads) add_relu(const float *a, const float *b, float *out, i64 count) {
    i64 first = (i64)block_x() * Threads + thread();
    i64 stride = (i64)blocks_x() * Threads;
    i64 whole = (((u64)a | (u64)b | (u64)out) & 15) == 0 ? count / 4 : 0;
    for (i64 i = first; i < whole; i += stride) {
        float4 sum = ((const float4 *)a)[i] + ((const float4 *)b)[i];
        UNROLL for (int k = 0; k < 4; k++)
            sum[k] = larger(0.0f, sum[k]);
        ((float4 *)out)[i] = sum;
    }
    for (i64 i = 4 * whole + first; i < count; i += stride)
        out[i] = larger(0.0f, a[i] + b[i]);
}

// out = a where b > 0, else 0
KERNEL LAUNCH(Threads) relu_slope(const float *a, const float *b, float *out, i64 count) {
    i64 first = (i64)block_x() * Threads + thread();
    i64 stride = (i64)blocks_x() * Threads;
    i64 whole = (((u64)a | (u64)b | (u64)out) & 15) == 0 ? count / 4 : 0;
    for (i64 i = first; i < whole; i += stride) {
        float4 gradient = ((const float4 *)a)[i];
        float4 values = ((const float4 *)b)[i];
        UNROLL for (int k = 0; k < 4; k++)
            gradient[k] = values[k] > 0.0f ? gradient[k] : 0.0f;
        ((float4 *)out)[i] = gradient;
    }
    for (i64 i = 4 * whole + first; i < count; i += stride)
        out[i] = b[i] > 0.0f ? a[i] : 0.0f;
}
