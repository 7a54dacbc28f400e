// What a state space's scan reads, made from its parameters, and the gradients of these;
// Layers/Operations/StateSpaceParametrization.cs, which says what the rules are.
//
// Shapes: log_dt [H] or [H, 2] (`steps`); real, imaginary [H, N], or [N] shared by the channels; C, C' [dir H, N, 2]; a [H, N, 2];
// gradients of real and imaginary always [H, N].
// All is made in double: an error of a's phase grows with the length of a sequence.
// Bytes a channel and state: prepare 8 (shared: from the cache) and 8, and 16 a direction; gradient 8, and 8 for a's, 16 for the
// sums of real and imaginary, and 32 a direction.
// Order: the gradient of log_dt is summed over a thread's states, then the block's threads.
// Launch: blocks = H of 128: a block a channel.
// Source: Gu et al. 2022 (S4D), section 3; Gupta et al. 2022 (DSS), section 3; the gradients by the chain rule.
#include "functions.cuh"

namespace {
constexpr int Threads = 128;
constexpr int Hold = 0;
constexpr int Bilinear = 1;
constexpr int Softmax = 2;
constexpr double Epsilon = 1e-7;

struct Complex {
    double re;
    double im;
};

DEVICE Complex complex(double re, double im) {
    Complex z = {re, im};
    return z;
}

DEVICE Complex operator+(Complex a, Complex b) { return complex(a.re + b.re, a.im + b.im); }
DEVICE Complex operator-(Complex a, Complex b) { return complex(a.re - b.re, a.im - b.im); }
DEVICE Complex operator*(double a, Complex b) { return complex(a * b.re, a * b.im); }

DEVICE Complex operator*(Complex a, Complex b) {
    return complex(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);
}

DEVICE Complex conjugate(Complex z) { return complex(z.re, -z.im); }

DEVICE Complex inverse(Complex z) {
    return 1.0 / (z.re * z.re + z.im * z.im) * conjugate(z);
}

// What a gradient becomes by a derivative.
DEVICE Complex times(Complex derivative, Complex gradient) { return conjugate(derivative) * gradient; }

DEVICE Complex complex_exponential(Complex z) {
    double radius = exponential(z.re);
    double cosine, sine;
    cosine_sine(z.im < 0.0 ? -z.im : z.im, cosine, sine);
    return complex(radius * cosine, radius * (z.im < 0.0 ? -sine : sine));
}

DEVICE Complex get(const float *p, i64 i) { return complex((double)p[2 * i], (double)p[2 * i + 1]); }

struct State {
    Complex l, z, a, factor;
    double real_step, imaginary_step;
    // Of the softmax: the factor is above inverse shift, and inverse nearly 1 / (below l).
    double sign, square;
    Complex above, below, shift, inverted;
};

struct Parameters {
    const float *log_dt;
    const float *real;
    const float *imaginary;
    const float *c;
    int steps;
    int shared;
    int channels;
    int size;
    int directions;
    int rule;
    int factor;
    int length;
};

DEVICE State state_of(const Parameters &p, int h, int n) {
    State s;
    i64 i = p.shared ? n : (i64)h * p.size + n;
    s.real_step = exponential((double)p.log_dt[(i64)h * p.steps]);
    s.imaginary_step = p.steps == 1 ? s.real_step : exponential((double)p.log_dt[(i64)h * p.steps + 1]);
    double real = (double)p.real[i];
    s.l = complex(p.rule == Softmax ? real : -exponential(real), (double)p.imaginary[i]);
    s.z = complex(s.real_step * s.l.re, s.imaginary_step * s.l.im);
    Complex one = complex(1.0, 0.0);
    double k = (double)p.factor;
    if (p.rule == Bilinear) {
        Complex below = inverse(one - 0.5 * s.z);
        s.a = (one + 0.5 * s.z) * below;
        s.factor = k * s.real_step * below;
        return s;
    }
    s.a = complex_exponential(s.z);
    if (p.rule == Hold) {
        s.factor = k * ((s.a - one) * inverse(s.l));
        return s;
    }
    s.sign = s.z.re > 0.0 ? -1.0 : 1.0;
    s.above = complex_exponential(s.sign * s.z) - one;
    s.below = complex_exponential(s.sign * (double)p.length * s.z) - one;
    s.shift = s.z.re > 0.0 ? complex_exponential(-((double)p.length - 1.0) * s.z) : one;
    Complex x = s.below * s.l;
    s.square = x.re * x.re + x.im * x.im + Epsilon;
    s.inverted = 1.0 / s.square * conjugate(x);
    s.factor = k * (s.above * s.inverted * s.shift);
    return s;
}

// From the gradients by a and by the factor to those by z, and by l where it stands by itself.
DEVICE void slopes(const Parameters &p, const State &s, Complex by_a, Complex by_factor, Complex &by_z, Complex &by_l, double &by_step) {
    Complex one = complex(1.0, 0.0);
    double k = (double)p.factor;
    by_l = complex(0.0, 0.0);
    by_step = 0.0;
    if (p.rule == Bilinear) {
        Complex below = inverse(one - 0.5 * s.z);
        Complex square = below * below;
        by_z = times(square, by_a) + times(0.5 * k * s.real_step * square, by_factor);
        by_step = times(s.factor, by_factor).re;
        return;
    }
    if (p.rule == Hold) {
        Complex below = inverse(s.l);
        by_z = times(s.a, by_a + times(k * below, by_factor));
        by_l = -1.0 * times(s.factor * below, by_factor);
        return;
    }
    Complex g = k * by_factor;
    Complex by_inverse = times(s.above * s.shift, g);
    Complex x = s.below * s.l;
    double along = (by_inverse * x).re;
    Complex by_x = 1.0 / s.square * (conjugate(by_inverse) - 2.0 * along / s.square * x);
    by_z = s.sign * times(s.above + one, times(s.inverted * s.shift, g))
        + s.sign * (double)p.length * times(s.below + one, times(s.l, by_x))
        + times(s.a, by_a);
    if (s.sign < 0.0)
        by_z = by_z - ((double)p.length - 1.0) * times(s.shift, times(s.above * s.inverted, g));
    by_l = times(s.below, by_x);
}
} // namespace

