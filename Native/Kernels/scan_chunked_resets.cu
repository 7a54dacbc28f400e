// The scan in tiles of time where steps may begin anew, as episodes do that end within a sequence: scan_chunked.cu with marks.
//
//   forward   x_t = u_t where step t is marked, else lambda x_{t-1} + u_t
//   backward  s_t = dx_t where step t + 1 is marked, else dx_t + conj(lambda) s_{t+1}; no term of dlambda's sum joins a
//             marked step with the one before it
//
// From the end to the beginning the mark of step t cuts there too: x_{t-1} takes nothing from x_t. Cut is what is not taken,
// and not what is multiplied by 0, so nothing that is not finite passes either.
//
// Marks are bits, `pitch` words a sequence (ScanResets in scan.cuh). A tile in which a channel begins anew does
// s -> A to it, so it tells its last state, which is its A, before it looks back, and those that look for what is before
// them look no further. All else, words, tags, order of sums, is that of scan_chunked.cu; without any mark the bits are too.
//
// Bytes a complex element: those of scan_chunked.cu, and a look at the marks of 8 bytes for each of a block's channels
// and 16 steps, 0.5 a complex element. Channels of one sequence look at the same two words, so that from memory there come
// the marks alone, a bit a step and sequence for each block that has channels of it.
// Launch: as scan_chunked.cu, with marks [B, pitch] words.
// Source: Blelloch, Prefix Sums and Their Applications (1990), 1.5, for scans in segments; Lu et al., Structured State Space
// Models for In-Context Reinforcement Learning (2023), for resets in a diagonal recurrence.
#include "scan_chunked.cuh"

#define SCAN_CHUNKED_RESETS(suffix, packed)                                                        \
    KERNEL LAUNCH_TWO(32 * MostForward) scan_chunked_forward_resets##suffix(                       \
        const float *lambda,                                                                       \
        float *states,                                                                             \
        const int *rows,                                                                           \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int size,                                                                                  \
        int start,                                                                                 \
        int delta,                                                                                 \
        int count,                                                                                 \
        u32 *control,                                                                              \
        int room,                                                                                  \
        const u32 *resets,                                                                         \
        int pitch                                                                                  \
    ) {                                                                                            \
        ScanShape shape = {rows, steps, batch, size, start, delta, count};                         \
        ScanResets marks = {resets, pitch};                                                        \
        scan<packed, false, true>(                                                                 \
            (const float2 *)lambda,                                                                \
            (float2 *)states,                                                                      \
            shape,                                                                                 \
            marks,                                                                                 \
            control,                                                                               \
            room,                                                                                  \
            Backwards()                                                                            \
        );                                                                                         \
    }                                                                                              \
    KERNEL LAUNCH_TWO(32 * MostBackward) scan_chunked_backward_resets##suffix(                     \
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
        u32 *control,                                                                              \
        int room,                                                                                  \
        const u32 *resets,                                                                         \
        int pitch                                                                                  \
    ) {                                                                                            \
        ScanShape shape = {rows, steps, batch, size, start, delta, count};                         \
        ScanResets marks = {resets, pitch};                                                        \
        Backwards more = {                                                                         \
            (const float2 *)states,                                                                \
            (const float2 *)from_carry,                                                            \
            (float2 *)to_carry,                                                                    \
            (float2 *)partials,                                                                    \
            slabs                                                                                  \
        };                                                                                         \
        scan<packed, true, true>(                                                                  \
            (const float2 *)lambda,                                                                \
            (float2 *)gradient,                                                                    \
            shape,                                                                                 \
            marks,                                                                                 \
            control,                                                                               \
            room,                                                                                  \
            more                                                                                   \
        );                                                                                         \
    }

SCAN_CHUNKED_RESETS(, false)
SCAN_CHUNKED_RESETS(_packed, true)
