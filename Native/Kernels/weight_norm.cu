// w[o] = g[o] v[o] / |v[o]| for each row o, and its gradient.
//
// Shapes: v, w, dw, dv [rows, size], g, norms, dg [rows].
// Bytes a weight: forward reads v twice, of which the second time is from the cache, and writes w, 12; backward reads dw and
// v twice and dv, writes dv, 24. A row: 12 forward, 16 backward.
// Launch: a block of 128 a row.
// Source: Salimans and Kingma 2016.
#include "device.cuh"

namespace {
constexpr int Threads = 128;

DEVICE float dot(const float *a, const float *b, int size) {
    SHARED double warps[Threads / 32];
    float sum = 0.0f;
    for (int i = thread(); i < size; i += Threads)
        sum = fma(a[i], b[i], sum);
    return (float)block_sum((double)sum, warps);
}
} // namespace

KERNEL LAUNCH(Threads)
    weight_norm(const float *v, const float *g, float *w, float *norms, int size) {
    i64 row = block_x();
    v += row * size;
    w += row * size;
    float norm = root(dot(v, v, size));
    float factor = g[row] / norm;
    for (int i = thread(); i < size; i += Threads)
        w[i] = factor * v[i];
    if (thread() == 0)
        norms[row] = norm;
}

// Adds to dv and dg.
KERNEL LAUNCH(Threads) weight_norm_gradient(
    const float *v,
    const float *g,
    const float *norms,
    const float *dw,
    float *dv,
    float *dg,
    int size
) {
    i64 row = block_x();
    v += row * size;
    dw += row * size;
    dv += row * size;
    double along = (double)dot(dw, v, size);
    double norm = (double)norms[row];
    float scale = (float)((double)g[row] / norm);
    float back = (float)(-along / (norm * norm));
    for (int i = thread(); i < size; i += Threads)
        dv[i] = fma(scale, fma(back, v[i], dw[i]), dv[i]);
    if (thread() == 0)
        dg[row] += (float)(along / norm);
}
