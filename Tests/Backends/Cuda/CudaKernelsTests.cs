using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;
using Sequor.VirtualGpu.Ptx;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Cuda;

/// <summary>A device that cannot run the kernels.</summary>
[TestFixture]
[NonParallelizable]
public sealed class CudaKernelsTests
{
    [Test]
    public void Kernels_that_the_driver_refuses_show_its_log()
    {
        using var device = VirtualDevice.Start(
            new VirtualOptions { ComputeCapability = 70, Kernels = new PtxEngine() }
        );
        var libraries = CudaLibraries.From(
            device.Symbols(LibraryKind.CudaDriver),
            device.Symbols(LibraryKind.CuDnn),
            device.Symbols(LibraryKind.CuBlas)
        );

        Assert.That(
            () => CudaBackend.Create(0, null, libraries),
            Throws
                .TypeOf<DeviceUnavailableException>()
                .With.Message.Contains("the target sm_75 is not one")
        );

        device.AssertClean();
    }
}
