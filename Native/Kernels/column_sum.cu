// sum[c] += sum over rows of a[r, c] * b[r, c], or of a[r, c] where b is null.
//
// Shapes: a, b [rows, columns], sum [columns]; partials [parts, columns] doubles, counters [column blocks], 0 between
// launches.
// Bytes an element: 4, or 8 with b; more, 16 a column and part for partials, 8 a column for the sum.
// Order, source: column_sums.cuh.
// Launch: blocks of 256 as in columns.cuh, grid y = parts.
#include "column_sums.cuh"

namespace {
template <int Width> struct Products {
    static constexpr int Ahead = Width == 1 ? 4 : 2;
    struct Read {
        Values<Width> a;
        Values<Width> b;
    };
    const float *a;
    const float *b;

    MEMBER Read load(int, i64 i) const {
        Read both = {values_at<Width>(a + i), 1.0f};
        if (b)
            both.b = values_at<Width>(b + i);
        return both;
    }

    MEMBER void add(i64, const Read &read, Values<Width> (&s)[1]) const {
        UNROLL for (int k = 0; k < Width; k++)
            s[0][k] = fma(read.a[k], read.b[k], s[0][k]);
    }
};
} // namespace

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
    float *const sums[1] = {sum};
    auto make = [&](auto part) {
        Products<decltype(part)::Size> body = {a, b};
        return body;
    };
    sum_columns(lanes, rows, columns, aligned(a, b), sums, partials, counters, make);
}
