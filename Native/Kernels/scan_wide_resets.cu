// The scan whose threads walk all time, where steps may begin anew: scan_wide.cu with the marks of scan_chunked_resets.cu,
// which cut in the same places.
//
// Bytes a complex element: those of scan_wide.cu, and a look at the marks of 8 bytes for each thread and 16 steps, with
// `_pair` 8: 0.5 forward, backward 1, as a thread loads half as many steps at a time. Threads of one sequence look at the
// same two words, so that from memory there come the marks alone, a bit a step and sequence for each block.
// In flight: as in scan_wide.cu, and the marks of as many steps.
// Launch: as scan_wide.cu, with marks [B, pitch] words. Without any mark the bits are those of scan_wide.cu.
// Source: as scan_chunked_resets.cu.
#include "scan_wide.cuh"

#define SCAN_WIDE_RESETS(suffix, V, packed)                                                        \
    KERNEL LAUNCH_BLOCKS(Threads, 4) scan_wide_forward_resets##suffix(                                       \
        const float *lambda,                                                                       \
        float *states,                                                                             \
        const int *rows,                                                                           \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int size,                                                                                  \
        int start,                                                                                 \
        int delta,                                                                                 \
        int count,                                                                                 \
        const u32 *resets,                                                                         \
        int pitch                                                                                  \
    ) {                                                                                            \
        ScanShape shape = {rows, steps, batch, size, start, delta, count};                         \
        ScanResets marks = {resets, pitch};                                                        \
        forward<V, packed, true>(lambda, states, shape, marks);                                    \
    }                                                                                              \
    KERNEL LAUNCH_BLOCKS(Threads, 4) scan_wide_backward_resets##suffix(                                      \
        const float *lambda,                                                                       \
        const float *states,                                                                       \
        float *gradient,                                                                           \
        const int *rows,                                                                           \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int size,                                                                                  \
        int start,                                                                                 \
        int delta,                                                                                 \
        int count,                                                                                 \
        const float *from_carry,                                                                   \
        float *to_carry,                                                                           \
        float *partials,                                                                           \
        int slabs,                                                                                 \
        const u32 *resets,                                                                         \
        int pitch                                                                                  \
    ) {                                                                                            \
        ScanShape shape = {rows, steps, batch, size, start, delta, count};                         \
        ScanResets marks = {resets, pitch};                                                        \
        backward<V, packed, true>(                                                                 \
            lambda,                                                                                \
            states,                                                                                \
            gradient,                                                                              \
            shape,                                                                                 \
            marks,                                                                                 \
            from_carry,                                                                            \
            to_carry,                                                                              \
            (float2 *)partials,                                                                    \
            slabs                                                                                  \
        );                                                                                         \
    }

SCAN_WIDE_RESETS(, float2, false)
SCAN_WIDE_RESETS(_packed, float2, true)
SCAN_WIDE_RESETS(_pair, float4, false)
SCAN_WIDE_RESETS(_pair_packed, float4, true)
