// Sums over the rows of a matrix, of what is read or made on the way.
//
// Order: a thread sums its rows in four floats side by side, over which it goes to double; lines of a block and parts are
// joined in their order, by the block that is last at its columns. So runs repeat bit for bit.
// Source: the last-block reduction of the CUDA samples (threadFenceReduction), with fixed order.
#pragma once
#include "columns.cuh"

// Adds to sums[n][c], for each column of the block, what body.add gives over all rows. body.load(r, i) is what is read
// of element i of row r, of four rows before the first of them goes to body.add(r, i, read, s), which writes what there is to
// write and adds to s[n]. partials [parts, Sums, columns], counters [column blocks], zeros between launches.
template <int Sums, typename Body>
DEVICE void sum_columns(
    const Walk &w,
    i64 rows,
    int columns,
    float *const (&sums)[Sums],
    double *partials,
    u32 *counters,
    const Body &body
) {
    // Adds of a float before it goes to double.
    constexpr int Most = 64;
    SHARED double lines[Sums * WalkThreads];
    bool mine = w.column < columns;
    double totals[Sums] = {};
    for (i64 r = w.row; mine && r < rows;) {
        float s[4][Sums] = {};
        i64 most = least(rows, r + (i64)Most * 4 * w.stride);
        for (; r + 3 * w.stride < most; r += 4 * w.stride) {
            typename Body::Read read[4];
            UNROLL for (int k = 0; k < 4; k++)
                read[k] = body.load(r + k * w.stride, (r + k * w.stride) * columns + w.column);
            UNROLL for (int k = 0; k < 4; k++)
                body.add(r + k * w.stride, (r + k * w.stride) * columns + w.column, read[k], s[k]);
        }
        for (; r < most; r += w.stride) {
            i64 i = r * columns + w.column;
            body.add(r, i, body.load(r, i), s[0]);
        }
        UNROLL for (int n = 0; n < Sums; n++)
            totals[n] += (double)(s[0][n] + s[1][n]) + (double)(s[2][n] + s[3][n]);
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
                *sum = (float)(*sum + totals[n]);
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
        sums[n][w.column] = (float)(sums[n][w.column] + total);
    }
}
