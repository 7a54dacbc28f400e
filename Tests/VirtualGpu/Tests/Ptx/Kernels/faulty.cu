// Kernels that do one thing wrong each, at the line that says so.
#include "device.h"

extern __shared__ float dynamic[];

KERNEL copy(float *y, const float *x) {
    float v = x[block * threads + tid]; // reads
    y[block * threads + tid] = v;       // writes
}

KERNEL shared_bounds(float *y, int i) {
    __shared__ float s[32];
    __shared__ float t[32];
    s[tid] = 1;
    t[tid] = 2;
    __syncthreads();
    y[tid] = s[tid + i] + t[tid]; // reads
}

KERNEL shared_dynamic(float *y, int i) {
    dynamic[tid + i] = 1; // writes
    __syncthreads();
    y[tid] = dynamic[tid + i];
}

KERNEL shared_unwritten(float *y) {
    __shared__ float s[64];
    if (tid < 32)
        s[tid] = 1;
    __syncthreads();
    y[tid] = s[tid]; // reads
}

KERNEL race_blocks(float *y) {
    __shared__ float s[64];
    s[tid] = 0;
    __syncthreads();
    s[tid] = tid; // writes
    y[tid] = s[63 - tid]; // reads
}

KERNEL race_lanes(float *y) {
    __shared__ float s[32];
    s[tid] = 0;
    __nvvm_bar_warp_sync(0xffffffffu);
    s[tid] = tid; // writes
    y[tid] = s[tid ^ 1]; // reads
}

KERNEL race_after(float *y) {
    __shared__ float s[64];
    s[tid] = tid;
    __syncthreads();
    y[tid] = s[63 - tid]; // reads
    s[tid] = 2; // writes
}

KERNEL barrier_ended(float *y) {
    if (tid >= 40)
        return;
    y[tid] = 1;
    __syncthreads(); // waits
    y[tid] = 2;
}

KERNEL barrier_other(float *y) {
    if (tid < 32) {
        y[tid] = 1;
        __syncthreads(); // waits
        y[tid] = 3;
    } else {
        y[tid] = 2;
        __syncthreads(); // waits
        y[tid] = 4;
    }
}

KERNEL shuffle_missed(int *y, int n) {
    int a = tid;
    if ((int)tid < n)
        a += __nvvm_shfl_sync_bfly_i32(0xffffffffu, a, 1, 31); // waits
    y[tid] = a;
    __syncthreads();
}

KERNEL shuffle_unnamed(int *y) {
    y[tid] = __nvvm_shfl_sync_bfly_i32(0x0000ffffu, tid, 1, 31); // waits
}

KERNEL hang(u32 *flag) {
    while (relaxed(flag) == 0) { // polls
    }
}

KERNEL endless(u32 *y) {
    for (;;)
        *(volatile u32 *)(y + tid) += 1; // runs
}

KERNEL grid_barrier(u32 *count) {
    __nvvm_atom_add_gen_i((int *)count, 1);
    while (relaxed(count) < blocks) { // polls
    }
}

KERNEL trap(int n) {
    if ((int)tid == n)
        __builtin_trap();
}

KERNEL divide(int *y, int n) {
    y[tid] = 7 / (n - (int)tid); // divides
}

KERNEL local_bounds(int *y, int n) {
    int a[16];
    for (int i = 0; i < 16; i++)
        a[(i * 7) & 15] = i;
    y[tid] = a[n]; // reads
}

// The flag may be seen before the data.
KERNEL message_unfenced(u32 *y, u32 *data, u32 *flag) {
    if (block == 0) {
        data[tid] = 100 + tid;
        __syncthreads();
        if (tid == 0)
            store_relaxed(flag, 1);
        return;
    }
    if (tid == 0)
        while (acquire(flag) == 0) {
        }
    __syncthreads();
    y[(block - 1) * threads + tid] = data[tid];
}

// What was read before the flag may be read again.
KERNEL message_unacquired(u32 *y, u32 *data, u32 *flag) {
    if (block == 0) {
        data[tid] = 100 + tid;
        __syncthreads();
        if (tid == 0)
            release(flag, 1);
        return;
    }
    u32 old = 0;
    for (int i = 0; i < 16; i++)
        old += data[(tid + i) % threads];
    if (tid == 0)
        while (relaxed(flag) == 0) {
        }
    __syncthreads();
    // The sum is small: nothing is added.
    y[(block - 1) * threads + tid] = data[tid] + (old >> 30);
}
