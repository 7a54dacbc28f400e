// The complex diagonal scan where there are few channels: time is split too, and each part finds out what comes before it
// in the same pass. The recurrences, shapes and ranges are those of scan_wide.cu.
//
// A block has 32 channels (a strip) and L = 16 W steps (a tile), W = its warps: lane by channel, warp by 16 steps, which
// stay in registers. As lambda does not change, all that a tile does to a channel is s -> lambda^L s + A; so tiles find the
// state before them by looking back: at the last state of the nearest finished tile, and the A of those between.
//
// - Tiles are numbered by a ticket, time slowest: whoever looks back looks at blocks that have begun, in whatever order
//   blocks run.
// - A tile's last state IS lambda^L s + A: it is stored as such, not as its steps would give it. So what a tile finds does
//   not depend on how far it had to look, runs repeat bit for bit, and the last state is its own message: no place beside
//   the states is needed for it.
// - control [3 + strips * tiles]: ticket, blocks done, epoch, flags. A flag of an earlier launch is of an earlier epoch, so
//   nothing is cleared; the last block ends the epoch. control is zeros before the first launch, and belongs to this alone.
// - lambda^16 and lambda^L are made in double from the float lambda that the steps use; where they are no floats, the steps
//   are walked instead.
//
// Bytes a complex element: forward 16, backward 24, as in scan_wide.cu. More, a channel and tile: lambda 8, last state read
// 8, backward its sum for dlambda 8; and where the tile before is not done yet, A written 8, flags 4 a look that tells
// something new, and 8 for each tile more that is looked back over. No tile is looked at before the first, none needs the A of
// the first and the last. So it is within 32 / L: tests count it.
// In flight: 16 steps of 8 bytes (backward: 2 x 16) a thread, all of a tile.
// Launch: blocks = strips * tiles of 32 W threads, W = 1..16; partials [tiles, B, N], of which the first
// `slabs` tiles have sums of earlier ranges, which are added to; aggregates [tiles, 32 strips].
// Whether a tile leaves its A depends on whether the one before was done:
// Replay: scan_chunked_forward argument 10 (aggregates): unordered
// Replay: scan_chunked_backward argument 15 (aggregates): unordered
// Replay: scan_chunked_forward_packed argument 10 (aggregates): unordered
// Replay: scan_chunked_backward_packed argument 15 (aggregates): unordered
// Source: Merrill and Garland, Single-pass Parallel Prefix Scan with Decoupled Look-back (2016).
#include "scan.cuh"

