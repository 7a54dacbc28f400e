// Systems of one input and one output each, with complex states on a diagonal, whose states never leave registers;
// Layers/Operations/StateSpaceScanOperation.cs.
//
//   x_t = a x_{t-1} + u_t,  y_t = Re sum_n c_n x_t,n + d u_t                                       forward
//   w = m + conj(a) w,  m = dy_t + conj(a) m,  du_t = Re sum_n conj(c) m + d dy_t                  backward, from the end
//   da = conj(c) sum u_t w,  dc = sum u_t m,  dd = sum u_t dy_t
//
// Shapes: u, y, dy, du [T, B, H] or packed rows [rows, H]; a, c [H, N] of (re, im); d [H] or none. The H channels of B
// sequences are B H columns. The walk goes through positions 0 .. steps - 1: backward, and a reverse recurrence, from the last
// step on, or from the first where both are so (`descending`).
//
// A block has 32 columns, and 8 lanes a column, which share out its states: S = 1, 4 or 8 a lane, `first` being the first of
// them (where N > 64 a launch each, which adds to y and du). 32 steps of the columns go through shared memory at a time, the
// next ones being loaded meanwhile. Eight steps' sums over the states are joined by seven exchanges of the lanes, each of
// which ends with one step.
//
// Time is split into segments of `length` positions, blocks y, where there are few columns: then _ends and _carry find the
// state that each segment begins with (starts), by a^length in double, in two launches more.
//
// Bytes a step and column: forward 8, 4 more where y is added to; backward 12, likewise. With segments 4 more, for _ends. More, a
// column and segment: 16 N for a and c, 32 N in backward for the partial sums, written and read (and 8 for d's), with segments 24 N
// for the starts (backward 48 N).
// Order: of states within a lane, of lanes by exchange, of steps one by one in a segment; segments and sequences in their order,
// in double, by state_scan_sums. Runs repeat bit for bit.
// Launch: blocks (columns / 32, segments) of 256; _carry a thread a column and state, _sums a thread a channel and state, of 128.
// Source: Gu et al. 2022 (S4D); the manner of Gu and Dao 2023 (Mamba), section 3.3.2, without its states in memory.
#include "device.cuh"

