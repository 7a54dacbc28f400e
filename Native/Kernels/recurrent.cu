// What belongs to the recurrent kernels with weights on the chip and is no recurrence: weights in the order in which threads hold them, and
// the sums of the biases' gradients.
//
// recurrent_pack: w [gates size, size] is W_hh, gates one below the other. `forward` and `backward` get it for a class of `most` units, with
// zeros for units that there are not: value e of thread p's ith four lies at (i places + p) 4 + e, where places = most for one gate and 2
// most for more. With v values a team and L lanes, i = c v + value, p = team L + lane, and the vector's element is n = 4 (c L + lane) + e.
// Forward n is the unit that is read, and the row is that of unit 4 team + value (one gate, v = L = 4), or of gate `value` of unit `team`
// (v = gates, L = 2). Backward the column is that of unit 4 team + value (v = 4; L = 4 for one gate, else 8), and n is gate most + unit of
// the row. Blocks with y = 0 write forward, with y = 1 backward. Bytes: 4 for each value that is written, 4 for each that w has.
// Launch: blocks of 256 over the larger of both, as many along y as are wanted.
//
// recurrent_bias_gradient: sums [batch, stride] has the gradients of each sequence; those of columns [0, count) are added to `first`, those
// of [from, from + count) to `second`; either may be null. Bytes: 4 for each sum that is read, 8 for each that is added to.
// Launch: blocks of 256 over 32 columns each. Order of sums: eight sums of every eighth sequence, then those in their order, then what was there.
#include "functions.cuh"

namespace {
constexpr int Threads = 256;
constexpr int Columns = 32;
constexpr int Rows = Threads / Columns;
} // namespace

KERNEL LAUNCH(Threads) recurrent_pack(
    const float *w,
    float *forward,
    float *backward,
    int gates,
    int size,
    int most,
    int forward_count,
    int backward_count
) {
    bool back = block_y() == 1;
    int places = gates == 1 ? most : 2 * most;
    int values = back || gates == 1 ? 4 : gates;
    int lanes = gates == 1 ? 4 : back ? 8 : 2;
    int count = back ? backward_count : forward_count;
    float *to = back ? backward : forward;
    for (int k = block_x() * Threads + thread(); k < count; k += blocks_x() * Threads) {
        int place = k / 4 % places;
        int i = k / 4 / places;
        int value = i % values;
        int team = place / lanes;
        int n = 4 * (i / values * lanes + place % lanes) + k % 4;
        int gate = back ? n / most : gates == 1 ? 0 : value;
        int written = back || gates == 1 ? 4 * team + value : team;
        int read = back ? n - gate * most : n;
        bool there = gate < gates && written < size && read < size;
        int row = gate * size + (back ? read : written);
        to[k] = there ? w[(i64)row * size + (back ? written : read)] : 0.0f;
    }
}

KERNEL LAUNCH(Threads) recurrent_bias_gradient(
    const float *sums,
    float *first,
    float *second,
    int batch,
    int stride,
    int from,
    int count
) {
    SHARED float parts[Threads];
    int column = block_x() * Columns + thread() % Columns;
    int part = thread() / Columns;
    // Where both are of the same columns they are read once.
    for (int pass = 0; pass < (from > 0 ? 2 : 1); pass++) {
        float *to = pass ? second : first;
        float sum = 0.0f;
        if (column < count && (to || !pass)) {
            for (int b = part; b < batch; b += Rows)
                sum += sums[(i64)b * stride + pass * from + column];
        }
        barrier();
        parts[thread()] = sum;
        barrier();
        if (part > 0 || column >= count)
            continue;
        for (int p = 1; p < Rows; p++)
            sum += parts[p * Columns + column % Columns];
        if (to)
            to[column] += sum;
        if (from == 0 && second)
            second[column] += sum;
    }
}
