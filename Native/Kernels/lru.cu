// The matrices around the scan, made from the LRU's parameters, and the gradients of these;
// Layers/Operations/DiagonalParametrization.cs.
//
//   lambda = exp(-exp(nu) + i exp(theta)), B' = exp(gamma) B interleaved [2N, d], C' = (C_re, -C_im) interleaved [dir d, 2N]
//
// Shapes: nu, theta, gamma [N], B [N, d], C [d, dir N], lambda [N, 2], dlambda [rows, N, 2], whose rows are summed;
// dir directions.
// lambda is made in double: an error of its phase grows with the length of a sequence.
// Bytes: prepare 16 a value of B and of C, each of two parts; prepare_gradient 32 of B, 24 of C; 20 and 36 a channel,
// 8 a channel and row of dlambda.
// Launch: N blocks for B and then dir d blocks for C, of 128: a block a row.
// Source: Orvieto et al. 2023, section 3; the gradients by the chain rule.
#include "functions.cuh"

namespace {
constexpr int Threads = 128;

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

KERNEL LAUNCH(Threads) lru_prepare(
    const float *nu,
    const float *theta,
    const float *gamma,
    const float *b_real,
    const float *b_imaginary,
    const float *c_real,
    const float *c_imaginary,
    float *lambda,
    float *b,
    float *c,
    int model,
    int size,
    int directions
) {
    int i = block_x();
    if (i < size) {
        if (thread() == 0) {
            Lambda l = lambda_of(nu[i], theta[i]);
            lambda[2 * i] = (float)l.re;
            lambda[2 * i + 1] = (float)l.im;
        }
        float scale = (float)exponential((double)gamma[i]);
        float *real = b + 2 * (i64)i * model;
        for (int j = thread(); j < model; j += Threads) {
            real[j] = scale * b_real[(i64)i * model + j];
            real[model + j] = scale * b_imaginary[(i64)i * model + j];
        }
        return;
    }
    int line = i - size;
    int direction = line / model;
    i64 from = ((i64)(line % model) * directions + direction) * size;
    float *to = c + 2 * (i64)line * size;
    for (int j = thread(); j < size; j += Threads) {
        to[2 * j] = c_real[from + j];
        to[2 * j + 1] = -c_imaginary[from + j];
    }
}

// Adds to the gradients of the parameters.
KERNEL LAUNCH(Threads) lru_prepare_gradient(
    const float *nu,
    const float *theta,
    const float *gamma,
    const float *b_real,
    const float *b_imaginary,
    const float *dlambda,
    int rows,
    const float *db,
    const float *dc,
    float *dnu,
    float *dtheta,
    float *dgamma,
    float *db_real,
    float *db_imaginary,
    float *dc_real,
    float *dc_imaginary,
    int model,
    int size,
    int directions
) {
    SHARED double warps[Threads / 32];
    int i = block_x();
    if (i < size) {
        float scale = (float)exponential((double)gamma[i]);
        const float *slope = db + 2 * (i64)i * model;
        double scaled = 0.0;
        for (int j = thread(); j < model; j += Threads) {
            i64 at = (i64)i * model + j;
            // Read before anything is written, which the compiler must take for what could change it.
            float re = slope[j];
            float im = slope[model + j];
            scaled += (double)b_real[at] * (double)re;
            scaled += (double)b_imaginary[at] * (double)im;
            db_real[at] += scale * re;
            db_imaginary[at] += scale * im;
        }
        scaled = block_sum(scaled, warps);
        double re = 0.0, im = 0.0;
        for (int row = thread(); row < rows; row += Threads) {
            float2 part = *(const float2 *)(dlambda + 2 * ((i64)row * size + i));
            re += (double)part.x;
            im += (double)part.y;
        }
        re = block_sum(re, warps);
        im = block_sum(im, warps);
        if (thread() == 0) {
            Lambda l = lambda_of(nu[i], theta[i]);
            dnu[i] -= (float)(l.decay * (re * l.re + im * l.im));
            dtheta[i] += (float)(l.phase * (im * l.re - re * l.im));
            dgamma[i] += (float)((double)scale * scaled);
        }
        return;
    }
    int line = i - size;
    int direction = line / model;
    i64 to = ((i64)(line % model) * directions + direction) * size;
    const float *from = dc + 2 * (i64)line * size;
    for (int j = thread(); j < size; j += Threads) {
        dc_real[to + j] += from[2 * j];
        dc_imaginary[to + j] -= from[2 * j + 1];
    }
}
