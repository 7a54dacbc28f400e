// The entry of a block's recurrence in a table of matrices around diagonal scans; lru.cu and diagonal.cu.
#pragma once
#include "table.cuh"

struct Diagonal {
    // Among the parameters, and likewise among their gradients. Forms without a scale do not ask for it.
    i64 decay, frequency, scale, b_real, b_imaginary, c_real, c_imaginary;
    // Among what is made of them.
    i64 lambda, b, c;
    // Among the gradients of that.
    i64 dlambda, db, dc;
    // d, N, and 1 or 2.
    int form, model, size, directions;
};
