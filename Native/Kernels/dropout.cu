// output = input * mask with mask 0 by a probability, else its inverse's scale; Philox numbers, the CPU's (Layers/Philox.cs).
//
// Shapes: input and output have `count` values, of which the first is value `first` of the mask; a null input is all ones.
// Where `period` is above 0, the mask begins anew after as many values: value i is value i % period of it.
// random [2]: the seed and the step, in device memory, so that a replayed graph draws new numbers. Value i of the mask is
// draw i % 4 of block i / 4 of the sequence (seed, step << 16 | stream); it is 0 where the draw is below the threshold.
//
// Bytes an element: 8, or 4 without input; 16 a block for the seed and the step.
// Launch: blocks of 256 that stride over blocks of four values.
// Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011).
#include "philox.cuh"

namespace {
constexpr int Threads = 256;
// Draw `value % 4` of block `value / 4`, for masks whose period ends within a block.
DEVICE u32 draw_of(u64 seed, u64 place, u64 value) {
    Draws draws = philox(seed, place, value / 4);
    u32 low = value % 2 ? draws.values[1] : draws.values[0];
    u32 high = value % 2 ? draws.values[3] : draws.values[2];
    return value % 4 < 2 ? low : high;
}
} // namespace

KERNEL LAUNCH(Threads) dropout(
    const float *input,
    float *output,
    i64 count,
    i64 first,
    i64 period,
    const u64 *random,
    u32 stream,
    u32 threshold,
    float scale
) {
    SHARED u64 state[2];
    if (thread() < 2)
        state[thread()] = random[thread()];
    barrier();
    u64 seed = state[0];
    u64 place = state[1] << 16 | stream;
    i64 begin = first / 4;
    i64 end = (first + count + 3) / 4;
    bool aligned = (((u64)input | (u64)output) & 15) == 0 && first % 4 == 0;
    i64 stride = (i64)blocks_x() * Threads;
    for (i64 block = begin + (i64)block_x() * Threads + thread(); block < end; block += stride) {
        i64 i = block * 4 - first;
        if (period % 4 != 0) {
            for (int k = 0; k < 4; k++) {
                if ((u64)(i + k) >= (u64)count)
                    continue;
                float x = input ? input[i + k] : 1.0f;
                u32 draw = draw_of(seed, place, (u64)(block * 4 + k) % (u64)period);
                output[i + k] = x * (draw < threshold ? 0.0f : scale);
            }
            continue;
        }
        u64 from = period > 0 ? (u64)block % (u64)(period / 4) : (u64)block;
        Draws draws = philox(seed, place, from);
        if (aligned && i + 4 <= count) {
            float4 x = input ? *(const float4 *)(input + i) : float4(1.0f);
            float4 y;
            UNROLL for (int k = 0; k < 4; k++)
                y[k] = x[k] * (draws.values[k] < threshold ? 0.0f : scale);
            *(float4 *)(output + i) = y;
            continue;
        }
        UNROLL for (int k = 0; k < 4; k++) {
            if ((u64)(i + k) >= (u64)count)
                continue;
            float x = input ? input[i + k] : 1.0f;
            output[i + k] = x * (draws.values[k] < threshold ? 0.0f : scale);
        }
    }
}

// Goes on to the next step. One thread.
KERNEL LAUNCH(1) random_advance(u64 *random) { random[1]++; }
