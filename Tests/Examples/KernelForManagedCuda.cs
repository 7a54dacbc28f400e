using ManagedCuda;
using ManagedCuda.VectorTypes;
using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Tests.Examples;

/// <summary>What docs/managedcuda.md shows: one of Sequor's kernels, launched by ManagedCuda on its own memory.</summary>
internal static class KernelForManagedCuda
{
    public static void Run(
        PrimaryContext theirContext,
        ManagedCuda.CudaStream theirStream,
        CudaDeviceVariable<float> a,
        CudaDeviceVariable<float> b,
        CudaDeviceVariable<float> sum,
        CudaLibraries libraries
    )
    {
        // Shown
        using var context = theirContext.ToSequor(libraries);
        using var module = context.LoadModule(KernelImages.Image("pointwise"));
        var add = module.Kernel("add").ToManagedCuda(); // a CudaKernel of ManagedCuda
        add.BlockDimensions = new dim3(256, 1, 1);
        add.GridDimensions = new dim3(1, 1, 1);
        long count = a.Size;
        add.RunAsync(
            theirStream.Stream,
            a.DevicePointer,
            b.DevicePointer,
            sum.DevicePointer,
            count
        );
        theirStream.Synchronize();
        // Shown
    }
}
