using Sequor.Native;
using Sequor.VirtualGpu.Ptxas;
using static Sequor.Native.CUdevice_attribute;

namespace Sequor.VirtualGpu;

/// <summary>
/// What the virtual device says of itself: a small Ampere, whose multiprocessors have what those of its compute capability have.
/// (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".)
/// </summary>
internal static class DeviceAttributes
{
    public const int Multiprocessors = 28;
    public const int SharedPerBlock = Multiprocessor.SharedBytesPerBlock;
    public const int RegistersPerMultiprocessor = Multiprocessor.Registers;

    /// <summary>Each of its multiprocessors.</summary>
    public static Multiprocessor Each(VirtualOptions options) =>
        Multiprocessor.Near(options.ComputeCapability);

    /// <summary>The value of an attribute; null for one that this device does not know.</summary>
    public static int? Of(VirtualOptions options, CUdevice_attribute attribute, int ordinal = 0) =>
        attribute switch
        {
            CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK => 1024,
            CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X or CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y => 1024,
            CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z => 64,
            CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X => int.MaxValue,
            CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y or CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z => 65535,
            CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK => SharedPerBlock,
            CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY => 64 << 10,
            CU_DEVICE_ATTRIBUTE_WARP_SIZE => 32,
            CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK => RegistersPerMultiprocessor,
            CU_DEVICE_ATTRIBUTE_CLOCK_RATE => 1_777_000,
            CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT => Multiprocessors,
            CU_DEVICE_ATTRIBUTE_KERNEL_EXEC_TIMEOUT => 0,
            CU_DEVICE_ATTRIBUTE_INTEGRATED => 0,
            CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY => 1,
            CU_DEVICE_ATTRIBUTE_COMPUTE_MODE => 0,
            CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS => 1,
            CU_DEVICE_ATTRIBUTE_ECC_ENABLED => 0,
            CU_DEVICE_ATTRIBUTE_PCI_BUS_ID => 10 + ordinal,
            CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID or CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID => 0,
            CU_DEVICE_ATTRIBUTE_TCC_DRIVER => 0,
            CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE => 7_501_000,
            CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH => 192,
            CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE => 2304 << 10,
            CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR => 32 * Each(options).Warps,
            CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT => 2,
            CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING => 1,
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR => options.ComputeCapability / 10,
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR => options.ComputeCapability % 10,
            CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED => 1,
            CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR => Each(options).SharedBytes,
            CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR => RegistersPerMultiprocessor,
            CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY => 0,
            CU_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO => 64,
            CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH => 1,
            CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN => Each(
                options
            ).MostSharedBytesPerBlock,
            CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR => Each(options).Blocks,
            CU_DEVICE_ATTRIBUTE_MAX_PERSISTING_L2_CACHE_SIZE => 1728 << 10,
            CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK => Each(
                options
            ).ReservedSharedBytes,
            CU_DEVICE_ATTRIBUTE_TIMELINE_SEMAPHORE_INTEROP_SUPPORTED => options.TimelineSemaphores
                ? 1
                : 0,
            CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED => 1,
            CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED => options.Interprocess ? 1 : 0,
            CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH => 0,
            CU_DEVICE_ATTRIBUTE_MPS_ENABLED => 0,
            _ => null,
        };
}
