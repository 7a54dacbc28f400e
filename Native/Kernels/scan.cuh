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

// Steps that begin anew: a bit a step, `pitch` words a sequence in the order in which the rows have them. The bit of step t
// cuts between t - 1 and t, in either direction of the recurrence. A word of nothing comes before step 0's, and at least
// one more after the last step's, so that whole looks may go beyond both ends.
struct ScanResets {
    const u32 *words;
    int pitch;
};

// Bits of a look: those of 16 steps, and of the one that is walked next.
constexpr int ResetSteps = 16;

// What is cut of a sequence's walk: bit k if its step `walked + k`, of which that of k = 0 is there, takes nothing from the
// one walked before it.
DEVICE u32 cuts_of(const ScanResets &resets, const ScanShape &shape, int sequence, int walked) {
    int step = shape.start + walked * shape.delta;
    // Against time what is before a step is the later one, whose bit it is, and bits come in the other order.
    int first = shape.delta > 0 ? step : step + 1 - ResetSteps;
    u32 at = (u32)(first + 32);
    const u32 *words = resets.words + (i64)sequence * resets.pitch + at / 32;
    u32 bits = (u32)(((u64)words[1] << 32 | words[0]) >> at % 32);
    if (shape.delta < 0)
        bits = __builtin_bitreverse32(bits) >> (31 - ResetSteps);
    return bits & ((2u << ResetSteps) - 1);
}

DEVICE bool is_cut(u32 cuts, int k) { return (cuts >> k & 1) != 0; }

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
