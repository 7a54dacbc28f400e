// Rows of a table by class numbers, and the gradient of the table; Layers/Operations/EmbeddingOperation.cs.
//
// Shapes: classes [N], whole numbers 0 .. count - 1 as floats, count <= 2^24; table, dtable [count, C]; y, dy [N, C];
// keys, positions [N]; counts [units, 256], a unit being `chunk` positions in a row; partials [pieces, 2, C], a piece being
// `piece` sorted positions. What is no class gives a row of NaN, and nothing to the table.
//
// The gradient: positions are sorted by class, 8 bits a pass (one for up to 256 classes), and equal ones keep their order; then
// a thread a column adds the rows of a piece, run by run. Runs that go on in the next piece leave partials, which
// embedding_join adds up. So the cost goes by N, not by N * count.
//
// Bytes an element: embed 8; embedding_sum reads dy, 4, and adds once to a row for each class that there is, 8 (embedding_join
// where its run crosses pieces). A position: its class 4 in embed, 16 in the first pass and 20 in others, key and position 8 in
// embedding_sum. The threads of all columns ask for the class, key and position of a row, so as they count it is 12 an element
// in embed and in embedding_sum; a warp takes such a word once. A unit and pass: 5 KiB of counts. A piece and column: in
// embedding_sum 12 for the keys at its ends and a partial, in embedding_join 8, and 12 more where a run came in.
// Order: a piece in floats in the order of positions, pieces in double in theirs: runs repeat bit for bit. There are no atomic
// additions: lanes of one digit find each other by ballots.
// Launch: blocks of 256. embed, embedding_sum, embedding_join as in columns.cuh, rows being positions or pieces;
// embedding_count and embedding_place a unit a warp. counter [1], 0 between launches.
// Source: radix sort by ranks of ballots, Merrill and Grimshaw 2011; sums by segments of sorted positions as in PyTorch's
// embedding_dense_backward.
#include "columns.cuh"

namespace {
constexpr int Digits = 256;
constexpr int Warps = WalkThreads / 32;

// The position of what is no class.
constexpr u32 Nowhere = ~0u;

DEVICE int ones(u32 bits) { return __builtin_popcount(bits); }

// The class, or -1 for what is none.
DEVICE int class_of(float value, int count) {
    bool within = value >= 0.0f && value < (float)count;
    int whole = within ? (int)value : 0;
    return within && (float)whole == value ? whole : -1;
}

struct Entry {
    u32 key;
    u32 position;
};

// In the first pass there are no keys yet.
DEVICE Entry entry_at(
    const float *classes,
    const u32 *keys,
    const u32 *positions,
    i64 i,
    int count
) {
    if (keys)
        return {keys[i], positions ? positions[i] : 0};
    int c = class_of(classes[i], count);
    return c < 0 ? Entry{0, Nowhere} : Entry{(u32)c, (u32)i};
}

// The lanes of the warp that are there and have the same digit.
DEVICE u32 with_digit(u32 digit, bool there) {
    u32 same = ballot(there);
    UNROLL for (int bit = 1; bit < Digits; bit *= 2) {
        u32 set = ballot((digit & bit) != 0);
        same &= digit & bit ? set : ~set;
    }
    return same;
}

DEVICE int units_of(int rows, int chunk) { return (int)(((i64)rows + chunk - 1) / chunk); }

// Before each thread's value: the sum of those of the threads before it. All threads of the block come here.
DEVICE u32 sum_before(u32 value) {
    SHARED u32 sums[WalkThreads];
    u32 sum = value;
    sums[thread()] = sum;
    for (int by = 1; by < WalkThreads; by *= 2) {
        barrier();
        u32 left = thread() >= by ? sums[thread() - by] : 0;
        barrier();
        sum += left;
        sums[thread()] = sum;
    }
    return sum - value;
}
} // namespace