namespace {
constexpr int Columns = 32;
constexpr int Lanes = 8;
constexpr int Threads = Columns * Lanes;
constexpr int Flat = 128;
constexpr int Tile = 32;
constexpr int Each = Tile * Columns / Threads;
// So that eight rows of four columns lie in different banks.
constexpr int Pitch = Columns + 4;

struct Systems {
    // Packed: the first row of each step, and behind the last one the number of rows. Else none.
    const int *rows;
    int steps;
    int batch;
    int channels;
    int size;
    int first;
    int length;
    int descending;
};

DEVICE i64 columns_of(const Systems &at) { return (i64)at.batch * at.channels; }

// Where a column of a position lies; -1 where its sequence has no such step.
DEVICE i64 place(const Systems &at, int position, int end, i64 column) {
    if (position >= end)
        return -1;
    int step = at.descending ? at.steps - 1 - position : position;
    i64 row, active;
    if (at.rows) {
        row = at.rows[step];
        active = at.rows[step + 1] - row;
    } else {
        row = (i64)step * at.batch;
        active = at.batch;
    }
    return column < active * at.channels ? row * at.channels + column : -1;
}

DEVICE void load(float (&to)[Each], const float *from, const Systems &at, int position, int end) {
    i64 column = (i64)block_x() * Columns + thread() % Columns;
    UNROLL for (int k = 0; k < Each; k++) {
        i64 i = place(at, position + thread() / Columns + k * (Threads / Columns), end, column);
        to[k] = i < 0 ? 0.0f : from[i];
    }
}

DEVICE void put(float *tile, const float (&values)[Each]) {
    UNROLL for (int k = 0; k < Each; k++)
        tile[(thread() / Columns + k * (Threads / Columns)) * Pitch + thread() % Columns] = values[k];
}

DEVICE void store(const float *tile, float *to, const Systems &at, int position, int end, bool adds) {
    i64 column = (i64)block_x() * Columns + thread() % Columns;
    UNROLL for (int k = 0; k < Each; k++) {
        int line = thread() / Columns + k * (Threads / Columns);
        i64 i = place(at, position + line, end, column);
        if (i < 0)
            continue;
        float value = tile[line * Pitch + thread() % Columns];
        to[i] = adds ? to[i] + value : value;
    }
}

// Each lane gives half of its values for the other half of the lane with which it exchanges.
template <int With> DEVICE void halve(float (&values)[Lanes], int lane) {
    bool upper = (lane & With) != 0;
    UNROLL for (int k = 0; k < With; k++) {
        // By value: of two elements, the choice would be one of addresses, and the values would lie in memory for it.
        float low = values[k], high = values[k + With];
        float sent = upper ? low : high;
        float kept = upper ? high : low;
        values[k] = kept + exchange(sent, With);
    }
}

// Of eight values in each of eight lanes, the sum over the lanes of the value with this lane's number.
DEVICE float sum_of_lane(float (&values)[Lanes], int lane) {
    halve<4>(values, lane);
    halve<2>(values, lane);
    halve<1>(values, lane);
    return values[0];
}

// The states of a lane, and their factors; those that are not there are zeros.
template <int S> struct Own {
    i64 column;
    int channel;
    int lane;
    bool exists;
    float2 a[S], c[S];
};

template <int S> DEVICE Own<S> own(const Systems &at, const float2 *a, const float2 *c) {
    Own<S> o;
    o.column = (i64)block_x() * Columns + thread() / Lanes;
    o.lane = thread() % Lanes;
    o.exists = o.column < columns_of(at);
    o.channel = o.exists ? (int)(o.column % at.channels) : 0;
    UNROLL for (int s = 0; s < S; s++) {
        int n = at.first + o.lane + s * Lanes;
        bool there = o.exists && n < at.size;
        i64 i = (i64)o.channel * at.size + n;
        o.a[s] = there ? a[i] : float2(0.0f);
        o.c[s] = there && c ? c[i] : float2(0.0f);
    }
    return o;
}

// Calls with the index of each state of the lane, in [rows, columns, N], that is there.
template <int S, typename Body>
DEVICE void each_state(const Systems &at, const Own<S> &o, i64 row, const Body &body) {
    UNROLL for (int s = 0; s < S; s++) {
        int n = at.first + o.lane + s * Lanes;
        if (o.exists && n < at.size)
            body(s, (row * columns_of(at) + o.column) * at.size + n);
    }
}

// Without y, the states at the ends of segments that begin with zeros: the starts of the next ones.
template <int S, bool Ends>
DEVICE void forward(
    const float *u,
    float *y,
    const float2 *a,
    const float2 *c,
    const float *d,
    float2 *starts,
    float2 *last,
    const Systems &at,
    bool adds
) {
    SHARED float tile[Tile * Pitch];
    Own<S> o = own<S>(at, a, c);
    float skip = !Ends && d && o.exists ? d[o.channel] : 0.0f;
    float2 x[S];
    UNROLL for (int s = 0; s < S; s++)
        x[s] = float2(0.0f);
    if (!Ends && starts)
        each_state(at, o, block_y(), [&](int s, i64 i) { x[s] = starts[i]; });
    int begin = block_y() * at.length;
    int end = (int)least(at.steps, (i64)begin + at.length);
    float next[Each];
    load(next, u, at, begin, end);
    for (int position = begin; position < end; position += Tile) {
        barrier();
        put(tile, next);
        barrier();
        load(next, u, at, position + Tile, end);
        for (int k = 0; k < Tile && position + k < end; k += Lanes) {
            float *lines = tile + k * Pitch + thread() / Lanes;
            float sums[Lanes];
            UNROLL for (int j = 0; j < Lanes; j++) {
                float now = lines[j * Pitch];
                sums[j] = 0.0f;
                if (position + k + j < end) {
                    UNROLL for (int s = 0; s < S; s++) {
                        float before = x[s].x;
                        x[s].x = fma(o.a[s].x, before, fma(-o.a[s].y, x[s].y, now));
                        x[s].y = fma(o.a[s].x, x[s].y, o.a[s].y * before);
                        if (!Ends) {
                            sums[j] = fma(o.c[s].x, x[s].x, sums[j]);
                            sums[j] = fma(-o.c[s].y, x[s].y, sums[j]);
                        }
                    }
                }
            }
            if (!Ends) {
                float sum = sum_of_lane(sums, o.lane);
                warp_barrier();
                lines[o.lane * Pitch] = fma(skip, lines[o.lane * Pitch], sum);
            }
        }
        if (!Ends) {
            barrier();
            store(tile, y, at, position, end, adds);
        }
    }
    if (Ends)
        each_state(at, o, block_y() + 1, [&](int s, i64 i) { starts[i] = x[s]; });
    else if (last && end == at.steps)
        each_state(at, o, 0, [&](int s, i64 i) { last[i] = x[s]; });
}

// partials [segments, columns, N] of sum u w and sum u m; skips [segments, columns] of sum u dy. Without these, the m and w at
// the ends of segments that begin with zeros.
template <int S, bool Ends>
DEVICE void backward(
    const float *u,
    const float *dy,
    float *du,
    const float2 *a,
    const float2 *c,
    const float *d,
    float4 *starts,
    float4 *partials,
    float *skips,
    const Systems &at,
    bool adds
) {
    SHARED float inputs[Tile * Pitch];
    SHARED float slopes[Tile * Pitch];
    Own<S> o = own<S>(at, a, c);
    float skip = !Ends && d && o.exists ? d[o.channel] : 0.0f;
    float2 m[S], w[S], by_a[S], by_c[S];
    UNROLL for (int s = 0; s < S; s++)
        m[s] = w[s] = by_a[s] = by_c[s] = float2(0.0f);
    if (!Ends && starts)
        each_state(at, o, block_y(), [&](int s, i64 i) {
            m[s] = starts[i].xy;
            w[s] = starts[i].zw;
        });
    float by_d = 0.0f;
    int begin = block_y() * at.length;
    int end = (int)least(at.steps, (i64)begin + at.length);
    float next[Each], next_input[Each];
    load(next, dy, at, begin, end);
    if (!Ends)
        load(next_input, u, at, begin, end);
    for (int position = begin; position < end; position += Tile) {
        barrier();
        put(slopes, next);
        if (!Ends)
            put(inputs, next_input);
        barrier();
        load(next, dy, at, position + Tile, end);
        if (!Ends)
            load(next_input, u, at, position + Tile, end);
        for (int k = 0; k < Tile && position + k < end; k += Lanes) {
            int line = k * Pitch + thread() / Lanes;
            float sums[Lanes];
            UNROLL for (int j = 0; j < Lanes; j++) {
                float slope = slopes[line + j * Pitch];
                float now = Ends ? 0.0f : inputs[line + j * Pitch];
                sums[j] = 0.0f;
                if (position + k + j < end) {
                    UNROLL for (int s = 0; s < S; s++) {
                        float before = w[s].x;
                        w[s].x = fma(o.a[s].x, before, fma(o.a[s].y, w[s].y, m[s].x));
                        w[s].y = fma(o.a[s].x, w[s].y, fma(-o.a[s].y, before, m[s].y));
                        before = m[s].x;
                        m[s].x = fma(o.a[s].x, before, fma(o.a[s].y, m[s].y, slope));
                        m[s].y = fma(-o.a[s].y, before, o.a[s].x * m[s].y);
                        if (!Ends) {
                            sums[j] = fma(o.c[s].x, m[s].x, sums[j]);
                            sums[j] = fma(o.c[s].y, m[s].y, sums[j]);
                            by_a[s].x = fma(now, w[s].x, by_a[s].x);
                            by_a[s].y = fma(now, w[s].y, by_a[s].y);
                            by_c[s].x = fma(now, m[s].x, by_c[s].x);
                            by_c[s].y = fma(now, m[s].y, by_c[s].y);
                        }
                    }
                }
            }
            if (!Ends) {
                float sum = sum_of_lane(sums, o.lane);
                warp_barrier();
                line += o.lane * Pitch;
                by_d = fma(slopes[line], inputs[line], by_d);
                slopes[line] = fma(skip, slopes[line], sum);
            }
        }
        if (!Ends && du) {
            barrier();
            store(slopes, du, at, position, end, adds);
        }
    }
    if (Ends) {
        each_state(at, o, block_y() + 1, [&](int s, i64 i) {
            starts[i].xy = m[s];
            starts[i].zw = w[s];
        });
        return;
    }
    each_state(at, o, block_y(), [&](int s, i64 i) {
        partials[i].xy = by_a[s];
        partials[i].zw = by_c[s];
    });
    by_d = group_sum(by_d, Lanes);
    if (skips && o.exists && o.lane == 0)
        skips[block_y() * columns_of(at) + o.column] = by_d;
}

struct Complex {
    double re;
    double im;
};

DEVICE Complex product(Complex a, Complex b) {
    Complex c = {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
    return c;
}

DEVICE Complex power_of(Complex z, int n) {
    Complex power = {1.0, 0.0};
    for (; n > 0; n /= 2) {
        if (n % 2 == 1)
            power = product(power, z);
        z = product(z, z);
    }
    return power;
}
} // namespace

#define STATE_SCAN(suffix, states, forward_bounds)                                                 \
    KERNEL forward_bounds state_scan_forward_##suffix(                                             \
        const float *u,                                                                            \
        float *y,                                                                                  \
        const float *a,                                                                            \
        const float *c,                                                                            \
        const float *d,                                                                            \
        const int *rows,                                                                           \
        float *starts,                                                                             \
        float *last,                                                                               \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int channels,                                                                              \
        int size,                                                                                  \
        int first,                                                                                 \
        int length,                                                                                \
        int descending,                                                                            \
        int adds                                                                                   \
    ) {                                                                                            \
        Systems at = {rows, steps, batch, channels, size, first, length, descending};              \
        forward<states, false>(                                                                    \
            u,                                                                                     \
            y,                                                                                     \
            (const float2 *)a,                                                                     \
            (const float2 *)c,                                                                     \
            d,                                                                                     \
            (float2 *)starts,                                                                      \
            (float2 *)last,                                                                        \
            at,                                                                                    \
            adds                                                                                   \
        );                                                                                         \
    }                                                                                              \
    KERNEL LAUNCH(Threads) state_scan_ends_##suffix(                                               \
        const float *u,                                                                            \
        const float *a,                                                                            \
        const int *rows,                                                                           \
        float *starts,                                                                             \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int channels,                                                                              \
        int size,                                                                                  \
        int first,                                                                                 \
        int length,                                                                                \
        int descending                                                                             \
    ) {                                                                                            \
        Systems at = {rows, steps, batch, channels, size, first, length, descending};              \
        forward<states, true>(                                                                     \
            u,                                                                                     \
            nullptr,                                                                               \
            (const float2 *)a,                                                                     \
            nullptr,                                                                               \
            nullptr,                                                                               \
            (float2 *)starts,                                                                      \
            nullptr,                                                                               \
            at,                                                                                    \
            false                                                                                  \
        );                                                                                         \
    }                                                                                              \
    KERNEL LAUNCH(Threads) state_scan_gradient_##suffix(                                           \
        const float *u,                                                                            \
        const float *dy,                                                                           \
        float *du,                                                                                 \
        const float *a,                                                                            \
        const float *c,                                                                            \
        const float *d,                                                                            \
        const int *rows,                                                                           \
        float *starts,                                                                             \
        float *partials,                                                                           \
        float *skips,                                                                              \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int channels,                                                                              \
        int size,                                                                                  \
        int first,                                                                                 \
        int length,                                                                                \
        int descending,                                                                            \
        int adds                                                                                   \
    ) {                                                                                            \
        Systems at = {rows, steps, batch, channels, size, first, length, descending};              \
        backward<states, false>(                                                                   \
            u,                                                                                     \
            dy,                                                                                    \
            du,                                                                                    \
            (const float2 *)a,                                                                     \
            (const float2 *)c,                                                                     \
            d,                                                                                     \
            (float4 *)starts,                                                                      \
            (float4 *)partials,                                                                    \
            skips,                                                                                 \
            at,                                                                                    \
            adds                                                                                   \
        );                                                                                         \
    }                                                                                              \
    KERNEL LAUNCH(Threads) state_scan_gradient_ends_##suffix(                                      \
        const float *dy,                                                                           \
        const float *a,                                                                            \
        const int *rows,                                                                           \
        float *starts,                                                                             \
        int steps,                                                                                 \
        int batch,                                                                                 \
        int channels,                                                                              \
        int size,                                                                                  \
        int first,                                                                                 \
        int length,                                                                                \
        int descending                                                                             \
    ) {                                                                                            \
        Systems at = {rows, steps, batch, channels, size, first, length, descending};              \
        backward<states, true>(                                                                    \
            nullptr,                                                                               \
            dy,                                                                                    \
            nullptr,                                                                               \
            (const float2 *)a,                                                                     \
            nullptr,                                                                               \
            nullptr,                                                                               \
            (float4 *)starts,                                                                      \
            nullptr,                                                                               \
            nullptr,                                                                               \
            at,                                                                                    \
            false                                                                                  \
        );                                                                                         \
    }

