// The matrices around the scan, made from the LRU's parameters, and the gradients of these, of all blocks of a model in a launch;
// Layers/Operations/DiagonalParametrization.cs.
//
//   lambda = exp(-exp(nu) + i exp(theta)), B' = exp(gamma) B interleaved [2N, d], C' = (C_re, -C_im) interleaved [dir d, 2N]
//
// Shapes: nu, theta, gamma [N], B [N, d], C [d, dir N], lambda [N, 2], dlambda [rows, N, 2], whose rows are summed;
// dir directions.
// lambda is made in double: an error of its phase grows with the length of a sequence.
// Bytes: prepare 16 a value of B and of C, each of two parts; prepare_gradient 32 of B, 24 of C; 20 and 36 a channel,
// of which each thread of its block reads gamma; 8 a channel and row of dlambda; 120 for each four rows for their entry.
// Launch: along y an entry of the table each, along x blocks of 128, four rows each, of which a warp has one: N of B, and then
// dir d of C. Those that an entry has no row for have nothing to do.
// Source: Orvieto et al. 2023, section 3; the gradients by the chain rule.
#include "diagonal_table.cuh"
#include "functions.cuh"

namespace {
constexpr int Threads = 128;
constexpr int Warp = 32;
constexpr int Rows = Threads / Warp;

struct Lambda {
    double decay, phase, re, im;
};

DEVICE Lambda lambda_of(float nu, float theta) {
    Lambda l;
    l.decay = exponential((double)nu);
    l.phase = exponential((double)theta);
    double radius = exponential(-l.decay);
    double cosine, sine;
    cosine_sine(l.phase, cosine, sine);
    l.re = radius * cosine;
    l.im = radius * sine;
    return l;
}
} // namespace

KERNEL LAUNCH(Threads)
    lru_prepare(const Diagonal *table, const float *parameters, float *prepared) {
    const Diagonal &d = entry_of(table);
    int model = d.model;
    int size = d.size;
    int i = block_x() * Rows + thread() / Warp;
    int lane = thread() % Warp;
    if (i < size) {
        if (lane == 0) {
            Lambda l = lambda_of(parameters[d.decay + i], parameters[d.frequency + i]);
            float *lambda = prepared + d.lambda + 2 * i;
            lambda[0] = (float)l.re;
            lambda[1] = (float)l.im;
        }
        float scale = (float)exponential((double)parameters[d.scale + i]);
        const float *b_real = parameters + d.b_real + (i64)i * model;
        const float *b_imaginary = parameters + d.b_imaginary + (i64)i * model;
        float *real = prepared + d.b + 2 * (i64)i * model;
        for (int j = lane; j < model; j += Warp) {
            real[j] = scale * b_real[j];
            real[model + j] = scale * b_imaginary[j];
        }
        return;
    }
    int line = i - size;
    if (line >= d.directions * model)
        return;
    int direction = line / model;
    i64 from = ((i64)(line % model) * d.directions + direction) * size;
    const float *c_real = parameters + d.c_real + from;
    const float *c_imaginary = parameters + d.c_imaginary + from;
    float *to = prepared + d.c + 2 * (i64)line * size;
    for (int j = lane; j < size; j += Warp) {
        to[2 * j] = c_real[j];
        to[2 * j + 1] = -c_imaginary[j];
    }
}

// Adds to the gradients of the parameters. dlambda has so many rows in each entry.
KERNEL LAUNCH(Threads) lru_prepare_gradient(
    const Diagonal *table,
    const float *parameters,
    const float *slopes,
    float *gradients,
    int rows
) {
    const Diagonal &d = entry_of(table);
    int model = d.model;
    int size = d.size;
    int i = block_x() * Rows + thread() / Warp;
    int lane = thread() % Warp;
    if (i < size) {
        float scale = (float)exponential((double)parameters[d.scale + i]);
        const float *b_real = parameters + d.b_real + (i64)i * model;
        const float *b_imaginary = parameters + d.b_imaginary + (i64)i * model;
        float *db_real = gradients + d.b_real + (i64)i * model;
        float *db_imaginary = gradients + d.b_imaginary + (i64)i * model;
        const float *slope = slopes + d.db + 2 * (i64)i * model;
        double scaled = 0.0;
        for (int j = lane; j < model; j += Warp) {
            // Read before anything is written, which the compiler must take for what could change it.
            float re = slope[j];
            float im = slope[model + j];
            scaled += (double)b_real[j] * (double)re;
            scaled += (double)b_imaginary[j] * (double)im;
            db_real[j] += scale * re;
            db_imaginary[j] += scale * im;
        }
        scaled = group_sum(scaled, Warp);
        const float *dlambda = slopes + d.dlambda + 2 * i;
        double re = 0.0, im = 0.0;
        for (int row = lane; row < rows; row += Warp) {
            float2 part = *(const float2 *)(dlambda + 2 * (i64)row * size);
            re += (double)part.x;
            im += (double)part.y;
        }
        re = group_sum(re, Warp);
        im = group_sum(im, Warp);
        if (lane == 0) {
            Lambda l = lambda_of(parameters[d.decay + i], parameters[d.frequency + i]);
            gradients[d.decay + i] -= (float)(l.decay * (re * l.re + im * l.im));
            gradients[d.frequency + i] += (float)(l.phase * (im * l.re - re * l.im));
            gradients[d.scale + i] += (float)((double)scale * scaled);
        }
        return;
    }
    int line = i - size;
    if (line >= d.directions * model)
        return;
    int direction = line / model;
    i64 to = ((i64)(line % model) * d.directions + direction) * size;
    float *dc_real = gradients + d.c_real + to;
    float *dc_imaginary = gradients + d.c_imaginary + to;
    const float *from = slopes + d.dc + 2 * (i64)line * size;
    for (int j = lane; j < size; j += Warp) {
        dc_real[j] += from[2 * j];
        dc_imaginary[j] -= from[2 * j + 1];
    }
}
