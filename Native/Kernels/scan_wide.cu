// The complex diagonal scan where there are many channels: a thread walks all time for one channel or, with `_pair`, two
// neighbours.
//
//   forward   x_t = lambda x_{t-1} + u_t, states [T, B, N] complex hold u and then x
//   backward  s_t = dx_t + conj(lambda) s_{t+1}, the gradient holds dx and then s; dlambda = sum of s_t conj(x_{t-1})
//
// and the same from the end to the beginning where delta is -1 (forward) or 1 (backward). A range of steps goes on from
// the step before it: forward from its x, backward from `from` [B, N]; backward leaves its last s in `to` where one is
// given. Sums for dlambda go to partials [B, N], or are added to them where there are slabs of earlier ranges: the rest is
// lru_prepare_gradient's.
//
// Bytes a complex element: forward reads u and writes x, 16; backward reads dx and x and writes s, 24. Once a channel:
// lambda 8, partial 8 (and 8 where it is read). Packed, 4 bytes a step and block for its rows.
// In flight: 16 steps of 8 bytes a thread are loaded while the 16 before them are walked, 2048 bytes and more a warp; of
// packed rows none where the rows of the next 64 steps are looked up.
// Launch: (channels / 128) blocks of 128, with `_pair` (channels / 256); pairs want N even and 16-byte addresses.
// Source: the recurrence as it stands; Orvieto et al. 2023 for the model.
#include "scan_wide.cuh"

#define SCAN_WIDE(suffix, V, packed)                                                               \
    KERNEL LAUNCH(Threads) scan_wide_forward##suffix(                                              \
        const float *lambda,                                                                       \
        float *states,                                                                             \
        const int *rows,                                                                           \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int size,                                                                                  \
        int start,                                                                                 \
        int delta,                                                                                 \
        int count                                                                                  \
    ) {                                                                                            \
        ScanShape shape = {rows, steps, batch, size, start, delta, count};                         \
        forward<V, packed, false>(lambda, states, shape, ScanResets());                            \
    }                                                                                              \
    KERNEL LAUNCH(Threads) scan_wide_backward##suffix(                                             \
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
        int slabs                                                                                  \
    ) {                                                                                            \
        ScanShape shape = {rows, steps, batch, size, start, delta, count};                         \
        backward<V, packed, false>(                                                                \
            lambda,                                                                                \
            states,                                                                                \
            gradient,                                                                              \
            shape,                                                                                 \
            ScanResets(),                                                                          \
            from_carry,                                                                            \
            to_carry,                                                                              \
            (float2 *)partials,                                                                    \
            slabs                                                                                  \
        );                                                                                         \
    }

SCAN_WIDE(, float2, false)
SCAN_WIDE(_packed, float2, true)
SCAN_WIDE(_pair, float4, false)
SCAN_WIDE(_pair_packed, float4, true)