STATE_SCAN(1, 1, LAUNCH(Threads))
STATE_SCAN(4, 4, LAUNCH(Threads))
// A version of ptxas spilled 20 bytes to reach a third block.
STATE_SCAN(8, 8, LAUNCH_BLOCKS(Threads, 2))

// starts [segments, columns, N]: from the ends of segments that begin with zeros to what each begins with.
KERNEL LAUNCH(Flat) state_scan_carry(
    const float *a,
    const float *carried,
    float *starts,
    int batch,
    int channels,
    int size,
    int length,
    int segments
) {
    i64 count = (i64)batch * channels * size;
    i64 i = (i64)block_x() * Flat + thread();
    if (i >= count)
        return;
    i64 state = i % ((i64)channels * size);
    Complex factor = {a[2 * state], a[2 * state + 1]};
    factor = power_of(factor, length);
    float2 *at = (float2 *)starts + i;
    float2 s = carried ? ((const float2 *)carried)[i] : float2(0.0f);
    *at = s;
    for (int segment = 1; segment < segments; segment++) {
        at += count;
        Complex before = {s.x, s.y};
        before = product(factor, before);
        s.x = (float)(before.re + (double)at->x);
        s.y = (float)(before.im + (double)at->y);
        *at = s;
    }
}

// The same of m and w: after k positions without dy, m is b^k m and w is b^k w + k b^(k-1) m, with b = conj(a).
KERNEL LAUNCH(Flat) state_scan_gradient_carry(
    const float *a,
    float *starts,
    int batch,
    int channels,
    int size,
    int length,
    int segments
) {
    i64 count = (i64)batch * channels * size;
    i64 i = (i64)block_x() * Flat + thread();
    if (i >= count)
        return;
    i64 state = i % ((i64)channels * size);
    Complex b = {a[2 * state], -a[2 * state + 1]};
    Complex cross = power_of(b, length - 1);
    Complex factor = product(cross, b);
    cross.re *= (double)length;
    cross.im *= (double)length;
    float2 *at = (float2 *)starts + 2 * i;
    at[0] = at[1] = float2(0.0f);
    Complex m = {0.0, 0.0}, w = {0.0, 0.0};
    for (int segment = 1; segment < segments; segment++) {
        at += 2 * count;
        Complex from_m = product(cross, m);
        w = product(factor, w);
        m = product(factor, m);
        m.re += (double)at[0].x;
        m.im += (double)at[0].y;
        w.re += from_m.re + (double)at[1].x;
        w.im += from_m.im + (double)at[1].y;
        at[0].x = (float)m.re;
        at[0].y = (float)m.im;
        at[1].x = (float)w.re;
        at[1].y = (float)w.im;
    }
}