// y = the table's rows
KERNEL LAUNCH(WalkThreads) embed(
    const float *classes,
    const float *table,
    float *y,
    i64 rows,
    int count,
    int columns,
    int lanes
) {
    constexpr int Ahead = 4;
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (i64 r = w.row; r < rows; r += Ahead * w.stride) {
        int c[Ahead];
        float value[Ahead];
        UNROLL for (int k = 0; k < Ahead; k++) {
            i64 at = r + k * w.stride;
            c[k] = at < rows ? class_of(classes[at], count) : -1;
        }
        UNROLL for (int k = 0; k < Ahead; k++)
            value[k] = c[k] < 0 ? __builtin_nanf("") : table[(i64)c[k] * columns + w.column];
        UNROLL for (int k = 0; k < Ahead; k++) {
            i64 at = r + k * w.stride;
            if (at < rows)
                y[at * columns + w.column] = value[k];
        }
    }
}

// counts = where the first position of each unit and digit goes to; the last block makes that of the numbers of them.
KERNEL LAUNCH(WalkThreads) embedding_count(
    const float *classes,
    const u32 *keys,
    u32 *counts,
    int rows,
    int count,
    int shift,
    int chunk,
    u32 *counter
) {
    constexpr int Ahead = 8;
    SHARED u32 digits[Warps][Digits];
    u32 *own = digits[thread() / 32];
    int lane = thread() % 32;
    int units = units_of(rows, chunk);
    i64 unit = (i64)block_x() * Warps + thread() / 32;
    for (int d = lane; d < Digits; d += 32)
        own[d] = 0;
    warp_barrier();
    i64 last = least((unit + 1) * chunk, rows);
    for (i64 i = unit * chunk; i < last; i += 32) {
        bool there = i + lane < last;
        u32 digit = 0;
        if (there)
            digit = entry_at(classes, keys, nullptr, i + lane, count).key >> shift & (Digits - 1);
        u32 same = with_digit(digit, there);
        if (there && lowest_bit(same) == lane)
            own[digit] += ones(same);
        warp_barrier();
    }
    if (unit < units) {
        for (int d = lane; d < Digits; d += 32)
            counts[unit * Digits + d] = own[d];
    }
    if (!last_block(counter, (u32)blocks_x()))
        return;
    // A thread a digit.
    u32 *column = counts + thread();
    u32 total = 0;
    for (int first = 0; first < units; first += Ahead) {
        u32 n[Ahead];
        UNROLL for (int k = 0; k < Ahead; k++)
            n[k] = first + k < units ? load_shared(column + (first + k) * Digits) : 0;
        UNROLL for (int k = 0; k < Ahead; k++)
            total += n[k];
    }
    u32 next = sum_before(total);
    for (int first = 0; first < units; first += Ahead) {
        u32 n[Ahead];
        UNROLL for (int k = 0; k < Ahead; k++)
            n[k] = first + k < units ? load_shared(column + (first + k) * Digits) : 0;
        UNROLL for (int k = 0; k < Ahead; k++) {
            if (first + k < units)
                column[(first + k) * Digits] = next;
            next += n[k];
        }
    }
}

// Moves keys and positions to where their digits go.
KERNEL LAUNCH(WalkThreads) embedding_place(
    const float *classes,
    const u32 *keys,
    const u32 *positions,
    const u32 *counts,
    u32 *placed_keys,
    u32 *placed_positions,
    int rows,
    int count,
    int shift,
    int chunk
) {
    SHARED u32 digits[Warps][Digits];
    u32 *next = digits[thread() / 32];
    int lane = thread() % 32;
    i64 unit = (i64)block_x() * Warps + thread() / 32;
    if (unit >= units_of(rows, chunk))
        return;
    for (int d = lane; d < Digits; d += 32)
        next[d] = counts[unit * Digits + d];
    warp_barrier();
    i64 last = least((unit + 1) * chunk, rows);
    for (i64 i = unit * chunk; i < last; i += 32) {
        bool there = i + lane < last;
        Entry e = {0, Nowhere};
        if (there)
            e = entry_at(classes, keys, positions, i + lane, count);
        u32 digit = e.key >> shift & (Digits - 1);
        u32 same = with_digit(digit, there);
        u32 to = next[digit] + ones(same & ((1u << lane) - 1));
        warp_barrier();
        if (there) {
            placed_keys[to] = e.key;
            placed_positions[to] = e.position;
            if (lowest_bit(same) == lane)
                next[digit] += ones(same);
        }
        warp_barrier();
    }
}

