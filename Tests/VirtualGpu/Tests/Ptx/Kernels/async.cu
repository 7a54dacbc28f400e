// Copies from global to shared memory that go on while the thread does; for sm_80.
#include "device.h"

static __device__ inline void start(void *to, const void *from, u32 bytes) {
    u32 at = (u32)(u64)(__attribute__((address_space(3))) void *)to;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes) : "memory");
}

KERNEL async_copy(float4 *y, const float4 *x, u32 bytes) {
    __shared__ float4 s[2][32];
    start(&s[0][tid], x + tid, 16);
    asm volatile("cp.async.commit_group;" ::: "memory");
    start(&s[1][tid], x + 32 + tid, tid == 31 ? bytes : 16);
    asm volatile("cp.async.commit_group;" ::: "memory");
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __syncthreads();
    y[tid] = s[0][31 - tid];
    asm volatile("cp.async.wait_all;" ::: "memory");
    __syncthreads();
    y[32 + tid] = s[1][31 - tid];
}

KERNEL async_unwaited(float4 *y, const float4 *x) {
    __shared__ float4 s[32];
    start(&s[tid], x + tid, 16);
    asm volatile("cp.async.commit_group;" ::: "memory");
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __syncthreads();
    y[tid] = s[31 - tid]; // reads
}
