// What the scans share: where steps lie, and complex steps.
#pragma once
#include "device.cuh"

// States are complex, [T, B, N] or packed rows [rows, N]; channel j of a step is sequence j / N's number j % N.
struct ScanShape {
    // Packed: the first row of each step, and behind the last one the number of rows. Else none.
    const int *rows;
    int steps;
    int batch;
    int size;
    // The range's first step in the order it is walked, 1 or -1 for its direction, and how many there are.
    int start;
    int delta;
    int count;
};

// Where a step's channels lie, and how many sequences have it; 0 beyond both ends.
struct ScanStep {
    i64 row;
    int active;
};

template <bool Packed> DEVICE ScanStep scan_step(const ScanShape &shape, int step) {
    ScanStep at = {0, 0};
    if ((u32)step >= (u32)shape.steps)
        return at;
    if (Packed) {
        at.row = shape.rows[step];
        at.active = shape.rows[step + 1] - shape.rows[step];
    } else {
        at.row = (i64)step * shape.batch;
        at.active = shape.batch;
    }
    return at;
}

// lambda s + u, in the CPU's order of operations.
DEVICE float2 advance(float2 lambda, float2 s, float2 u) {
    float2 x;
    x.x = fma(s.y, -lambda.y, fma(s.x, lambda.x, u.x));
    x.y = fma(s.x, lambda.y, fma(s.y, lambda.x, u.y));
    return x;
}

DEVICE float4 advance(float4 lambda, float4 s, float4 u) {
    float4 x;
    x.xy = advance(lambda.xy, s.xy, u.xy);
    x.zw = advance(lambda.zw, s.zw, u.zw);
    return x;
}

// The four products of which s conj(x) is made are summed apart, as on the CPU.
struct Slope {
    float4 sums;
};

DEVICE void add_slope(Slope &slope, float2 s, float2 x) {
    slope.sums.x = fma(s.x, x.x, slope.sums.x);
    slope.sums.y = fma(s.y, x.y, slope.sums.y);
    slope.sums.z = fma(s.y, x.x, slope.sums.z);
    slope.sums.w = fma(s.x, x.y, slope.sums.w);
}

DEVICE float2 value(const Slope &slope) {
    float2 v;
    v.x = slope.sums.x + slope.sums.y;
    v.y = slope.sums.z - slope.sums.w;
    return v;
}