// dtable += sums of runs that lie in one piece; partials = those of other runs: first of the one that came in, then of the one
// that goes on. `padding` is the class whose row has no gradient, or -1.
KERNEL LAUNCH(WalkThreads) embedding_sum(
    const u32 *keys,
    const u32 *positions,
    const float *dy,
    float *dtable,
    float *partials,
    int rows,
    int columns,
    int piece,
    int padding,
    int lanes
) {
    constexpr int Ahead = 4;
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    i64 pieces = ((i64)rows + piece - 1) / piece;
    for (i64 p = w.row; p < pieces; p += w.stride) {
        i64 first = p * piece;
        i64 last = least(first + piece, rows);
        float *partial = partials + 2 * p * columns + w.column;
        u32 key = keys[first];
        bool came = p > 0 && keys[first - 1] == key;
        float sum = 0.0f;
        for (i64 i = first; i < last; i += Ahead) {
            u32 next[Ahead];
            u32 position[Ahead];
            float value[Ahead];
            UNROLL for (int k = 0; k < Ahead; k++) {
                next[k] = i + k < last ? keys[i + k] : 0;
                position[k] = i + k < last ? positions[i + k] : Nowhere;
            }
            UNROLL for (int k = 0; k < Ahead; k++)
                value[k] = position[k] == Nowhere || next[k] == (u32)padding
                    ? 0.0f
                    : dy[(i64)position[k] * columns + w.column];
            UNROLL for (int k = 0; k < Ahead; k++) {
                if (i + k < last && next[k] != key) {
                    if (came)
                        *partial = sum;
                    else if (key != (u32)padding)
                        dtable[(i64)key * columns + w.column] += sum;
                    key = next[k];
                    came = false;
                    sum = 0.0f;
                }
                sum += value[k];
            }
        }
        if (came)
            *partial = sum;
        else if (last < rows && keys[last] == key)
            partial[columns] = sum;
        else if (key != (u32)padding)
            dtable[(i64)key * columns + w.column] += sum;
    }
}

// dtable += the partials of each run, by the thread of the piece that the run begins in.
KERNEL LAUNCH(WalkThreads) embedding_join(
    const u32 *keys,
    const float *partials,
    float *dtable,
    int rows,
    int columns,
    int piece,
    int padding,
    int lanes
) {
    constexpr int Ahead = 4;
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    i64 pieces = ((i64)rows + piece - 1) / piece;
    for (i64 p = w.row; p < pieces - 1; p += w.stride) {
        i64 first = p * piece;
        u32 key = keys[first + piece - 1];
        if (keys[first + piece] != key || key == (u32)padding)
            continue;
        // Then the run began before.
        if (p > 0 && keys[first - 1] == key)
            continue;
        const float *partial = partials + 2 * p * columns + w.column;
        double sum = partial[columns];
        for (i64 at = p + 1, there = Ahead; there == Ahead; at += Ahead) {
            float value[Ahead];
            there = 0;
            UNROLL for (int k = 0; k < Ahead; k++) {
                bool goes = at + k < pieces && keys[(at + k) * piece] == key;
                value[k] = goes ? partials[2 * (at + k) * columns + w.column] : 0.0f;
                there += goes;
            }
            UNROLL for (int k = 0; k < Ahead; k++)
                sum += value[k];
        }
        i64 to = (i64)key * columns + w.column;
        dtable[to] = (float)(dtable[to] + sum);
    }
}
