using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>Libraries and devices, there or not.</summary>
public sealed class DeviceTests : InteropFixture
{
    [Test]
    public void A_device_tells_what_it_is()
    {
        CudaDevice device = Libraries.Device();

        Assert.That(Libraries.Devices, Has.Count.EqualTo(1));
        Assert.That(device.Name, Is.EqualTo("Sequor virtual GPU"));
        Assert.That(device.ComputeCapability, Is.EqualTo(new Version(8, 6)));
        Assert.That(device.TotalBytes, Is.EqualTo(8L << 30));
        Assert.That(device.Uuid, Is.Not.EqualTo(Guid.Empty));
        Assert.That(device.PciBusId, Does.Match("^[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}"));
        Assert.That(device.Multiprocessors, Is.Positive);
        Assert.That(device.HasMemoryPools, Is.True);
        Assert.That(
            device.Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_WARP_SIZE),
            Is.EqualTo(32)
        );
        Assert.That(device.ToString(), Is.EqualTo("0: Sequor virtual GPU (8.6)"));
    }

    [TestCase(-1)]
    [TestCase(1)]
    public void A_device_that_is_not_there_is_an_error_that_lists_those_that_are(int index)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => Libraries.Device(index));

        Assert.That(error.Message, Does.Contain($"no CUDA device {index}"));
        Assert.That(error.Message, Does.Contain("0 (Sequor virtual GPU)"));
    }

    [Test]
    public void A_missing_library_is_a_value_and_then_an_error_with_the_reason()
    {
        var driverOnly = CudaLibraries.From(Gpu.Symbols(LibraryKind.CudaDriver));

        Assert.That(driverOnly.Failure!.Library, Is.EqualTo(LibraryKind.CuDnn));
        Assert.That(driverOnly.Devices, Has.Count.EqualTo(1));
        var error = Assert.Throws<LibraryException>(() => _ = driverOnly.CuDnn);
        Assert.That(error.Message, Does.Contain("no cuDNN"));
        Assert.Throws<LibraryException>(() => _ = driverOnly.CuBlas);
        using var context = CudaContext.Primary(driverOnly.Device());
        using var stream = context.CreateStream();
        Assert.Throws<LibraryException>(() => CuDnnHandle.Create(stream));
        Assert.Throws<LibraryException>(() => CuBlasHandle.Create(stream));
    }

    [Test]
    public void The_driver_is_started_once_however_many_objects_there_are()
    {
        long before = Calls("cuInit");
        using var second = CudaContext.Primary(Libraries.Device());
        using var stream = second.CreateStream();
        _ = Libraries.Devices;

        Assert.That(before, Is.EqualTo(1));
        Assert.That(Calls("cuInit"), Is.EqualTo(1));
    }

    [Test]
    public void A_refused_context_is_an_error_with_the_status_and_the_device()
    {
        Gpu.Refuse("cuDevicePrimaryCtxRetain", (int)CUresult.CUDA_ERROR_OUT_OF_MEMORY, times: 1);

        var error = Assert.Throws<CudaException>(() => CudaContext.Primary(Libraries.Device()));

        Assert.That(error.Status, Is.EqualTo(CUresult.CUDA_ERROR_OUT_OF_MEMORY));
        Assert.That(error.StatusName, Is.EqualTo("CUDA_ERROR_OUT_OF_MEMORY"));
        Assert.That(error.Call, Is.EqualTo("cuDevicePrimaryCtxRetain"));
        Assert.That(error.Message, Does.Contain("Sequor virtual GPU"));
    }
}