KERNEL LAUNCH(Threads) state_space_prepare(
    const float *log_dt,
    const float *real,
    const float *imaginary,
    const float *c,
    float *a,
    float *to,
    int steps,
    int shared,
    int channels,
    int size,
    int directions,
    int rule,
    int factor,
    int length
) {
    Parameters p = {
        log_dt, real, imaginary, c, steps, shared, channels, size, directions, rule, factor, length
    };
    int h = block_x();
    for (int n = thread(); n < size; n += Threads) {
        State s = state_of(p, h, n);
        i64 i = (i64)h * size + n;
        a[2 * i] = (float)s.a.re;
        a[2 * i + 1] = (float)s.a.im;
        for (int direction = 0; direction < directions; direction++) {
            i64 j = ((i64)direction * channels + h) * size + n;
            Complex z = s.factor * get(c, j);
            to[2 * j] = (float)z.re;
            to[2 * j + 1] = (float)z.im;
        }
    }
}

// Adds to the gradients of the parameters.
KERNEL LAUNCH(Threads) state_space_prepare_gradient(
    const float *log_dt,
    const float *real,
    const float *imaginary,
    const float *c,
    const float *da,
    const float *dto,
    float *dlog_dt,
    float *dreal,
    float *dimaginary,
    float *dc,
    int steps,
    int shared,
    int channels,
    int size,
    int directions,
    int rule,
    int factor,
    int length
) {
    SHARED double warps[Threads / 32];
    Parameters p = {
        log_dt, real, imaginary, c, steps, shared, channels, size, directions, rule, factor, length
    };
    int h = block_x();
    double by_real_step = 0.0, by_imaginary_step = 0.0;
    for (int n = thread(); n < size; n += Threads) {
        State s = state_of(p, h, n);
        Complex by_factor = complex(0.0, 0.0);
        for (int direction = 0; direction < directions; direction++) {
            i64 j = ((i64)direction * channels + h) * size + n;
            Complex slope = get(dto, j);
            by_factor = by_factor + times(get(c, j), slope);
            Complex z = times(s.factor, slope);
            dc[2 * j] += (float)z.re;
            dc[2 * j + 1] += (float)z.im;
        }
        i64 i = (i64)h * size + n;
        Complex by_z, by_l;
        double by_step;
        slopes(p, s, get(da, i), by_factor, by_z, by_l, by_step);
        by_l.re += s.real_step * by_z.re;
        by_l.im += s.imaginary_step * by_z.im;
        dreal[i] += (float)(rule == Softmax ? by_l.re : by_l.re * s.l.re);
        dimaginary[i] += (float)by_l.im;
        by_real_step += by_z.re * s.z.re + by_step;
        by_imaginary_step += by_z.im * s.z.im;
    }
    by_real_step = block_sum(by_real_step, warps);
    by_imaginary_step = block_sum(by_imaginary_step, warps);
    if (thread() != 0)
        return;
    if (steps == 1) {
        dlog_dt[h] += (float)(by_real_step + by_imaginary_step);
    } else {
        dlog_dt[2 * h] += (float)by_real_step;
        dlog_dt[2 * h + 1] += (float)by_imaginary_step;
    }
}
