// The matrices around diagonal scans, made from the parameters of their eigenvalues, and the gradients of these, of all blocks of
// a model in a launch;
// Layers/Operations/DiagonalParametrization.cs. The LRU's own are in lru.cu.
//
//   a state's (a, b, c) make lambda and f; B' = f B interleaved [2N, d], C' = factor (C_re, -C_im) interleaved [dir d, 2N]
//
// By the number of the form (Layers/Operations/DiagonalForm.cs):
//   1 cartesian  lambda = a + i b              f = 1
//   2 polar      lambda = exp(-a + i b)        f = 1
//   3 stable     lambda = exp(-exp(a) + i b)   f = 1
//   4 held       lambda = exp(z)               f = (lambda - 1) / Lambda     Lambda = a + i b, dt = exp(c), z = dt Lambda
//   5 bilinear   lambda = (1 + z / 2) w        f = dt w                      w = 1 / (1 - z / 2)
//
// Shapes: a, b, c [N] (c null where the form has none), B [N, d], C [d, dir N], lambda [N, 2], dlambda [rows, N, 2], whose
// rows are summed; dir directions.
// lambda is made in double: an error of its phase grows with the length of a sequence.
// Bytes: prepare 16 a value of B and of C, each of two parts; prepare_gradient 32 of B, 24 of C; 20 and 48 a channel,
// 16 and 24 where the form has no c; 8 a channel and row of dlambda; 120 for each four rows for their entry.
// Launch: along y an entry of the table each, along x blocks of 128, four rows each, of which a warp has one: N of B, and then
// dir d of C. Those that an entry has no row for have nothing to do.
// Source: Orvieto et al. 2023, section 3; Smith et al. 2022, section 3.2; the gradients by the chain rule.
#include "diagonal_table.cuh"
#include "functions.cuh"

namespace {
constexpr int Threads = 128;
constexpr int Warp = 32;
constexpr int Rows = Threads / Warp;
constexpr int Cartesian = 1;
constexpr int Polar = 2;
constexpr int Stable = 3;
constexpr int Held = 4;

struct Complex {
    double re, im;
};

DEVICE Complex complex(double re, double im) {
    Complex z = {re, im};
    return z;
}

DEVICE Complex product(Complex a, Complex b) {
    return complex(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);
}

DEVICE Complex times(double s, Complex z) { return complex(s * z.re, s * z.im); }

// conj(a) b, which takes a gradient back through a factor a.
DEVICE Complex back(Complex a, Complex b) {
    return complex(a.re * b.re + a.im * b.im, a.re * b.im - a.im * b.re);
}

DEVICE Complex quotient(Complex a, Complex b) {
    return times(1.0 / (b.re * b.re + b.im * b.im), back(b, a));
}

// exp(x + i y) for y of either sign.
DEVICE Complex exponential_of(double x, double y) {
    double radius = exponential(x);
    double cosine, sine;
    cosine_sine(y < 0.0 ? -y : y, cosine, sine);
    return complex(radius * cosine, radius * (y < 0.0 ? -sine : sine));
}

// A state, and how it depends on its numbers: with w = conj(slope) dlambda + conj(factor_slope) df, the gradient by b is
// Im w and that by a is rate Re w.
struct State {
    Complex lambda, factor;
    Complex slope, factor_slope, by_scale, factor_by_scale;
    double rate;
};

// phi(z) = (e^z - 1) / z and its derivative. Near 0 the quotients lose all digits, and at 0 they are none: there the series
// stand for them.
DEVICE void phi_of(Complex z, Complex exponential, Complex &value, Complex &slope) {
    if (z.re * z.re + z.im * z.im > 0.25) {
        value = quotient(complex(exponential.re - 1.0, exponential.im), z);
        slope = quotient(complex(exponential.re - value.re, exponential.im - value.im), z);
        return;
    }
    value = slope = complex(0.0, 0.0);
    Complex term = complex(1.0, 0.0);
    for (int k = 0; k < 16; k++) {
        term = times(1.0 / (k + 1.0), term);
        value.re += term.re;
        value.im += term.im;
        double share = (k + 1.0) / (k + 2.0);
        slope.re += share * term.re;
        slope.im += share * term.im;
        term = product(term, z);
    }
}

DEVICE State state_of(const Diagonal &d, const float *parameters, int i) {
    State s;
    int form = d.form;
    double re = (double)parameters[d.decay + i];
    double im = (double)parameters[d.frequency + i];
    s.factor = complex(1.0, 0.0);
    s.factor_slope = s.by_scale = s.factor_by_scale = complex(0.0, 0.0);
    s.rate = 1.0;
    if (form == Cartesian) {
        s.lambda = complex(re, im);
        s.slope = complex(1.0, 0.0);
        return s;
    }
    if (form <= Stable) {
        s.rate = form == Polar ? -1.0 : -exponential(re);
        s.lambda = exponential_of(form == Polar ? -re : s.rate, im);
        s.slope = s.lambda;
        return s;
    }
    double dt = exponential((double)parameters[d.scale + i]);
    Complex z = complex(dt * re, dt * im);
    if (form == Held) {
        Complex phi, slope;
        s.lambda = exponential_of(z.re, z.im);
        phi_of(z, s.lambda, phi, slope);
        s.factor = times(dt, phi);
        s.slope = times(dt, s.lambda);
        s.factor_slope = times(dt * dt, slope);
        s.by_scale = product(z, s.lambda);
        s.factor_by_scale = s.slope;
        return s;
    }
    Complex w = quotient(complex(1.0, 0.0), complex(1.0 - 0.5 * z.re, -0.5 * z.im));
    Complex square = product(w, w);
    s.lambda = product(complex(1.0 + 0.5 * z.re, 0.5 * z.im), w);
    s.factor = times(dt, w);
    s.slope = times(dt, square);
    s.factor_slope = times(0.5 * dt * dt, square);
    s.by_scale = product(z, square);
    s.factor_by_scale = s.slope;
    return s;
}
} // namespace