namespace {
constexpr int Strip = 32;
constexpr int Steps = 16;
constexpr int MostWarps = 16;
constexpr int MostSteps = Steps * MostWarps;

struct Complex {
    double re;
    double im;
};

DEVICE Complex squared(Complex z) {
    Complex square = {z.re * z.re - z.im * z.im, 2.0 * z.re * z.im};
    return square;
}

DEVICE Complex product(Complex a, Complex b) {
    Complex c = {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
    return c;
}

DEVICE float2 rounded(Complex z) {
    float2 f;
    f.x = (float)z.re;
    f.y = (float)z.im;
    return f;
}

DEVICE bool finite(float x) { return x - x == 0.0f; }

// lambda^steps s + u, step by step.
DEVICE float2 walk(float2 lambda, int steps, float2 s, float2 u) {
    for (int k = 0; k < steps; k++)
        s = advance(lambda, s, float2(0.0f));
    return s + u;
}

struct Control {
    u32 *ticket;
    u32 *done;
    u32 *epoch;
    u32 *flags;
};

// Whether the tile before has its last state; the whole warp comes here.
DEVICE bool follows_finished(const u32 *flags, int tile, u32 finished) {
    u32 flag = thread() % 32 == 0 ? load_acquire(flags + tile - 1) : 0;
    return ballot(flag == finished) != 0;
}

// The nearest tile before this one whose last state is there, while all between have their A. The whole warp looks at 4 tiles,
// which is mostly enough, then at 32 at a time; and again only at those whose flag could tell something new.
DEVICE int look_back(const u32 *flags, int tile, u32 ready, u32 finished) {
    int lane = thread() % 32;
    int window = tile - 1;
    for (int width = 4;; width = 32) {
        int other = window - lane;
        u32 flag = ready;
        int nearest = other < 0 || lane >= width ? 0 : 32;
        for (;;) {
            if (lane < nearest && flag != finished)
                flag = load_acquire(flags + other);
            u32 ends = ballot(flag == finished);
            u32 open = ballot(flag != finished && flag != ready);
            int first = ends == 0 ? 32 : lowest_bit(ends);
            if ((open & (first == 32 ? ~0u : (1u << first) - 1)) == 0) {
                if (first < 32)
                    return window - first;
                // The first tile never is but finished, so there are more behind.
                window -= width;
                break;
            }
            nearest = nearest < first ? nearest : first;
            pause();
        }
    }
}

// What backward has beside the values that it walks.
struct Backwards {
    const float2 *states;
    const float2 *from_carry;
    float2 *to_carry;
    float2 *partials;
    int slabs;
};

template <bool Packed, bool Backward>
DEVICE void scan(
    const float2 *lambdas,
    float2 *values,
    const ScanShape &shape,
    u32 *control_words,
    float2 *aggregates,
    const Backwards &more
) {
    SHARED ScanStep window[MostSteps + 2];
    SHARED float2 totals[MostWarps * Strip];
    SHARED float2 slopes[MostWarps * Strip];
    SHARED float2 lambda_of[Strip], lambda_warp[Strip], lambda_tile[Strip];
    SHARED float2 whole[Strip], carries[Strip];
    SHARED u32 place[2];
    Control control = {control_words, control_words + 1, control_words + 2, control_words + 3};
    i64 channels = (i64)shape.batch * shape.size;
    int strips = (int)((channels + Strip - 1) / Strip);
    int warps = threads() / 32;
    int length = Steps * warps;
    int tiles = (shape.count + length - 1) / length;
    if (thread() == 0) {
        place[0] = next_ticket(control.ticket, ~0u);
        place[1] = load_shared(control.epoch);
    }
    barrier();
    int tile = (int)(place[0] / strips);
    int strip = (int)(place[0] % strips);
    // One of each epoch is never 0, of which the flags are at first.
    u32 ready = 2 * place[1] + 1;
    u32 finished = 2 * place[1] + 2;
    bool ends = tile + 1 == tiles;

    int lane = thread() % 32;
    int warp = thread() / 32;
    i64 channel = (i64)strip * Strip + lane;
    bool mine = channel < channels;
    int sequence = mine ? (int)(channel / shape.size) : shape.batch;
    int first = tile * length;
    int here = (int)least(length, shape.count - first);
    auto step_at = [&](int k) {
        return scan_step<Packed>(shape, shape.start + (first + k) * shape.delta);
    };
    if (Packed) {
        for (int k = thread(); k < length + 2; k += threads())
            window[k] = step_at(k - 1);
        barrier();
    }
    auto at = [&](int k) { return Packed ? window[k + 1] : step_at(k); };
    i64 origin = 0;
    if (Backward) {
        int lowest = shape.delta > 0 ? shape.start : shape.start - shape.count + 1;
        origin = scan_step<Packed>(shape, lowest).row * shape.size;
    }
    float2 *own = values + channel - origin;

    float2 u[Steps], x[Steps];
    bool has[Steps];
    UNROLL for (int k = 0; k < Steps; k++) {
        int i = warp * Steps + k;
        ScanStep now = at(i);
        has[k] = i < here && sequence < now.active;
        u[k] = float2(0.0f);
        if (has[k])
            u[k] = own[now.row * shape.size];
        if (Backward) {
            x[k] = float2(0.0f);
            ScanStep before = at(i + 1);
            if (has[k] && sequence < before.active)
                x[k] = more.states[before.row * shape.size + channel];
        }
    }
    if (warp == 0) {
        float2 lambda = mine ? lambdas[channel % shape.size] : float2(0.0f);
        if (Backward)
            lambda.y = -lambda.y;
        Complex power = {lambda.x, lambda.y};
        for (int n = 1; n < Steps; n *= 2)
            power = squared(power);
        Complex all = power;
        for (int n = 1; n < warps; n++)
            all = product(all, power);
        lambda_of[lane] = lambda;
        lambda_warp[lane] = rounded(power);
        lambda_tile[lane] = rounded(all);
    }
    barrier();

    float2 lambda = lambda_of[lane];
    // Of an eigenvalue beyond the unit circle a power may be more than a float holds, and nothing times infinity would be NaN
    // where the steps stay finite.
    bool grows = !finite(lambda_tile[lane].x) || !finite(lambda_tile[lane].y);
    auto over_warp = [&](float2 s, float2 a) {
        return grows ? walk(lambda, Steps, s, a) : advance(lambda_warp[lane], s, a);
    };
    auto over_tile = [&](float2 s, float2 a) {
        return grows ? walk(lambda, length, s, a) : advance(lambda_tile[lane], s, a);
    };
    float2 total = float2(0.0f);
    UNROLL for (int k = 0; k < Steps; k++)
        total = advance(lambda, total, u[k]);
    totals[warp * Strip + lane] = total;
    barrier();

    if (warp == 0) {
        float2 a = float2(0.0f);
        for (int w = 0; w < warps; w++)
            a = over_warp(a, totals[w * Strip + lane]);
        whole[lane] = a;
        u32 *flags = control.flags + (i64)strip * tiles;
        float2 carry = float2(0.0f);
        if (tile > 0) {
            int found = tile - 1;
            // Where it need not be waited for, nobody will need A either.
            if (!follows_finished(flags, tile, finished)) {
                if (!ends) {
                    if (mine)
                        aggregates[(i64)tile * strips * Strip + strip * Strip + lane] = a;
                    fence();
                    warp_barrier();
                    if (lane == 0)
                        store_release(flags + tile, ready);
                }
                found = look_back(flags, tile, ready, finished);
            }
            warp_barrier();
            fence();
            ScanStep last = scan_step<Packed>(
                shape,
                shape.start + ((found + 1) * length - 1) * shape.delta
            );
            if (sequence < last.active)
                carry = load_shared(own + last.row * shape.size);
            for (int between = found + 1; between < tile; between++) {
                if (!mine)
                    break;
                float2 other = load_shared(
                    aggregates + (i64)between * strips * Strip + strip * Strip + lane
                );
                carry = over_tile(carry, other);
            }
        } else if (!Backward) {
            ScanStep before = at(-1);
            if (sequence < before.active)
                carry = own[before.row * shape.size];
        } else if (more.from_carry && mine) {
            carry = more.from_carry[channel];
        }
        carries[lane] = carry;
        if (!ends) {
            ScanStep last = at(length - 1);
            if (sequence < last.active)
                own[last.row * shape.size] = over_tile(carry, a);
            fence();
            warp_barrier();
            if (lane == 0)
                store_release(flags + tile, finished);
        }
    }
    barrier();

    float2 s = carries[lane];
    for (int w = 0; w < warp; w++)
        s = over_warp(s, totals[w * Strip + lane]);
    Slope slope = {};
    UNROLL for (int k = 0; k < Steps; k++) {
        int i = warp * Steps + k;
        s = advance(lambda, s, u[k]);
        bool told = !ends && i == length - 1;
        if (told)
            s = over_tile(carries[lane], whole[lane]);
        else if (has[k])
            own[at(i).row * shape.size] = s;
        if (Backward) {
            if (has[k])
                add_slope(slope, s, x[k]);
            else
                s = float2(0.0f);
            if (more.to_carry && mine && first + i == shape.count - 1)
                more.to_carry[channel] = s;
        }
    }
    if (Backward) {
        slopes[warp * Strip + lane] = value(slope);
        barrier();
        if (warp == 0 && mine) {
            float2 sum = float2(0.0f);
            for (int w = 0; w < warps; w++)
                sum += slopes[w * Strip + lane];
            float2 *to = more.partials + tile * channels + channel;
            if (tile < more.slabs)
                sum += *to;
            *to = sum;
        }
    }
    barrier();
    if (thread() == 0 && next_ticket(control.done, (u32)(strips * tiles) - 1) == (u32)(strips * tiles) - 1) {
        *control.ticket = 0;
        *control.epoch = place[1] + 1;
    }
}
} // namespace

#define SCAN_CHUNKED(suffix, packed)                                                               \
    KERNEL LAUNCH(32 * MostWarps) scan_chunked_forward##suffix(                                    \
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
        float *aggregates                                                                          \
    ) {                                                                                            \
        ScanShape shape = {rows, steps, batch, size, start, delta, count};                         \
        scan<packed, false>(                                                                       \
            (const float2 *)lambda,                                                                \
            (float2 *)states,                                                                      \
            shape,                                                                                 \
            control,                                                                               \
            (float2 *)aggregates,                                                                  \
            Backwards()                                                                            \
        );                                                                                         \
    }                                                                                              \
    KERNEL LAUNCH(32 * MostWarps) scan_chunked_backward##suffix(                                   \
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
        float *aggregates                                                                          \
    ) {                                                                                            \
        ScanShape shape = {rows, steps, batch, size, start, delta, count};                         \
        Backwards more = {                                                                         \
            (const float2 *)states,                                                                \
            (const float2 *)from_carry,                                                            \
            (float2 *)to_carry,                                                                    \
            (float2 *)partials,                                                                    \
            slabs                                                                                  \
        };                                                                                         \
        scan<packed, true>(                                                                        \
            (const float2 *)lambda,                                                                \
            (float2 *)gradient,                                                                    \
            shape,                                                                                 \
            control,                                                                               \
            (float2 *)aggregates,                                                                  \
            more                                                                                   \
        );                                                                                         \
    }

SCAN_CHUNKED(, false)
SCAN_CHUNKED(_packed, true)
