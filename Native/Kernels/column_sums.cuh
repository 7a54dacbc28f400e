// Sums over the rows of a matrix, of what is read or made on the way.
//
// Order: a thread sums its rows in floats, of values in as many as it reads rows ahead, of packs in one for each of their columns;
// from these it goes to double. Lines of a block, a fold's copies of a column and parts are joined in their order, by the block
// that is last at its columns. So runs repeat bit for bit; values of addresses that are no multiples of 16 are summed in another
// order than packs.
// Source: the last-block reduction of the CUDA samples (threadFenceReduction), with fixed order.
#pragma once
#include "columns.cuh"

// Leaves the sums of a thread's rows, a column each, in lines[(n Width + k) WalkThreads + thread()].
template <int Sums, int Width, typename Body>
DEVICE void sum_rows(const Part<Width> &part, double *lines, const Body &body) {
    constexpr int Ahead = Body::Ahead;
    constexpr int Kept = Width == 1 ? Ahead : 1;
    // Adds of a float before it goes to double.
    constexpr int Most = 64;
    double *own = lines + thread();
    if (part.rows.count == 0) {
        UNROLL for (int n = 0; n < Sums * Width; n++)
            own[n * WalkThreads] = 0.0;
    }
    const ThreadRows &all = part.rows;
    i64 next = all.begin;
    for (int done = 0; done < all.count;) {
        Values<Width> s[Kept][Sums];
        UNROLL for (int k = 0; k < Kept; k++)
            UNROLL for (int n = 0; n < Sums; n++)
                s[k][n] = 0.0f;
        int most = (int)least(all.count, (i64)done + Most * Kept);
        for (; Ahead > 1 && done + Ahead <= most; done += Ahead) {
            typename Body::Read read[Ahead];
            i64 i = unknown(next);
            int r = all.first + done * all.stride;
            UNROLL for (int k = 0; k < Ahead; k++) {
                read[k] = body.load(r, i);
                i += all.step;
                r += all.stride;
            }
            i = unknown(next);
            UNROLL for (int k = 0; k < Ahead; k++) {
                body.add(i, read[k], s[k % Kept]);
                i += all.step;
            }
            next = i;
        }
        for (; done < most; done++) {
            body.add(next, body.load(all.first + done * all.stride, next), s[0]);
            next = unknown(next + all.step);
        }
        // Most threads come here once.
        bool adds = done > Most * Kept;
        UNROLL for (int n = 0; n < Sums; n++) {
            double sums[Width];
            if (Width == 1) {
                sums[0] = adds ? own[n * WalkThreads] : 0.0;
                UNROLL for (int k = 0; k < Kept; k += 2)
                    sums[0] += (double)(s[k][n][0] + s[k + 1 < Kept ? k + 1 : k][n][0]);
            } else {
                UNROLL for (int k = 0; k < Width; k++)
                    sums[k] = (double)s[0][n][k];
                if (adds) {
                    UNROLL for (int k = 0; k < Width; k++)
                        sums[k] += own[(n * Width + k) * WalkThreads];
                }
            }
            UNROLL for (int k = 0; k < Width; k++)
                own[(n * Width + k) * WalkThreads] = sums[k];
        }
    }
}

