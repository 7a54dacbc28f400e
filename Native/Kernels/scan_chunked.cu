// The complex diagonal scan where there are few channels: time is split too, and each part finds out what comes before it
// in the same pass. The recurrences, shapes and ranges are those of scan_wide.cu.
//
// A block has 32 channels (a strip) and L = 16 W steps (a tile), W = its warps: lane by channel, warp by 16 steps, which
// stay in registers. As lambda does not change, all that a tile does to a channel is s -> lambda^L s + A; so tiles find the
// state before them by looking back: at the last state of the nearest finished tile, and the A of those between.
//
// - Tiles are numbered by a ticket, time slowest: whoever looks back looks at blocks that have begun, in whatever order
//   blocks run and however few of them at a time.
// - A tile's last state IS lambda^L s + A: it is stored as such, not as its steps would give it. So what a tile finds does
//   not depend on how far it had to look, and runs repeat bit for bit.
// - What tiles tell each other are words of 64 bits, written and read as a whole: a float, and a tag of the launch's epoch
//   and of what the float is. A word tells by itself whether it is there, so there is no fence. A tile has two words a
//   channel, for both parts of a complex number; where their tags differ, one is still on its way.
// - The control words are turn (ticket and epoch in one word of 64 bits), 2 of nothing, `room` tiles' words, and the tag
//   of the launch in which each block has last begun. Nothing is cleared between launches, as each has an epoch of its
//   own: who takes the last ticket begins the next one, since nobody asks for a ticket any more. Nobody waits at the end.
//   After 2^31 - 1 launches tags begin anew, and the launch before that leaves no older ones. control is zeros before the
//   first launch, and belongs to this alone.
// - What a launch that was killed has left is no beginning: a ticket beyond the grid, a block that has begun before in
//   this epoch, and a tile that waits for a second end in a trap.
// - lambda^16 and lambda^L are made in double from the float lambda that the steps use; where they are no floats, the steps
//   are walked instead.
//
// Bytes a complex element: forward 16, backward 24, as in scan_wide.cu. More, a channel and tile: lambda 8, its words 16,
// those of the tile before 16, backward its sum for dlambda 8; so within 16 + 40 / L and 24 + 48 / L. Where the tile
// before is not done yet, the A is told first, 16, and each further look at eight tiles is 128. Tests count it.
// In flight: 16 steps of 8 bytes (backward: 2 x 16) a thread, all of a tile.
// Launch: blocks = strips * tiles of 32 W threads, W = 1..16, backward 1..8; two blocks of the most warps fit on a
// multiprocessor. partials [tiles, B, N], of which the first `slabs` tiles have sums of earlier ranges, which are added
// to. At most 2^27 channels.
// Source: Merrill and Garland, Single-pass Parallel Prefix Scan with Decoupled Look-back (2016); words and their order:
// PTX ISA, Memory Consistency Model (relaxed operations on scalars of 64 bits, vectors of them as single ones).
#include "scan_chunked.cuh"

#define SCAN_CHUNKED(suffix, packed)                                                               \
    KERNEL LAUNCH_TWO(32 * MostForward) scan_chunked_forward##suffix(                              \
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
        int room                                                                                   \
    ) {                                                                                            \
        ScanShape shape = {rows, steps, batch, size, start, delta, count};                         \
        scan<packed, false, false>(                                                                \
            (const float2 *)lambda,                                                                \
            (float2 *)states,                                                                      \
            shape,                                                                                 \
            ScanResets(),                                                                          \
            control,                                                                               \
            room,                                                                                  \
            Backwards()                                                                            \
        );                                                                                         \
    }                                                                                              \
    KERNEL LAUNCH_TWO(32 * MostBackward) scan_chunked_backward##suffix(                            \
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
        int room                                                                                   \
    ) {                                                                                            \
        ScanShape shape = {rows, steps, batch, size, start, delta, count};                         \
        Backwards more = {                                                                         \
            (const float2 *)states,                                                                \
            (const float2 *)from_carry,                                                            \
            (float2 *)to_carry,                                                                    \
            (float2 *)partials,                                                                    \
            slabs                                                                                  \
        };                                                                                         \
        scan<packed, true, false>(                                                                 \
            (const float2 *)lambda,                                                                \
            (float2 *)gradient,                                                                    \
            shape,                                                                                 \
            ScanResets(),                                                                          \
            control,                                                                               \
            room,                                                                                  \
            more                                                                                   \
        );                                                                                         \
    }

SCAN_CHUNKED(, false)
SCAN_CHUNKED(_packed, true)
