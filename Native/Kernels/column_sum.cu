// sum[c] += sum over rows of a[r, c] * b[r, c], or of a[r, c] where b is null.
//
// Shapes: a, b [rows, columns], sum [columns]; partials [parts, columns] doubles, counters [column blocks], 0 between
// launches.
// Bytes an element: 4, or 8 with b; more, 16 a column and part for partials, 8 a column for the sum.
// Order, source: column_sums.cuh.
// Launch: blocks of 256 as in columns.cuh, grid y = parts.
#include "column_sums.cuh"

namespace {
struct Products {
    typedef float2 Read;
    const float *a;
    const float *b;

    MEMBER float2 load(int, i64 i) const {
        float2 both;
        both.x = a[i];
        both.y = b ? b[i] : 1.0f;
        return both;
    }

    MEMBER void add(i64, float2 read, float (&s)[1]) const { s[0] = fma(read.x, read.y, s[0]); }
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
    sum_columns<1>(walk(lanes), rows, columns, sums, partials, counters, Products{a, b});
}
