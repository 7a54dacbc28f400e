// Elementwise operations with a row that all rows share, Layers/Operations/Pointwise.cs; and columns of one matrix in another.
//
// Shapes: matrices [rows, columns], the shared row [columns]; rows of copy_columns lie so many values apart as it is told.
// Bytes an element: add_times_row reads a and out and writes out, 12; add_row and copy_columns 8. The shared row: 4 a thread and
// column, which keeps it for all its rows.
// Launch: blocks of 256 as in columns.cuh, by packs where it can; copy_columns by values, as its rows do not follow each other.
// Source: as it stands.
#include "columns.cuh"

// out += a * row
KERNEL LAUNCH(WalkThreads)
    add_times_row(const float *a, const float *row, float *out, i64 rows, int columns, int lanes) {
    by_parts(lanes, rows, columns, aligned(a, out), [&](auto part) {
        constexpr int Width = decltype(part)::Size;
        struct Read {
            Values<Width> a;
            Values<Width> out;
        };
        Values<Width> factor = part.shared(row);
        each_row<2>(
            part,
            [&](i64 i) {
                Read read = {values_at<Width>(a + i), values_at<Width>(out + i)};
                return read;
            },
            [&](i64 i, const Read &read) {
                Values<Width> sum;
                UNROLL for (int k = 0; k < Width; k++)
                    sum[k] = fma(read.a[k], factor[k], read.out[k]);
                put<Width>(out + i, sum);
            }
        );
    });
}

// out += row
KERNEL LAUNCH(WalkThreads) add_row(const float *row, float *out, i64 rows, int columns, int lanes) {
    by_parts(lanes, rows, columns, aligned(out), [&](auto part) {
        constexpr int Width = decltype(part)::Size;
        Values<Width> bias = part.shared(row);
        each_row<2>(
            part,
            [&](i64 i) { return values_at<Width>(out + i); },
            [&](i64 i, Values<Width> read) { put<Width>(out + i, read + bias); }
        );
    });
}

// to = from, of which each is a part of its rows
KERNEL LAUNCH(WalkThreads) copy_columns(
    const float *from,
    int from_stride,
    float *to,
    int to_stride,
    i64 rows,
    int columns,
    int lanes
) {
    Walk w = walk(lanes);
    if (w.column >= columns)
        return;
    for (i64 r = w.row; r < rows; r += w.stride)
        to[r * to_stride + w.column] = from[r * from_stride + w.column];
}
