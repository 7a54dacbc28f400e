// What the kernels use of the language and of the machine, without CUDA's own headers: names of the built-in functions
// of clang, vectors, fences, atomics, and sums over a warp and a block. Lines of PTX stand where clang has no function,
// or one that its PTX back end cannot compile (acquire and release).
//
// Sums have a fixed order: a run repeats to the last bit.
#pragma once

#define KERNEL extern "C" __attribute__((global)) void
#define DEVICE static inline __attribute__((device, always_inline))
#define MEMBER __attribute__((device, always_inline)) inline
#define SHARED static __attribute__((shared))
// An array without a size, of as many bytes as the launch asks for.
#define DYNAMIC_SHARED extern __attribute__((shared))
#define LAUNCH(threads) __attribute__((launch_bounds(threads)))
// With registers for so many blocks at a time on a multiprocessor.
#define LAUNCH_BLOCKS(threads, blocks) __attribute__((launch_bounds(threads, blocks)))
#define RESTRICT __restrict__
#define UNROLL _Pragma("unroll")

typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
typedef float float2 __attribute__((ext_vector_type(2)));
typedef float float4 __attribute__((ext_vector_type(4)));

DEVICE int thread() { return __nvvm_read_ptx_sreg_tid_x(); }
DEVICE int threads() { return __nvvm_read_ptx_sreg_ntid_x(); }
DEVICE int block_x() { return __nvvm_read_ptx_sreg_ctaid_x(); }
DEVICE int block_y() { return __nvvm_read_ptx_sreg_ctaid_y(); }
DEVICE int blocks_x() { return __nvvm_read_ptx_sreg_nctaid_x(); }
DEVICE int blocks_y() { return __nvvm_read_ptx_sreg_nctaid_y(); }

DEVICE void barrier() { __syncthreads(); }
DEVICE void warp_barrier() { __nvvm_bar_warp_sync(~0u); }
DEVICE u32 ballot(bool value) { return __nvvm_vote_ballot_sync(~0u, value); }
DEVICE int lowest_bit(u32 bits) { return __builtin_ctz(bits); }

// Orders this thread's accesses before and after for the whole device.
DEVICE void fence() { asm volatile("fence.acq_rel.gpu;" ::: "memory"); }

// Between looks at a value that another block will write.
DEVICE void pause() { asm volatile("nanosleep.u32 32;" ::: "memory"); }

// Past the first-level cache, which is not coherent: what other blocks wrote in this launch.
DEVICE u64 load_shared_bits(const void *p) {
    u64 bits;
    asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(bits) : "l"(p) : "memory");
    return bits;
}

DEVICE float2 load_shared(const float2 *p) {
    return __builtin_bit_cast(float2, load_shared_bits(p));
}

DEVICE double load_shared(const double *p) {
    return __builtin_bit_cast(double, load_shared_bits(p));
}

DEVICE u32 load_shared(const u32 *p) {
    u32 value;
    asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(p) : "memory");
    return value;
}

// The value before; at the limit it goes on with 0.
DEVICE u32 next_ticket(u32 *p, u32 limit) {
    u32 before;
    asm volatile("atom.relaxed.gpu.global.inc.u32 %0, [%1], %2;"
                 : "=r"(before)
                 : "l"(p), "r"(limit)
                 : "memory");
    return before;
}

DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }

DEVICE float root(float x) { return __nvvm_sqrt_rn_f(x); }
DEVICE double root(double x) { return __nvvm_sqrt_rn_d(x); }

// Of a NaN and a number the second operand, as on the CPU: there NaN survives where it stands second.
DEVICE float larger(float a, float b) { return a > b ? a : b; }
DEVICE float smaller(float a, float b) { return a < b ? a : b; }
DEVICE i64 least(i64 a, i64 b) { return a < b ? a : b; }

// So many neighbouring values; of more than one their address is a multiple of 16.
template <int Width> using Values = float __attribute__((ext_vector_type(Width)));

template <int Width> DEVICE Values<Width> values_at(const float *p) {
    return *(const Values<Width> *)p;
}

template <int Width> DEVICE void put(float *p, Values<Width> values) {
    *(Values<Width> *)p = values;
}

// Whether all of them are multiples of 16; null is one.
template <typename... Pointers> DEVICE bool aligned(const Pointers *...p) {
    return (((u64)p | ...) & 15) == 0;
}

// So many of a row from a multiple of as many on, wherever the row begins.
template <int Width> DEVICE Values<Width> values_of(const float *all, i64 from) {
    if (Width == 1 || aligned(all))
        return values_at<Width>(all + from);
    Values<Width> values;
    UNROLL for (int k = 0; k < Width; k++)
        values[k] = all[from + k];
    return values;
}

DEVICE float exchange(float value, int with) {
    return __builtin_bit_cast(
        float,
        __nvvm_shfl_sync_bfly_i32(~0u, __builtin_bit_cast(int, value), with, 31)
    );
}

DEVICE double exchange(double value, int with) {
    u64 bits = __builtin_bit_cast(u64, value);
    u32 low = __nvvm_shfl_sync_bfly_i32(~0u, (int)(u32)bits, with, 31);
    u32 high = __nvvm_shfl_sync_bfly_i32(~0u, (int)(u32)(bits >> 32), with, 31);
    return __builtin_bit_cast(double, (u64)high << 32 | low);
}

// The sum over each group of so many lanes, a power of 2, in all of them. All lanes of the warp come here.
template <typename T> DEVICE T group_sum(T value, int lanes) {
    for (int with = lanes / 2; with > 0; with /= 2)
        value += exchange(value, with);
    return value;
}

DEVICE float group_largest(float value, int lanes) {
    for (int with = lanes / 2; with > 0; with /= 2)
        value = larger(value, exchange(value, with));
    return value;
}

// The sum over the block, in all threads; a barrier before and after the use of the memory, of one value a warp.
template <typename T> DEVICE T block_sum(T value, T *memory) {
    value = group_sum(value, 32);
    barrier();
    if (thread() % 32 == 0)
        memory[thread() / 32] = value;
    barrier();
    T sum = 0;
    for (int warp = 0; warp < threads() / 32; warp++)
        sum += memory[warp];
    return sum;
}

// Whether this block is the last of so many to come here; then it sees what the others wrote before. All threads of the
// block come here. The counter is 0 before, and after the last block; `ticket` is shared memory of the block that nobody needs
// any more.
DEVICE bool last_block(u32 *counter, u32 blocks, u32 *ticket) {
    fence();
    barrier();
    if (thread() == 0)
        *ticket = next_ticket(counter, blocks - 1);
    barrier();
    fence();
    return *ticket == blocks - 1;
}

DEVICE bool last_block(u32 *counter, u32 blocks) {
    SHARED u32 ticket;
    return last_block(counter, blocks, &ticket);
}
