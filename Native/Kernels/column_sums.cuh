// Sums over the rows of a matrix, of what is read or made on the way.
//
// Order: a thread sums its rows in four floats side by side, or two, from which it goes to double; lines of a block and parts
// are joined in their order, by the block that is last at its columns. So runs repeat bit for bit.
// Source: the last-block reduction of the CUDA samples (threadFenceReduction), with fixed order.
#pragma once
#include "columns.cuh"

// Adds to sums[n][c], for each column of the block, what body.add gives over all rows; writes it where it does not add.
// body.load(r, i) is what is read of element i of row r, of `Ahead` rows before the first of them goes to body.add(i, read, s),
// which writes what there is to write and adds to s[n]. partials [parts, Sums, columns], counters [column blocks], zeros
// between launches.
template <int Sums, int Ahead = 4, typename Body>
DEVICE void sum_columns(
    const Walk &w,
    i64 rows,
    int columns,
    float *const (&sums)[Sums],
    double *partials,
    u32 *counters,
    const Body &body,
    bool adds = true
) {
    // Adds of a float before it goes to double.
    constexpr int Most = 64;
    SHARED double lines[Sums * WalkThreads];
    bool mine = w.column < columns;
    double totals[Sums] = {};
    ThreadRows all = thread_rows(w, rows, columns);
    i64 next = all.begin;
    for (int done = 0; done < all.count;) {
        float s[Ahead][Sums] = {};
        int most = (int)least(all.count, (i64)done + Most * Ahead);
        for (; done + Ahead <= most; done += Ahead) {
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
                body.add(i, read[k], s[k]);
                i += all.step;
            }
            next = i;
        }
        for (; done < most; done++) {
            i64 i = unknown(next);
            body.add(i, body.load(all.first + done * all.stride, i), s[0]);
            next += all.step;
        }
        UNROLL for (int n = 0; n < Sums; n++)
            UNROLL for (int k = 0; k < Ahead; k += 2)
                totals[n] += (double)(s[k][n] + s[k + 1][n]);
    }
    UNROLL for (int n = 0; n < Sums; n++)
        lines[n * WalkThreads + thread()] = totals[n];
    barrier();
    if (w.line == 0) {
        UNROLL for (int n = 0; n < Sums; n++) {
            for (int line = 1; line < w.lines; line++)
                totals[n] += lines[n * WalkThreads + line * w.lanes + w.lane];
            if (!mine)
                continue;
            float *sum = sums[n] + w.column;
            if (blocks_y() == 1)
                *sum = (float)((adds ? (double)*sum : 0.0) + totals[n]);
            else
                partials[((i64)block_y() * Sums + n) * columns + w.column] = totals[n];
        }
    }
    if (blocks_y() == 1 || !last_block(counters + block_x(), blocks_y()))
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
