// w[o] = g[o] v[o] / |v[o]| for each output o of a filter, and its gradient; of all filters of a model in a launch.
//
// Shapes: v, dv [O, I, k]; w, dw [O, k, I], as convolutions read them; g, norms, dg [O]. Of dw only the taps are there that reach
// a sequence of so many steps, the last ones: the others are zero.
// Bytes a weight: forward reads v twice, of which the second time is from the cache, and writes w, 12; backward reads dw and
// v twice and dv, writes dv, 24, and 8 less where dw is zero. An output: 4 or 8, and what its threads all read: g, and backward
// norms too. A block of the grid: 56 for its entry.
// Launch: along y an entry of the table each, along x a block of 128 an output; those beyond a filter's have nothing to do.
// Source: Salimans and Kingma 2016.
#include "table.cuh"

namespace {
constexpr int Threads = 128;

struct Filter {
    // Among the parameters, and likewise among their gradients.
    i64 v, g;
    // Among what is made of them.
    i64 w, norms;
    // Among the gradients of that.
    i64 dw;
    int outputs, inputs, taps, dilation;
};

// A row's sum over its weights, by threads.
template <typename Term> DEVICE float sum_row(int size, Term term) {
    SHARED double warps[Threads / 32];
    float sum = 0.0f;
    for (int i = thread(); i < size; i += Threads)
        sum = term(i, sum);
    return (float)block_sum((double)sum, warps);
}
} // namespace

KERNEL LAUNCH(Threads) weight_norm(const Filter *table, const float *parameters, float *prepared) {
    const Filter &f = entry_of(table);
    int row = block_x();
    if (row >= f.outputs)
        return;
    int inputs = f.inputs;
    int taps = f.taps;
    int size = inputs * taps;
    const float *v = parameters + f.v + (i64)row * size;
    float *w = prepared + f.w + (i64)row * size;
    float norm = root(sum_row(size, [&](int i, float sum) { return fma(v[i], v[i], sum); }));
    float factor = parameters[f.g + row] / norm;
    for (int i = thread(); i < size; i += Threads) {
        int tap = i / inputs;
        w[i] = factor * v[(i - tap * inputs) * taps + tap];
    }
    if (thread() == 0)
        prepared[f.norms + row] = norm;
}

// Adds to dv and dg.
KERNEL LAUNCH(Threads) weight_norm_gradient(
    const Filter *table,
    const float *parameters,
    const float *prepared,
    const float *slopes,
    float *gradients,
    int steps
) {
    const Filter &f = entry_of(table);
    int row = block_x();
    if (row >= f.outputs)
        return;
    int inputs = f.inputs;
    int taps = f.taps;
    int size = inputs * taps;
    const float *v = parameters + f.v + (i64)row * size;
    const float *dw = slopes + f.dw + (i64)row * size;
    float *dv = gradients + f.v + (i64)row * size;
    int dead = taps - (int)least(taps, 1 + (steps - 1) / f.dilation);
    auto slope = [&](int i) {
        int input = i / taps;
        int tap = i - input * taps;
        return tap < dead ? 0.0f : dw[tap * inputs + input];
    };
    double along = (double)sum_row(size, [&](int i, float sum) { return fma(slope(i), v[i], sum); });
    double norm = (double)prepared[f.norms + row];
    float scale = (float)((double)parameters[f.g + row] / norm);
    float back = (float)(-along / (norm * norm));
    for (int i = thread(); i < size; i += Threads)
        dv[i] = fma(scale, fma(back, v[i], slope(i)), dv[i]);
    if (thread() == 0)
        gradients[f.g + row] += (float)(along / norm);
}
