// Philox 4x32-10: the CPU's random numbers (Layers/Philox.cs).
//
// Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011).
#pragma once
#include "device.cuh"

struct Draws {
    u32 values[4];
};

DEVICE Draws philox(u64 seed, u64 stream, u64 index) {
    u32 a = (u32)index, b = (u32)(index >> 32), c = (u32)stream, d = (u32)(stream >> 32);
    u32 k0 = (u32)seed, k1 = (u32)(seed >> 32);
    UNROLL for (int round = 0; round < 10; round++) {
        u64 p0 = (u64)0xD2511F53u * a;
        u64 p1 = (u64)0xCD9E8D57u * c;
        a = (u32)(p1 >> 32) ^ b ^ k0;
        b = (u32)p1;
        c = (u32)(p0 >> 32) ^ d ^ k1;
        d = (u32)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    Draws draws = {{a, b, c, d}};
    return draws;
}
