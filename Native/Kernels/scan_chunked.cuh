// The scan in tiles of time, as scan_chunked.cu tells it, without and with steps that begin anew (scan_chunked_resets.cu).
#pragma once
#include "scan.cuh"

#define LAUNCH_TWO(threads) __attribute__((launch_bounds(threads, 2)))

namespace {
constexpr int Strip = 32;
constexpr int Steps = 16;
// Of the most warps two blocks fit on a multiprocessor: of 64 registers a thread, or 128.
constexpr int MostForward = 16;
constexpr int MostBackward = 8;
// Tiles that are looked at together, two words each.
constexpr int Looks = 8;
// The last epoch before they begin anew.
constexpr u32 LastEpoch = 0x7FFFFFFE;
// Looks without a pause that is long, and all: about a second, where a tile takes microseconds.
constexpr u32 ShortPauses = 1 << 10;
constexpr u32 MostPauses = 1 << 13;

// All at the scope of the device, and of no order with other accesses.
DEVICE u64 add_relaxed(u64 *p, u64 value) {
    u64 before;
    asm volatile("atom.relaxed.gpu.global.add.u64 %0, [%1], %2;"
                 : "=l"(before)
                 : "l"(p), "l"(value)
                 : "memory");
    return before;
}

DEVICE u32 exchange_relaxed(u32 *p, u32 value) {
    u32 before;
    asm volatile("atom.relaxed.gpu.global.exch.b32 %0, [%1], %2;"
                 : "=r"(before)
                 : "l"(p), "r"(value)
                 : "memory");
    return before;
}

DEVICE void store_relaxed(u64 *p, u64 value) {
    asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(p), "l"(value) : "memory");
}

DEVICE void pause(u32 nanoseconds) {
    asm volatile("nanosleep.u32 %0;" ::"r"(nanoseconds) : "memory");
}

DEVICE void trap() { asm volatile("trap;" ::: "memory"); }

// What was stored is read again, and not kept.
DEVICE void forget_registers() { asm volatile("" ::: "memory"); }

// A value that the compiler knows nothing of: it would keep the address of each step until the step is stored.
DEVICE int unknown(int value) {
    asm("" : "+r"(value));
    return value;
}

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

// What some steps do to a state: factor^times s + u, as often as a product is taken.
struct Leap {
    float2 factor;
    int times;
};

DEVICE float2 over(const Leap &leap, float2 s, float2 u) {
    for (int k = 1; k < leap.times; k++)
        s = advance(leap.factor, s, float2(0.0f));
    return advance(leap.factor, s, u);
}

// What a tile tells of a channel: each part with the tag in the word's upper half.
struct Message {
    u64 re;
    u64 im;
};

DEVICE Message message(float2 value, u32 tag) {
    // Of a vector's element itself clang 19 would cast the first one.
    float re = value.x, im = value.y;
    Message m;
    m.re = (u64)tag << 32 | __builtin_bit_cast(u32, re);
    m.im = (u64)tag << 32 | __builtin_bit_cast(u32, im);
    return m;
}

DEVICE float2 value(const Message &m) {
    float2 v;
    v.x = __builtin_bit_cast(float, (u32)m.re);
    v.y = __builtin_bit_cast(float, (u32)m.im);
    return v;
}

DEVICE bool is(const Message &m, u32 tag) {
    return (u32)(m.re >> 32) == tag && (u32)(m.im >> 32) == tag;
}

DEVICE Message load(const Message *p) {
    Message m;
    asm volatile("ld.relaxed.gpu.global.v2.u64 {%0, %1}, [%2];"
                 : "=l"(m.re), "=l"(m.im)
                 : "l"(p)
                 : "memory");
    return m;
}

DEVICE void store(Message *p, const Message &m) {
    asm volatile("st.relaxed.gpu.global.v2.u64 [%0], {%1, %2};" ::"l"(p), "l"(m.re), "l"(m.im)
                 : "memory");
}

// The launch's place among all, and the block's in it.
struct Turn {
    u32 ticket;
    u32 epoch;

    // The A of a tile, and its last state; of no epoch 0, which the words are at first.
    MEMBER u32 ready() const { return 2 * epoch + 1; }
    MEMBER u32 finished() const { return 2 * epoch + 2; }
};

// The words of a tile, 32 channels of them.
DEVICE Message *words(u32 *control) { return (Message *)(control + 4); }

DEVICE u32 *begun(u32 *control, int room) { return control + 4 + (i64)4 * Strip * room; }