// Joins what packs have summed into as many lines as values would have: lines[n WalkThreads + thread()]. Rows that are no whole
// fold, fewer than there are lines, go by values here.
template <int Sums, typename Make>
DEVICE void join_packs(double *lines, int lanes, i64 rows, int columns, Make make) {
    int fold = fold_of(columns);
    Walk w = walk(lanes);
    double totals[Sums] = {};
    if (w.column < columns) {
        int shift = lowest_bit((u32)lanes) + fold - 2;
        // Four of them: so many copies, and so many lines of packs for each of values.
        UNROLL for (int k = 0; k < 4; k++) {
            int place = w.lane + (k & ((1 << fold) - 1)) * columns;
            int line = w.line + (k >> fold) * w.lines;
            const double *own = lines + (place & 3) * WalkThreads + (line << shift) + (place >> 2);
            UNROLL for (int s = 0; s < Sums; s++)
                totals[s] += own[4 * s * WalkThreads];
        }
    }
    i64 folded = rows >> fold << fold;
    Part<1> rest = part_of<1>(w, folded, rows - folded, columns, 0);
    if (rest.rows.count > 0) {
        auto body = make(rest);
        Values<1> s[Sums];
        UNROLL for (int k = 0; k < Sums; k++)
            s[k] = 0.0f;
        body.add(rest.rows.begin, body.load(rest.rows.first, rest.rows.begin), s);
        UNROLL for (int k = 0; k < Sums; k++)
            totals[k] += (double)s[k][0];
    }
    barrier();
    UNROLL for (int s = 0; s < Sums; s++)
        lines[s * WalkThreads + thread()] = totals[s];
}

// Adds to sums[n][c], for each column of the block, what the bodies' add gives over all rows; writes it where it does not add.
// make(part) is the body of a part: body.load(r, i) is what is read of its values from i on, of row r of the part, of
// `Body::Ahead` rows before the first of them goes to body.add(i, read, s), which writes what there is to write and adds to s[n].
// `packs`: whether all addresses are multiples of 16. partials [parts, Sums, columns], counters [column blocks], zeros between
// launches.
// lines [4 Sums WalkThreads] is shared memory.
template <int Sums, typename Make>
DEVICE void sum_columns_in(
    double *lines,
    int lanes,
    i64 rows,
    int columns,
    bool packs,
    float *const (&sums)[Sums],
    double *partials,
    u32 *counters,
    Make make,
    bool adds = true
) {
    // Of a fold all copies of a column are to lie in one block.
    if (packs && (columns % 4 == 0 || columns <= lanes)) {
        int fold = fold_of(columns);
        i64 folds = rows >> fold;
        Part<4> part = part_of<4>(packed_walk(lanes, fold), 0, folds, columns, fold);
        sum_rows<Sums>(part, lines, make(part));
        barrier();
        join_packs<Sums>(lines, unknown(lanes), rows, columns, make);
    } else {
        Part<1> part = part_of<1>(walk(lanes), 0, rows, columns, 0);
        sum_rows<Sums>(part, lines, make(part));
    }
    barrier();
    Walk w = walk(unknown(lanes));
    bool mine = w.column < columns;
    if (w.line == 0) {
        UNROLL for (int n = 0; n < Sums; n++) {
            double total = lines[n * WalkThreads + w.lane];
            for (int line = 1; line < w.lines; line++)
                total += lines[n * WalkThreads + line * w.lanes + w.lane];
            if (!mine)
                continue;
            float *sum = sums[n] + w.column;
            if (blocks_y() == 1)
                *sum = (float)((adds ? (double)*sum : 0.0) + total);
            else
                partials[((i64)block_y() * Sums + n) * columns + w.column] = total;
        }
    }
    if (blocks_y() == 1 || !last_block(counters + block_x(), blocks_y(), (u32 *)lines))
        return;
    if (w.line != 0 || !mine)
        return;
    UNROLL for (int n = 0; n < Sums; n++) {
        double total = 0.0;
        for (int part = 0; part < blocks_y(); part++)
            total += load_shared(partials + ((i64)part * Sums + n) * columns + w.column);
        float *sum = sums[n] + w.column;
        *sum = (float)((adds ? (double)*sum : 0.0) + total);
    }
}

template <int Sums, typename Make>
DEVICE void sum_columns(
    int lanes,
    i64 rows,
    int columns,
    bool packs,
    float *const (&sums)[Sums],
    double *partials,
    u32 *counters,
    Make make,
    bool adds = true
) {
    SHARED double lines[4 * Sums * WalkThreads];
    sum_columns_in(lines, lanes, rows, columns, packs, sums, partials, counters, make, adds);
}
