// What the kernels of these tests need of CUDA's headers, which are not used.
#pragma once

#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define KERNEL extern "C" __global__ void

typedef unsigned int u32;
typedef unsigned long long u64;

struct __attribute__((aligned(16))) float4 {
    float x, y, z, w;
};

#define tid ((u32)__nvvm_read_ptx_sreg_tid_x())
#define threads ((u32)__nvvm_read_ptx_sreg_ntid_x())
#define block ((u32)__nvvm_read_ptx_sreg_ctaid_x())
#define blocks ((u32)__nvvm_read_ptx_sreg_nctaid_x())

static __device__ inline float down(float v, int by) {
    return __nvvm_shfl_sync_down_f32(0xffffffffu, v, by, 31);
}

static __device__ inline u32 acquire(const u32 *p) {
    u32 v;
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}

static __device__ inline void release(u32 *p, u32 v) {
    asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}

static __device__ inline u32 relaxed(const u32 *p) {
    u32 v;
    asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}

static __device__ inline void store_relaxed(u32 *p, u32 v) {
    asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
