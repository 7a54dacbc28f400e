// Elementary functions. Those of floats are the CPU's (Layers/Cpu/VectorMath.cs): the same polynomials in the same order of
// operations, and so the same bits. Those of doubles make lambda, whose error in phase grows with the length of a sequence.
//
// The hardware's approximations (ex2, lg2, tanh) are not used: all kernels that want these functions wait for memory,
// and 2^-11 of tanh.approx would be seen in gradients.
#pragma once
#include "device.cuh"

// exp(x) = scale (1 + r + tail); NaN has no whole number, and stays in r whatever the scale.
DEVICE float reduced_exponential(float x, float &r, float &tail) {
    float n = __builtin_rintf(x * 1.44269504f);
    r = fma(n, -0.693359375f, x);
    r = fma(n, 2.12194440e-4f, r);
    float q = fma(0.00138145683f, r, 0.00836871959f);
    q = fma(q, r, 0.0416683886f);
    q = fma(q, r, 0.166665206f);
    q = fma(q, r, 0.499999934f);
    tail = q * r * r;
    int power = x == x ? (int)n : 0;
    return __builtin_bit_cast(float, (power + 127) << 23);
}

// exp(x) for x clamped to [-87.33, 88.02]; error 1 ulp.
DEVICE float exponential(float x) {
    float r, tail;
    float scale = reduced_exponential(smaller(88.02f, larger(-87.33f, x)), r, tail);
    return scale * (1.0f + (r + tail));
}

// tanh(x) = e / (e + 2) with e = exp(2|x|) - 1 and the sign of x, without cancellation near zero.
DEVICE float hyperbolic_tangent(float x) {
    u32 bits = __builtin_bit_cast(u32, x);
    float magnitude = __builtin_bit_cast(float, bits & 0x7FFFFFFFu);
    float r, tail;
    float scale = reduced_exponential(smaller(20.0f, magnitude + magnitude), r, tail);
    float e = fma(scale, r + tail, scale - 1.0f);
    float value = e / (e + 2.0f);
    return __builtin_bit_cast(
        float,
        (__builtin_bit_cast(u32, value) & 0x7FFFFFFFu) | (bits & 0x80000000u)
    );
}

// 1 / (1 + exp(-x)); error 2.5 ulp.
DEVICE float sigmoid(float x) { return 1.0f / (1.0f + exponential(0.0f - x)); }

// log(1 + x) for x in [0, 1]; error 1.7 ulp.
DEVICE float log_one_plus(float x) {
    float p = fma(-0.0032440119f, x, 0.0198513996f);
    p = fma(p, x, -0.0569594130f);
    p = fma(p, x, 0.106036417f);
    p = fma(p, x, -0.153055847f);
    p = fma(p, x, 0.196759358f);
    p = fma(p, x, -0.249541327f);
    p = fma(p, x, 0.333299637f);
    p = fma(p, x, -0.499999017f);
    p = fma(p, x, 1.0f);
    return p * x;
}

// 2^n for n of a normal number.
DEVICE double power_of_two(int n) {
    return __builtin_bit_cast(double, (u64)(n + 1023) << 52);
}

// exp(x), to 2 ulp; beyond +-700 as at +-700, which is infinite or 0 as a float.
DEVICE double exponential(double x) {
    // The clamped operand stands second: there NaN survives.
    x = -700.0 > x ? -700.0 : x;
    x = 700.0 < x ? 700.0 : x;
    if (!(x == x))
        return x;
    double n = __builtin_rint(x * 1.4426950408889634);
    // ln 2 in two parts, the first with 32 bits.
    double r = fma(n, -0.6931471803691238, x);
    r = fma(n, -1.9082149292705877e-10, r);
    // Taylor's series to r^13: |r| <= 0.347, so that the rest is below 5e-18.
    double p = 1.6059043836821613e-10;
    p = fma(p, r, 2.08767569878681e-09);
    p = fma(p, r, 2.505210838544172e-08);
    p = fma(p, r, 2.755731922398589e-07);
    p = fma(p, r, 2.7557319223985893e-06);
    p = fma(p, r, 2.48015873015873e-05);
    p = fma(p, r, 0.0001984126984126984);
    p = fma(p, r, 0.001388888888888889);
    p = fma(p, r, 0.008333333333333333);
    p = fma(p, r, 0.041666666666666664);
    p = fma(p, r, 0.16666666666666666);
    p = fma(p, r, 0.5);
    p = fma(p, r, 1.0);
    p = fma(p, r, 1.0);
    return p * power_of_two((int)n);
}

