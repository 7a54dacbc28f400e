// sum[c] += sum over rows of a[r, c] * b[r, c], or of a[r, c] where b is null.
//
// Shapes: a, b [rows, columns], sum [columns]; partials [parts, columns] doubles, counters [column blocks], 0 between
// launches.
// Bytes an element: 4, or 8 with b; more, 16 a column and part for partials, 8 a column for the sum.
// Order: a thread sums its rows in four floats side by side, over which it goes to double; lines of a block and parts are
// joined in their order, by the block that is last at its columns. So runs repeat bit for bit.
// Launch: blocks of 256 as in columns.cuh, grid y = parts.
// Source: the last-block reduction of the CUDA samples (threadFenceReduction), with fixed order.
#include "columns.cuh"

KERNEL LAUNCH(WalkThreads) column_sum(
    const float *a,
    const float *b,
    float *sum,
    i64 rows,
    int columns,
    int lanes,
    double *partials,
    u32 *counters
) {
    // Adds of a float before it goes to double.
    constexpr int Most = 64;
    SHARED double lines[WalkThreads];
    Walk w = walk(lanes);
    bool mine = w.column < columns;
    double total = 0.0;
    for (i64 r = w.row; mine && r < rows;) {
        float4 s = float4(0.0f);
        i64 most = least(rows, r + (i64)Most * 4 * w.stride);
        for (; r + 3 * w.stride < most; r += 4 * w.stride) {
            float4 x, y = float4(1.0f);
            UNROLL for (int k = 0; k < 4; k++)
                x[k] = a[(r + k * w.stride) * columns + w.column];
            if (b) {
                UNROLL for (int k = 0; k < 4; k++)
                    y[k] = b[(r + k * w.stride) * columns + w.column];
            }
            UNROLL for (int k = 0; k < 4; k++)
                s[k] = fma(x[k], y[k], s[k]);
        }
        for (; r < most; r += w.stride) {
            i64 i = r * columns + w.column;
            s.x = fma(a[i], b ? b[i] : 1.0f, s.x);
        }
        total += (double)(s.x + s.y) + (double)(s.z + s.w);
    }
    lines[thread()] = total;
    barrier();
    if (w.line == 0) {
        for (int line = 1; line < w.lines; line++)
            total += lines[line * lanes + w.lane];
        if (blocks_y() == 1) {
            if (mine)
                sum[w.column] = (float)(sum[w.column] + total);
        } else if (mine) {
            partials[(i64)block_y() * columns + w.column] = total;
        }
    }
    if (blocks_y() == 1 || !last_block(counters + block_x(), blocks_y()))
        return;
    if (w.line == 0 && mine) {
        total = 0.0;
        for (int part = 0; part < blocks_y(); part++)
            total += load_shared(partials + (i64)part * columns + w.column);
        sum[w.column] = (float)(sum[w.column] + total);
    }
}