KERNEL LAUNCH(Threads)
    diagonal_prepare(const Diagonal *table, const float *parameters, float *prepared) {
    SHARED float factors[2 * Rows];
    const Diagonal &d = entry_of(table);
    int model = d.model;
    int size = d.size;
    int i = block_x() * Rows + thread() / Warp;
    int lane = thread() % Warp;
    if (i < size) {
        float *factor = factors + 2 * (thread() / Warp);
        if (lane == 0) {
            State s = state_of(d, parameters, i);
            float *lambda = prepared + d.lambda + 2 * i;
            lambda[0] = (float)s.lambda.re;
            lambda[1] = (float)s.lambda.im;
            factor[0] = (float)s.factor.re;
            factor[1] = (float)s.factor.im;
        }
        warp_barrier();
        float gain = factor[0];
        float turn = factor[1];
        const float *b_real = parameters + d.b_real + (i64)i * model;
        const float *b_imaginary = parameters + d.b_imaginary + (i64)i * model;
        float *real = prepared + d.b + 2 * (i64)i * model;
        for (int j = lane; j < model; j += Warp) {
            float re = b_real[j];
            float im = b_imaginary[j];
            float first = gain * re;
            float second = gain * im;
            if (turn != 0.0f) {
                first = fma(-turn, im, first);
                second = fma(turn, re, second);
            }
            real[j] = first;
            real[model + j] = second;
        }
        return;
    }
    int line = i - size;
    if (line >= d.directions * model)
        return;
    float pairs = d.form >= Held ? 2.0f : 1.0f;
    int direction = line / model;
    i64 from = ((i64)(line % model) * d.directions + direction) * size;
    const float *c_real = parameters + d.c_real + from;
    const float *c_imaginary = parameters + d.c_imaginary + from;
    float *to = prepared + d.c + 2 * (i64)line * size;
    for (int j = lane; j < size; j += Warp) {
        to[2 * j] = pairs * c_real[j];
        to[2 * j + 1] = -pairs * c_imaginary[j];
    }
}

// Adds to the gradients of the parameters. dlambda has so many rows in each entry.
KERNEL LAUNCH(Threads) diagonal_prepare_gradient(
    const Diagonal *table,
    const float *parameters,
    const float *slopes,
    float *gradients,
    int rows
) {
    SHARED float factors[2 * Rows];
    const Diagonal &d = entry_of(table);
    int model = d.model;
    int size = d.size;
    int i = block_x() * Rows + thread() / Warp;
    int lane = thread() % Warp;
    if (i < size) {
        float *factor = factors + 2 * (thread() / Warp);
        if (lane == 0) {
            State s = state_of(d, parameters, i);
            factor[0] = (float)s.factor.re;
            factor[1] = (float)s.factor.im;
        }
        warp_barrier();
        float gain = factor[0];
        float turn = factor[1];
        const float *b_real = parameters + d.b_real + (i64)i * model;
        const float *b_imaginary = parameters + d.b_imaginary + (i64)i * model;
        float *db_real = gradients + d.b_real + (i64)i * model;
        float *db_imaginary = gradients + d.b_imaginary + (i64)i * model;
        const float *slope = slopes + d.db + 2 * (i64)i * model;
        double same = 0.0, crossed = 0.0;
        for (int j = lane; j < model; j += Warp) {
            float re = slope[j];
            float im = slope[model + j];
            float from_re = b_real[j];
            float from_im = b_imaginary[j];
            float to_re = db_real[j] + gain * re;
            float to_im = db_imaginary[j] + gain * im;
            if (d.form >= Held) {
                to_re = fma(turn, im, to_re);
                to_im = fma(-turn, re, to_im);
            }
            db_real[j] = to_re;
            db_imaginary[j] = to_im;
            same += (double)from_re * (double)re + (double)from_im * (double)im;
            crossed += (double)from_re * (double)im - (double)from_im * (double)re;
        }
        same = group_sum(same, Warp);
        crossed = group_sum(crossed, Warp);
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
            // Once more: kept from above, it would take registers through the sums.
            State s = state_of(d, parameters, i);
            Complex by_lambda = complex(re, im);
            Complex by_factor = complex(same, crossed);
            Complex one = back(s.slope, by_lambda);
            Complex other = back(s.factor_slope, by_factor);
            gradients[d.decay + i] += (float)(s.rate * (one.re + other.re));
            gradients[d.frequency + i] += (float)(one.im + other.im);
            if (d.form >= Held) {
                one = back(s.by_scale, by_lambda);
                other = back(s.factor_by_scale, by_factor);
                gradients[d.scale + i] += (float)(one.re + other.re);
            }
        }
        return;
    }
    int line = i - size;
    if (line >= d.directions * model)
        return;
    float pairs = d.form >= Held ? 2.0f : 1.0f;
    int direction = line / model;
    i64 to = ((i64)(line % model) * d.directions + direction) * size;
    float *dc_real = gradients + d.c_real + to;
    float *dc_imaginary = gradients + d.c_imaginary + to;
    const float *from = slopes + d.dc + 2 * (i64)line * size;
    for (int j = lane; j < size; j += Warp) {
        dc_real[j] += pairs * from[2 * j];
        dc_imaginary[j] -= pairs * from[2 * j + 1];
    }
}