// lines = segments of sequences: partials [lines, H, N] of four, skips [lines, H]. da is added to where `adds`, dd always.
KERNEL LAUNCH(Flat) state_scan_sums(
    const float *partials,
    const float *skips,
    const float *c,
    float *da,
    float *dc,
    float *dd,
    i64 lines,
    int channels,
    int size,
    int adds
) {
    i64 count = (i64)channels * size;
    i64 i = (i64)block_x() * Flat + thread();
    if (i >= count)
        return;
    Complex by_a = {0.0, 0.0}, by_c = {0.0, 0.0};
    const float2 *from = (const float2 *)partials + 2 * i;
    for (i64 line = 0; line < lines; line++, from += 2 * count) {
        float2 a = from[0], o = from[1];
        by_a.re += (double)a.x;
        by_a.im += (double)a.y;
        by_c.re += (double)o.x;
        by_c.im += (double)o.y;
    }
    Complex conjugate = {c[2 * i], -c[2 * i + 1]};
    by_a = product(conjugate, by_a);
    da[2 * i] = (adds ? da[2 * i] : 0.0f) + (float)by_a.re;
    da[2 * i + 1] = (adds ? da[2 * i + 1] : 0.0f) + (float)by_a.im;
    dc[2 * i] = (float)by_c.re;
    dc[2 * i + 1] = (float)by_c.im;
    if (!dd || i >= channels)
        return;
    double by_d = 0.0;
    for (i64 line = 0; line < lines; line++)
        by_d += (double)skips[line * channels + i];
    dd[i] += (float)by_d;
}