// log(x) for positive normal x, to 2 ulp or 1e-16: 2 artanh((m - 1) / (m + 1)) with m in [sqrt(1/2), sqrt(2)). NaN and
// what is below stay NaN; infinity stays.
DEVICE double logarithm(double x) {
    if (!(x >= 2.2250738585072014e-308))
        return __builtin_bit_cast(double, 0x7FF8000000000000ull);
    u64 bits = __builtin_bit_cast(u64, x);
    if (bits >> 52 == 0x7FF)
        return x;
    int n = (int)(bits >> 52) - 1023;
    double m = __builtin_bit_cast(double, (bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        n++;
    }
    double s = (m - 1.0) / (m + 1.0);
    double z = s * s;
    // z <= 0.0295: the first term left out is 1e-18 of the whole.
    double p = 1.0 / 21.0;
    p = fma(p, z, 1.0 / 19.0);
    p = fma(p, z, 1.0 / 17.0);
    p = fma(p, z, 1.0 / 15.0);
    p = fma(p, z, 1.0 / 13.0);
    p = fma(p, z, 1.0 / 11.0);
    p = fma(p, z, 1.0 / 9.0);
    p = fma(p, z, 1.0 / 7.0);
    p = fma(p, z, 1.0 / 5.0);
    p = fma(p, z, 1.0 / 3.0);
    double tail = 2.0 * s * z * p;
    return fma((double)n, 0.6931471805599453, 2.0 * s + tail);
}

// cos(x) and sin(x) for 0 <= x < 2^32, to 1e-15; NaN beyond, where a phase that is kept as the logarithm in a float
// means nothing any more.
DEVICE void cosine_sine(double x, double &cosine, double &sine) {
    if (!(x < 4294967296.0)) {
        cosine = sine = __builtin_bit_cast(double, 0x7FF8000000000000ull);
        return;
    }
    double n = __builtin_rint(x * 0.6366197723675814);
    // pi / 2 in two doubles; the first product is exact in fma, as n is whole.
    double r = fma(n, -1.5707963267948966, x);
    r = fma(n, -6.123233995736766e-17, r);
    double z = r * r;
    // Taylor's series on |r| <= pi / 4: the rest is below 1e-17.
    double s = -7.647163731819816e-13;
    s = fma(s, z, 1.6059043836821613e-10);
    s = fma(s, z, -2.505210838544172e-08);
    s = fma(s, z, 2.7557319223985893e-06);
    s = fma(s, z, -0.0001984126984126984);
    s = fma(s, z, 0.008333333333333333);
    s = fma(s, z, -0.16666666666666666);
    s = fma(s * z, r, r);
    double c = 4.779477332387385e-14;
    c = fma(c, z, -1.1470745597729725e-11);
    c = fma(c, z, 2.08767569878681e-09);
    c = fma(c, z, -2.755731922398589e-07);
    c = fma(c, z, 2.48015873015873e-05);
    c = fma(c, z, -0.001388888888888889);
    c = fma(c, z, 0.041666666666666664);
    c = fma(c, z, -0.5);
    c = fma(c, z, 1.0);
    u32 quarter = (u32)(i64)n & 3;
    double even = quarter & 1 ? s : c;
    double odd = quarter & 1 ? c : s;
    cosine = quarter == 1 || quarter == 2 ? -even : even;
    sine = quarter >= 2 ? -odd : odd;
}

// x to a whole power, by squares.
DEVICE double whole_power(double x, u32 n) {
    double power = 1.0;
    for (; n != 0; n >>= 1, x *= x) {
        if (n & 1)
            power *= x;
    }
    return power;
}
