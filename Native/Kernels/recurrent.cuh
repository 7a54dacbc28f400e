// Recurrent weights that never leave the chip: what the kernels of recurrent_rnn.cu, recurrent_lstm.cu and recurrent_gru.cu share.
//
// A block takes one sequence through all of time, in one direction of a layer, and meets no other block. Each step multiplies a vector
// (the state before; backward the gradients of the step after) by a matrix. Lanes that are neighbours in a warp form a team, which
// computes a few values of the product together: a lane takes every so manieth four elements of the vector, for all of the team's
// values, and the lanes' sums meet by shuffles. So a thread reads of the vector a part only, and no sum goes through shared memory.
//
// Forward, gated (LSTM, GRU): a team of 2 lanes has the gates of one unit. Forward and backward of a plain cell: a team of 4 lanes has 4
// units. Backward, gated: a team of 8 lanes has 4 units. In all of them threads 2 j and 2 j + 1 (of a plain cell thread j) end with unit j.
//
// Weights come packed (`recurrent_pack` in recurrent.cu): four of a thread side by side, then those of the next thread. The first ones
// stay in registers, the others in shared memory that the launch asks for. `Size` is a class: sizes up to it are computed with zeros.
//
// One barrier a step: a step reads one of two vectors and writes the other one.
#pragma once
#include "columns.cuh"
#include "functions.cuh"

DYNAMIC_SHARED float4 rest_of_weights[];

// The weights of a thread, for so many values of its team, with vectors of 16 Lanes Chunks bytes.
template <int Values, int Lanes, int Chunks, int Held, int Places> struct Weights {
    static constexpr int KeptChunks = Held / (4 * Values) < Chunks ? Held / (4 * Values) : Chunks;
    static constexpr int All = Values * Chunks;
    static constexpr int Kept = Values * KeptChunks;
    float4 kept[Kept];

    MEMBER void load(const float4 *packed, int place, bool there) {
        UNROLL for (int i = 0; i < Kept; i++)
            kept[i] = there ? packed[i * Places + place] : float4(0.0f);
        if (there) {
            for (int i = Kept; i < All; i++)
                rest_of_weights[(i - Kept) * Places + place] = packed[i * Places + place];
        }
    }

    // This lane's part of the products.
    MEMBER void multiply(const float4 *vector, int lane, int place, float (&sums)[Values]) const {
        UNROLL for (int v = 0; v < Values; v++)
            sums[v] = 0.0f;
        UNROLL for (int c = 0; c < KeptChunks; c++) {
            float4 x = vector[c * Lanes + lane];
            UNROLL for (int v = 0; v < Values; v++)
                UNROLL for (int e = 0; e < 4; e++)
                    sums[v] = fma(kept[c * Values + v][e], x[e], sums[v]);
        }
        // Not unrolled as a whole: the loads ahead would take the registers of weights.
        _Pragma("unroll 1") for (int c = KeptChunks; c < Chunks; c++) {
            float4 x = vector[c * Lanes + lane];
            UNROLL for (int v = 0; v < Values; v++) {
                float4 w = rest_of_weights[((c - KeptChunks) * Values + v) * Places + place];
                UNROLL for (int e = 0; e < 4; e++)
                    sums[v] = fma(w[e], x[e], sums[v]);
            }
        }
    }
};

// Of 4 sums of each lane, the whole of one: that of value (lane / 2) % 4 of 8 lanes, lane % 4 of 4.
template <int Lanes> DEVICE float own_sum(const float (&sums)[4]) {
    constexpr int Upper = Lanes / 2;
    constexpr int Lower = Lanes / 4;
    bool upper = thread() & Upper;
    bool lower = thread() & Lower;
    float first = (upper ? sums[2] : sums[0]) + exchange(upper ? sums[0] : sums[2], Upper);
    float second = (upper ? sums[3] : sums[1]) + exchange(upper ? sums[1] : sums[3], Upper);
    float sum = (lower ? second : first) + exchange(lower ? first : second, Lower);
    return Lanes == 8 ? sum + exchange(sum, 1) : sum;
}

// A sequence's way through its rows: step t has the row rows[t] + b, or t batch + b where rows is null.
struct Course {
    const int *rows;
    int batch;
    int b;
    int length;

    MEMBER Course(const int *rows, const int *lengths, int steps, int batch)
        : rows(rows), batch(batch), b(block_x()), length(lengths ? lengths[b] : steps) {}

    // Of the nth step in the order of the direction. There are no more rows than an int counts.
    MEMBER int row(int n, int reverse) const {
        int t = reverse ? length - 1 - n : n;
        return (rows ? rows[t] : t * batch) + b;
    }
};

DEVICE float value_or_zero(const float *p, i64 i) { return p ? p[i] : 0.0f; }

template <int Threads, int Count> DEVICE void clear(float4 *vectors) {
    for (int i = thread(); i < Count; i += Threads)
        vectors[i] = float4(0.0f);
    barrier();
}