DEVICE Turn take_turn(u32 *control, int room) {
    u64 *turn = (u64 *)control;
    u64 taken = add_relaxed(turn, 1);
    Turn mine = {(u32)taken, (u32)(taken >> 32)};
    u32 blocks = (u32)blocks_x();
    if (mine.ticket == blocks - 1)
        store_relaxed(turn, (u64)(mine.epoch == LastEpoch ? 0 : mine.epoch + 1) << 32);
    u32 before = exchange_relaxed(begun(control, room) + block_x(), mine.finished());
    if (mine.ticket >= blocks || mine.epoch > LastEpoch || before == mine.finished())
        trap();
    return mine;
}

// The last launch before the epochs begin anew: words that it does not write lose their tags.
DEVICE void forget(u32 *control, int room) {
    u32 *tags = begun(control, room);
    i64 stride = (i64)blocks_x() * threads();
    i64 first = (i64)block_x() * threads() + thread();
    for (i64 i = (i64)4 * Strip * blocks_x() + first; i < (i64)4 * Strip * room; i += stride)
        control[4 + i] = 0;
    for (i64 i = blocks_x() + first; i < room; i += stride)
        tags[i] = 0;
}

// A channel's state before this tile, whose own words tell its A already. They lie at number `own` of all words, and those of
// the tile before `pitch` less. The tile's number is read where it is needed, as registers are few.
DEVICE float2
look_back(const Message *all, u32 own, u32 pitch, const int &tile, const Turn &turn, const Leap &leap) {
    float2 carry = float2(0.0f);
    bool known = false;
    u32 pauses = 0;
    u32 from = own - pitch;
    for (int nearest = tile - 1;;) {
        Message seen[Looks];
        UNROLL for (int k = 0; k < Looks; k++) {
            seen[k] = message(float2(0.0f), 0);
            if (k <= nearest)
                seen[k] = load(all + (from - k * pitch));
        }
        bool open = false;
        UNROLL for (int k = Looks - 1; k >= 0; k--) {
            if (is(seen[k], turn.finished())) {
                carry = value(seen[k]);
                known = true;
                open = false;
            } else if (is(seen[k], turn.ready())) {
                if (known)
                    carry = over(leap, carry, value(seen[k]));
            } else {
                known = false;
                open = true;
            }
        }
        if (known) {
            if (nearest == tile - 1)
                return carry;
            nearest += Looks;
            from += Looks * pitch;
        } else if (!open) {
            // The first tile never tells an A, so there are more behind.
            nearest -= Looks;
            from -= Looks * pitch;
        } else {
            pauses++;
            if (pauses < ShortPauses)
                pause(32);
            else if (pauses < MostPauses)
                pause(100000);
            else
                trap();
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

// A step of a tile as rows are packed.
struct Row {
    u32 row;
    int active;
};

// What a warp has of a tile: a channel a lane, where that channel's first step lies, or its first row with packed rows, and how
// many steps there are.
struct Part {
    int channel;
    bool mine;
    int sequence;
    float2 *own;
    int left;
};

template <bool Packed, bool Backward, bool Resets>
DEVICE Part part_of(const ScanShape &shape, float2 *values, int first, int strip, int lane) {
    int channels = shape.batch * shape.size;
    Part part;
    part.channel = strip * Strip + lane;
    part.mine = part.channel < channels;
    part.sequence = !part.mine         ? shape.batch
                    : Packed || Resets ? part.channel / shape.size
                                       : 0;
    // The gradient holds the range only.
    int lowest = 0;
    if (Backward)
        lowest = shape.delta > 0 ? shape.start : shape.start - shape.count + 1;
    if (Packed) {
        part.own = values + part.channel;
        if (Backward)
            part.own -= (i64)shape.rows[lowest] * shape.size;
    } else {
        part.own = values + part.channel +
                   (i64)(shape.start + first * shape.delta - lowest) * channels;
    }
    part.left = part.mine ? shape.count - first : 0;
    if (part.left > Steps)
        part.left = Steps;
    return part;
}

template <bool Packed, bool Backward, bool Resets>
DEVICE void scan(
    const float2 *lambdas,
    float2 *values,
    const ScanShape &shape,
    const ScanResets &resets,
    u32 *control,
    int room,
    const Backwards &more
) {
    constexpr int Most = Backward ? MostBackward : MostForward;
    SHARED Row window[Steps * Most + 2];
    SHARED float2 totals[Most * Strip];
    SHARED float2 slopes[Most * Strip];
    SHARED float2 lambda_of[Strip], lambda_warp[Strip], lambda_tile[Strip];
    SHARED float2 whole[Strip], carries[Strip];
    SHARED float2 parked[Steps * Strip];
    // A bit a channel for each warp within whose steps it begins anew.
    SHARED u32 cut_of[Most], cut_of_tile;
    // Those of a thread's own steps, as registers are few.
    SHARED u32 cuts_of_thread[Most * Strip];
    // Tile, strip, and the turn, which are read again where registers are few.
    SHARED int tile_of, strip_of;
    SHARED u32 ticket_of, epoch_of;
    int channels = shape.batch * shape.size;
    int strips = (int)((u32)(channels + Strip - 1) / Strip);
    int warps = threads() / 32;
    int length = Steps * warps;
    if (thread() == 0) {
        Turn taken = take_turn(control, room);
        ticket_of = taken.ticket;
        epoch_of = taken.epoch;
        tile_of = (int)(taken.ticket / (u32)strips);
        strip_of = (int)(taken.ticket % (u32)strips);
    }
    barrier();
    int lane = thread() % 32;
    int warp = thread() / 32;
    int walked = warp * Steps;
    auto row_at = [&](int k) {
        Row at = {0, 0};
        u32 step = (u32)(shape.start + (tile_of * length + k) * shape.delta);
        if (step < (u32)shape.steps) {
            at.row = (u32)shape.rows[step];
            at.active = shape.rows[step + 1] - shape.rows[step];
        }
        return at;
    };
    if (Packed) {
        for (int k = thread(); k < length + 2; k += threads())
            window[k] = row_at(k - 1);
        barrier();
    }
    // Bytes from a step to the next, or from a row to the next.
    int pitch = 8 * (Packed ? shape.size : channels * shape.delta);
    // What is kept while registers are needed for something else is found again.
    Part part = part_of<Packed, Backward, Resets>(shape, values, tile_of * length + walked, strip_of, lane);
    auto row = [&](int k) { return window[walked + k + 1]; };
    auto has = [&](int k) { return k < part.left && (!Packed || part.sequence < row(k).active); };
    auto place = [&](int k) {
        return (float2 *)((char *)part.own + (Packed ? (i64)row(k).row : (i64)k) * pitch);
    };
    float2 u[Steps], x[Steps];
    UNROLL for (int k = 0; k < Steps; k++) {
        u[k] = float2(0.0f);
        if (has(k))
            u[k] = *place(k);
    }
    if (Backward) {
        int first = tile_of * length + walked;
        const float2 *states = more.states + part.channel;
        if (!Packed)
            states += (i64)(shape.start + (first + 1) * shape.delta) * channels;
        // Steps with a state before them in the recurrence, which is after them here.
        int preceded = part.left;
        bool more_steps = (u32)(shape.start + shape.count * shape.delta) < (u32)shape.steps;
        if (first + part.left == shape.count && !more_steps)
            preceded--;
        UNROLL for (int k = 0; k < Steps; k++) {
            x[k] = float2(0.0f);
            Row before = Packed ? row(k + 1) : Row();
            if (Packed ? has(k) && part.sequence < before.active : k < preceded)
                x[k] = *(const float2 *)((const char *)states +
                                         (Packed ? (i64)before.row : (i64)k) * pitch);
        }
    }
    if (Resets)
        cuts_of_thread[thread()] =
            part.left > 0 ? cuts_of(resets, shape, part.sequence, tile_of * length + walked) : 0;
    if (warp == 0) {
        float2 lambda = part.mine ? lambdas[part.channel % shape.size] : float2(0.0f);
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
    auto ends = [&]() { return tile_of * length >= shape.count - length; };
    // Of an eigenvalue beyond the unit circle a power may be more than a float holds, and nothing times infinity would be NaN
    // where the steps stay finite.
    auto leap_of = [&](const float2 *power, int steps) {
        float2 last = lambda_tile[lane];
        float2 factor = power[lane];
        bool grows = !finite(last.x) || !finite(last.y);
        Leap leap;
        leap.factor.x = grows ? lambda.x : factor.x;
        leap.factor.y = grows ? lambda.y : factor.y;
        leap.times = grows ? steps : 1;
        return leap;
    };
    u32 cuts = Resets ? cuts_of_thread[thread()] : 0;
    // What a state is after the step: that of a cut has nothing of the one before, be it infinite.
    auto walk = [&](int k, float2 s) {
        float2 next = advance(lambda, s, u[k]);
        if (Resets && is_cut(cuts, k))
            next = u[k];
        return next;
    };
    // And after a warp's steps, or a tile's.
    auto across = [&](bool cut, const Leap &leap, float2 s, float2 u) {
        if (Resets && cut)
            return u;
        return over(leap, s, u);
    };
    auto warp_cuts = [&](int w) { return Resets && is_cut(cut_of[w], lane); };
    auto tile_cuts = [&]() { return Resets && is_cut(cut_of_tile, lane); };
    float2 total = float2(0.0f);
    UNROLL for (int k = 0; k < Steps; k++)
        total = walk(k, total);
    totals[warp * Strip + lane] = total;
    if (Resets) {
        u32 channels_cut = ballot((cuts & ((1u << Steps) - 1)) != 0);
        if (lane == 0)
            cut_of[warp] = channels_cut;
    }
    barrier();

    if (warp == 0) {
        // Registers are for what the looks bring.
        UNROLL for (int k = 0; k < Steps; k++)
            parked[k * Strip + lane] = u[k];
        float2 a = float2(0.0f);
        Leap leap = leap_of(lambda_warp, Steps);
        for (int w = 0; w < warps; w++)
            a = across(warp_cuts(w), leap, a, totals[w * Strip + lane]);
        whole[lane] = a;
        leap = leap_of(lambda_tile, length);
        Turn turn = {ticket_of, epoch_of};
        Message *all = words(control);
        u32 told = turn.ticket * Strip + lane;
        bool mine = part.mine;
        float2 carry = float2(0.0f);
        // In the launch before epochs begin anew all words are written, as older ones would be taken for new ones.
        bool tells = (mine && !ends()) || turn.epoch == LastEpoch;
        // A tile in which the channel begins anew knows its last state before it looks back.
        u32 cut = 0;
        if (Resets) {
            for (int w = 0; w < warps; w++)
                cut |= cut_of[w];
            if (lane == 0)
                cut_of_tile = cut;
        }
        if (Resets && tells && is_cut(cut, lane)) {
            store(all + told, message(a, turn.finished()));
            tells = false;
        }
        if (tile_of > 0 && mine) {
            Message before = load(all + (told - strips * Strip));
            if (is(before, turn.finished())) {
                carry = value(before);
            } else {
                if (tells)
                    store(all + told, message(a, turn.ready()));
                carry = look_back(all, told, strips * Strip, tile_of, turn, leap);
            }
        } else if (mine && !Backward) {
            bool follows = (u32)(shape.start - shape.delta) < (u32)shape.steps;
            if (Packed ? part.sequence < row(-1).active : follows)
                carry = *place(-1);
        } else if (mine && more.from_carry) {
            carry = more.from_carry[part.channel];
        }
        carries[lane] = carry;
        // Of sequences that have ended as well: nobody reads that.
        if (tells)
            store(all + told, message(over(leap, carry, whole[lane]), turn.finished()));
        forget_registers();
        UNROLL for (int k = 0; k < Steps; k++)
            u[k] = parked[k * Strip + lane];
    }
    barrier();

    lane = unknown(thread()) % 32;
    warp = unknown(thread()) / 32;
    walked = warp * Steps;
    lambda = lambda_of[lane];
    part = part_of<Packed, Backward, Resets>(shape, values, tile_of * length + walked, strip_of, lane);
    warps = unknown(threads()) / 32;
    length = Steps * warps;
    pitch = unknown(pitch);
    if (Resets)
        cuts = cuts_of_thread[thread()];
    Leap leap = leap_of(lambda_warp, Steps);
    float2 s = carries[lane];
    for (int w = 0; w < warp; w++)
        s = across(warp_cuts(w), leap, s, totals[w * Strip + lane]);
    Slope slope = {};
    bool tells = !ends() && warp == warps - 1;
    UNROLL for (int k = 0; k < Steps; k++) {
        if (Resets) {
            forget_registers();
            cuts = cuts_of_thread[warp * Strip + lane];
        }
        s = walk(k, s);
        if (k == Steps - 1 && tells)
            s = across(tile_cuts(), leap_of(lambda_tile, length), carries[lane], whole[lane]);
        if (has(k))
            *place(k) = s;
        if (Backward) {
            if (has(k))
                add_slope(slope, s, Resets && is_cut(cuts, k + 1) ? float2(0.0f) : x[k]);
            else
                s = float2(0.0f);
            if (more.to_carry && part.mine && tile_of * length + walked + k == shape.count - 1)
                more.to_carry[part.channel] = s;
        }
    }
    if (Backward) {
        slopes[warp * Strip + lane] = value(slope);
        barrier();
        if (warp == 0 && part.mine) {
            float2 sum = float2(0.0f);
            for (int w = 0; w < warps; w++)
                sum += slopes[w * Strip + lane];
            float2 *to = more.partials + (i64)tile_of * channels + part.channel;
            if (tile_of < more.slabs)
                sum += *to;
            *to = sum;
        }
    }
    if (epoch_of == LastEpoch)
        forget(control, room);
}
} // namespace

