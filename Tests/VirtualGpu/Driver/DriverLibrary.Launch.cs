using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's kernel launches, the checks of their shapes, and occupancy.
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuLaunchKernel")]
    [Since(4000)]
    private static CUresult cuLaunchKernel(
        CUfunction f,
        uint gridDimX,
        uint gridDimY,
        uint gridDimZ,
        uint blockDimX,
        uint blockDimY,
        uint blockDimZ,
        uint sharedMemBytes,
        CUstream hStream,
        void** kernelParams,
        void** extra
    ) =>
        Launch(
            nameof(cuLaunchKernel),
            f,
            (gridDimX, gridDimY, gridDimZ),
            (blockDimX, blockDimY, blockDimZ),
            sharedMemBytes,
            hStream,
            kernelParams,
            extra,
            cooperative: false
        );

    [UnmanagedCallersOnly(EntryPoint = "cuLaunchCooperativeKernel")]
    [Since(9000)]
    private static CUresult cuLaunchCooperativeKernel(
        CUfunction f,
        uint gridDimX,
        uint gridDimY,
        uint gridDimZ,
        uint blockDimX,
        uint blockDimY,
        uint blockDimZ,
        uint sharedMemBytes,
        CUstream hStream,
        void** kernelParams
    ) =>
        Launch(
            nameof(cuLaunchCooperativeKernel),
            f,
            (gridDimX, gridDimY, gridDimZ),
            (blockDimX, blockDimY, blockDimZ),
            sharedMemBytes,
            hStream,
            kernelParams,
            null,
            cooperative: true
        );

    private static CUresult Launch(
        string call,
        CUfunction handle,
        (uint X, uint Y, uint Z) grid,
        (uint X, uint Y, uint Z) block,
        uint shared,
        CUstream at,
        void** parameters,
        void** extra,
        bool cooperative
    ) =>
        OnStream(
            call,
            at,
            (device, stream) =>
            {
                if (device.Functions.Find(handle.Value, call, "f") is not { } function)
                    return CUresult.CUDA_ERROR_INVALID_HANDLE;
                if (function.Context != stream.Context)
                {
                    device.Record(
                        FaultKind.OtherContext,
                        call,
                        "f",
                        handle.Value,
                        "kernel and stream belong to different contexts"
                    );
                    return CUresult.CUDA_ERROR_INVALID_CONTEXT;
                }
                if (extra != null)
                {
                    device.Record(
                        FaultKind.NotSupported,
                        call,
                        nameof(extra),
                        (nint)extra,
                        "the virtual driver takes parameters one by one only"
                    );
                    return CUresult.CUDA_ERROR_NOT_SUPPORTED;
                }
                CUresult shape = CheckShape(device, call, function, grid, block, shared);
                if (shape != Success)
                    return shape;
                long blocks = (long)grid.X * grid.Y * grid.Z;
                int threads = (int)(block.X * block.Y * block.Z);
                long fit =
                    (long)function.BlocksPerMultiprocessor(threads, shared)
                    * DeviceAttributes.Multiprocessors;
                if (fit == 0)
                    return CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
                if (cooperative && blocks > fit)
                    return CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
                IKernel kernel = function.Kernel;
                var launch = new KernelLaunch(
                    grid,
                    block,
                    shared,
                    cooperative,
                    Values(kernel, parameters, call)
                );
                var work = new VirtualWork(call, kernel.Name, $"{grid} {block}");
                Action<DeviceMemory> run = device
                    .EffectOf(work)
                    .Before(device, work, _ => kernel.Run(device, launch));
                stream.Enqueue(kernel.Name, () => run(device.Memory));
                return Success;
            }
        );

    private static CUresult CheckShape(
        VirtualDevice device,
        string call,
        VirtualFunction function,
        (uint X, uint Y, uint Z) grid,
        (uint X, uint Y, uint Z) block,
        uint shared
    )
    {
        ulong threads = (ulong)block.X * block.Y * block.Z;
        if (grid.X is 0 or > int.MaxValue || grid.Y is 0 or > 65535 || grid.Z is 0 or > 65535)
            return Bad(device, call, "gridDim", $"{grid}");
        if (
            block.X is 0 or > 1024
            || block.Y is 0 or > 1024
            || block.Z is 0 or > 64
            || threads > 1024
        )
            return Bad(device, call, "blockDim", $"{block}");
        if (threads > (ulong)function.Kernel.MaxThreadsPerBlock)
            return Bad(
                device,
                call,
                "blockDim",
                $"{threads} threads; {function.Kernel.Name} takes {function.Kernel.MaxThreadsPerBlock}"
            );
        if (shared > function.MaxDynamicSharedMemory)
            return Bad(
                device,
                call,
                "sharedMemBytes",
                $"{shared}; {function.Kernel.Name} may have {function.MaxDynamicSharedMemory}"
            );
        return Success;
    }

    /// <summary>The parameters' values, which are the launch's from here on.</summary>
    private static List<byte[]> Values(IKernel kernel, void** parameters, string call)
    {
        List<byte[]> values = [];
        if (kernel.ParameterSizes.Count > 0)
            NeedOut(parameters, call, "kernelParams");
        for (int i = 0; i < kernel.ParameterSizes.Count; i++)
        {
            NeedOut(parameters[i], call, $"kernelParams[{i}]");
            values.Add(new ReadOnlySpan<byte>(parameters[i], kernel.ParameterSizes[i]).ToArray());
        }
        return values;
    }

    [UnmanagedCallersOnly(EntryPoint = "cuOccupancyMaxActiveBlocksPerMultiprocessor")]
    [Since(6050)]
    private static CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(
        int* numBlocks,
        CUfunction func,
        int blockSize,
        nuint dynamicSMemSize
    ) =>
        With<VirtualFunction>(
            nameof(cuOccupancyMaxActiveBlocksPerMultiprocessor),
            func.Value,
            d => d.Functions,
            (device, function) =>
            {
                const string call = nameof(cuOccupancyMaxActiveBlocksPerMultiprocessor);
                NeedOut(numBlocks, call, nameof(numBlocks));
                if (blockSize < 1 || blockSize > function.Kernel.MaxThreadsPerBlock)
                    return Bad(device, call, nameof(blockSize), $"{blockSize}");
                *numBlocks =
                    dynamicSMemSize > (nuint)function.MaxDynamicSharedMemory
                        ? 0
                        : function.BlocksPerMultiprocessor(blockSize, (long)dynamicSMemSize);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuOccupancyAvailableDynamicSMemPerBlock")]
    [Since(10020)]
    private static CUresult cuOccupancyAvailableDynamicSMemPerBlock(
        nuint* dynamicSmemSize,
        CUfunction func,
        int numBlocks,
        int blockSize
    ) =>
        With<VirtualFunction>(
            nameof(cuOccupancyAvailableDynamicSMemPerBlock),
            func.Value,
            d => d.Functions,
            (device, function) =>
            {
                const string call = nameof(cuOccupancyAvailableDynamicSMemPerBlock);
                NeedOut(dynamicSmemSize, call, nameof(dynamicSmemSize));
                if (
                    blockSize < 1
                    || numBlocks < 1
                    || numBlocks > function.BlocksPerMultiprocessor(blockSize, 0)
                )
                    return Bad(device, call, nameof(numBlocks), $"{numBlocks} of {blockSize}");
                *dynamicSmemSize = (nuint)Math.Max(0, function.DynamicSharedMemoryOf(numBlocks));
                return Success;
            }
        );
}
