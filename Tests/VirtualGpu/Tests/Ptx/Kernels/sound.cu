// Kernels that do nothing wrong.
#include "device.h"

__device__ u32 tickets = 0;
__device__ float bias[4];
__constant__ float table[4] = {1, 2, 4, 8};
extern __shared__ float dynamic[];

KERNEL add(float *y, const float *x, float a, u64 n) {
    for (u64 i = (u64)block * threads + tid; i < n; i += (u64)blocks * threads)
        y[i] = a * x[i] + y[i];
}

KERNEL add4(float4 *y, const float4 *x, u32 n) {
    u32 i = block * threads + tid;
    if (i >= n)
        return;
    float4 a = x[i], b = y[i];
    y[i] = {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w};
}

// The sum of all, by shuffles, shared memory and an atomic addition.
KERNEL sum(float *y, const float *x, u64 n) {
    __shared__ float parts[32];
    float a = 0;
    for (u64 i = (u64)block * threads + tid; i < n; i += (u64)blocks * threads)
        a += x[i];
    for (int o = 16; o; o >>= 1)
        a += down(a, o);
    if ((tid & 31) == 0)
        parts[tid >> 5] = a;
    __syncthreads();
    if (tid < 32) {
        a = tid < threads / 32 ? parts[tid] : 0;
        for (int o = 16; o; o >>= 1)
            a += down(a, o);
        if (tid == 0)
            __nvvm_atom_add_gen_f(y, a);
    }
}

// Running sums in one pass over tiles, by tickets and look-back. flags: 0 nothing, 1 the tile's sum, 2 all before.
KERNEL look_back(float *y, const float *x, u32 *ticket, u32 *flags, float *sums, float *totals) {
    __shared__ u32 tile;
    __shared__ float before;
    if (tid == 0)
        tile = __nvvm_atom_add_gen_i((int *)ticket, 1);
    __syncthreads();
    u32 t = tile;
    dynamic[tid] = x[t * threads + tid];
    __syncthreads();
    for (u32 o = 1; o < threads; o *= 2) {
        float v = tid >= o ? dynamic[tid - o] : 0;
        __syncthreads();
        dynamic[tid] += v;
        __syncthreads();
    }
    if (tid == 0) {
        float own = dynamic[threads - 1];
        float a = 0;
        sums[t] = own;
        if (t > 0) {
            release(flags + t, 1);
            for (u32 i = t; i-- > 0;) {
                u32 flag;
                do
                    flag = acquire(flags + i);
                while (flag == 0);
                if (flag == 2) {
                    a += totals[i];
                    break;
                }
                a += sums[i];
            }
        }
        totals[t] = a + own;
        release(flags + t, 2);
        before = a;
    }
    __syncthreads();
    y[t * threads + tid] = dynamic[tid] + before;
}

struct Settings {
    float scale;
    u64 n;
    float *y;
    int steps[3];
};

KERNEL settings(Settings s, float b, unsigned char c, double d, short e, bool f) {
    u32 i = block * threads + tid;
    if (i < s.n)
        s.y[i] = s.scale * b + s.steps[i % 3] + c + (float)d + e + (f ? 1 : 0) + table[i & 3] + bias[i & 3];
}

KERNEL take_ticket(u32 *y) { y[block * threads + tid] = __nvvm_atom_add_gen_i((int *)&tickets, 1); }

KERNEL local(int *y, int n) {
    int a[16];
    for (int i = 0; i < 16; i++)
        a[(i * 7) & 15] = i * (int)tid;
    y[tid] = a[n & 15];
}

// A word from each of two halves of a warp that never run the same code.
KERNEL diverge(int *y, int n) {
    int a = 0;
    if (tid & 1)
        for (int i = 0; i < n + (int)tid; i++)
            a += i * i;
    else
        for (int i = n; i > 0; i -= 3)
            a ^= i;
    a += __nvvm_shfl_sync_bfly_i32(0xffffffffu, a, 1, 31);
    y[tid] = a;
}

KERNEL votes(u32 *y, u32 limit) {
    u32 b = __nvvm_vote_ballot_sync(0xffffffffu, tid < limit);
    u32 any = __nvvm_vote_any_sync(0xffffffffu, tid == limit);
    u32 all = __nvvm_vote_all_sync(0xffffffffu, tid < limit);
    u32 same = __nvvm_match_any_sync_i32(0xffffffffu, tid / limit);
    y[tid * 4] = b;
    y[tid * 4 + 1] = any;
    y[tid * 4 + 2] = all;
    y[tid * 4 + 3] = same;
}

// Counts bytes into bins, in shared memory first.
KERNEL histogram(u32 *bins, const unsigned char *x, u32 n) {
    __shared__ u32 own[16];
    if (tid < 16)
        own[tid] = 0;
    __syncthreads();
    for (u32 i = block * threads + tid; i < n; i += blocks * threads)
        __nvvm_atom_add_gen_i((int *)&own[x[i] & 15], 1);
    __syncthreads();
    if (tid < 16)
        __nvvm_atom_add_gen_i((int *)bins + tid, own[tid]);
}

// Neighbours in a warp exchange through shared memory.
KERNEL warp_exchange(u32 *y) {
    __shared__ u32 s[64];
    s[tid] = tid * 3;
    __nvvm_bar_warp_sync(0xffffffffu);
    y[tid] = s[tid ^ 1];
}

// Block 0 sends, the others receive.
KERNEL message(u32 *y, u32 *data, u32 *flag) {
    if (block == 0) {
        data[tid] = 100 + tid;
        __syncthreads();
        if (tid == 0)
            release(flag, 1);
        return;
    }
    if (tid == 0)
        while (acquire(flag) == 0) {
        }
    __syncthreads();
    y[(block - 1) * threads + tid] = data[tid];
}

// As message, by fences and an exchange.
KERNEL message_fenced(u32 *y, u32 *data, u32 *flag) {
    if (block == 0) {
        data[tid] = 100 + tid;
        __nvvm_membar_gl();
        __syncthreads();
        if (tid == 0)
            __nvvm_atom_xchg_gen_i((int *)flag, 1);
        return;
    }
    if (tid == 0)
        while (relaxed(flag) == 0) {
        }
    __syncthreads();
    __nvvm_membar_gl();
    y[(block - 1) * threads + tid] = data[tid];
}

KERNEL functions(float *y, const float *x) {
    float v = x[tid];
    float r;
    asm("tanh.approx.f32 %0, %1;" : "=f"(r) : "f"(v));
    y[tid * 8] = __nvvm_ex2_approx_ftz_f(v);
    y[tid * 8 + 1] = __nvvm_lg2_approx_f(v);
    y[tid * 8 + 2] = __nvvm_sin_approx_f(v);
    y[tid * 8 + 3] = __nvvm_cos_approx_f(v);
    y[tid * 8 + 4] = r;
    y[tid * 8 + 5] = __nvvm_rcp_approx_ftz_f(v);
    y[tid * 8 + 6] = __nvvm_rsqrt_approx_f(v);
    y[tid * 8 + 7] = __nvvm_div_approx_f(1.5f, v);
}
