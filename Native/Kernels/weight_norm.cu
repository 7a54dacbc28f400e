// w[o] = g[o] v[o] / |v[o]| for each output o of a filter, and its gradient; of two filters in a launch, or one.
//
// Shapes: v, dv [O, I, k]; w, dw [O, k, I], as convolutions read them; g, norms, dg [O]. Of dw only the newest `live` taps are
// there, the last ones: the others are zero.
// Bytes a weight: forward reads v twice, of which the second time is from the cache, and writes w, 12; backward reads dw and
// v twice and dv, writes dv, 24, and 8 less where dw is zero. An output: 4 or 8, and what its threads all read: g, and backward norms too.
// Launch: a block of 128 an output, those of the second filter behind those of the first.
// Source: Salimans and Kingma 2016.
#include "device.cuh"

namespace {
constexpr int Threads = 128;

// A row's sum over its weights, by threads.
template <typename Term> DEVICE float sum_row(int size, Term term) {
    SHARED double warps[Threads / 32];
    float sum = 0.0f;
    for (int i = thread(); i < size; i += Threads)
        sum = term(i, sum);
    return (float)block_sum((double)sum, warps);
}

struct Filter {
    const float *v;
    const float *g;
    float *w;
    float *norms;
    int inputs;
    int taps;
};

struct Slopes {
    const float *w;
    float *v;
    float *g;
    int live;
};

DEVICE void forward(const Filter &f, i64 row) {
    int size = f.inputs * f.taps;
    const float *v = f.v + row * size;
    float *w = f.w + row * size;
    float norm = root(sum_row(size, [&](int i, float sum) { return fma(v[i], v[i], sum); }));
    float factor = f.g[row] / norm;
    for (int i = thread(); i < size; i += Threads) {
        int tap = i / f.inputs;
        w[i] = factor * v[(i - tap * f.inputs) * f.taps + tap];
    }
    if (thread() == 0)
        f.norms[row] = norm;
}

DEVICE void backward(const Filter &f, const Slopes &d, i64 row) {
    int size = f.inputs * f.taps;
    const float *v = f.v + row * size;
    const float *dw = d.w + row * size;
    float *dv = d.v + row * size;
    int dead = f.taps - d.live;
    auto slope = [&](int i) {
        int input = i / f.taps;
        int tap = i - input * f.taps;
        return tap < dead ? 0.0f : dw[tap * f.inputs + input];
    };
    double along = (double)sum_row(size, [&](int i, float sum) { return fma(slope(i), v[i], sum); });
    double norm = (double)f.norms[row];
    float scale = (float)((double)f.g[row] / norm);
    float back = (float)(-along / (norm * norm));
    for (int i = thread(); i < size; i += Threads)
        dv[i] = fma(scale, fma(back, v[i], slope(i)), dv[i]);
    if (thread() == 0)
        d.g[row] += (float)(along / norm);
}
} // namespace

KERNEL LAUNCH(Threads) weight_norm(
    const float *v,
    const float *g,
    float *w,
    float *norms,
    int outputs,
    int inputs,
    int taps,
    const float *second_v,
    const float *second_g,
    float *second_w,
    float *second_norms,
    int second_inputs,
    int second_taps
) {
    int row = block_x();
    Filter one = {v, g, w, norms, inputs, taps};
    Filter other = {second_v, second_g, second_w, second_norms, second_inputs, second_taps};
    if (row < outputs)
        forward(one, row);
    else
        forward(other, row - outputs);
}

// Adds to dv and dg.
KERNEL LAUNCH(Threads) weight_norm_gradient(
    const float *v,
    const float *g,
    float *norms,
    const float *dw,
    float *dv,
    float *dg,
    int outputs,
    int inputs,
    int taps,
    int live,
    const float *second_v,
    const float *second_g,
    float *second_norms,
    const float *second_dw,
    float *second_dv,
    float *second_dg,
    int second_inputs,
    int second_taps,
    int second_live
) {
    int row = block_x();
    Filter one = {v, g, nullptr, norms, inputs, taps};
    Filter other = {second_v, second_g, nullptr, second_norms, second_inputs, second_taps};
    Slopes slopes = {dw, dv, dg, live};
    Slopes other_slopes = {second_dw, second_dv, second_dg, second_live};
    if (row < outputs)
        backward(one, slopes, row);
    else
        backward(other, other_slopes, row - outputs);
}
