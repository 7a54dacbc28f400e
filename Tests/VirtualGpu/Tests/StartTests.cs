using System.Runtime.InteropServices;
using System.Text;
using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests;

/// <summary>Starting, entries, errors' names, devices.</summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class StartTests
{
    [Test]
    public void Calls_before_init_are_refused()
    {
        using VirtualDevice device = VirtualDevice.Start();
        var driver = new CudaDriver(device.Symbols(LibraryKind.CudaDriver));
        int count;
        Rig.Gives(driver.cuDeviceGetCount(&count), CUDA_ERROR_NOT_INITIALIZED);
        Rig.Gives(driver.cuInit(1), CUDA_ERROR_INVALID_VALUE);
        int version;
        Rig.Ok(driver.cuDriverGetVersion(&version));
        Assert.That(version, Is.EqualTo(12060));
        Rig.Ok(driver.cuInit(0));
        Rig.Ok(driver.cuDeviceGetCount(&count));
        Assert.That(count, Is.EqualTo(1));
    }

    [Test]
    public void Only_one_device_runs_at_a_time_and_late_calls_get_an_error()
    {
        CudaDriver driver;
        using (VirtualDevice device = VirtualDevice.Start())
        {
            driver = new CudaDriver(device.Symbols(LibraryKind.CudaDriver));
            Assert.That(() => VirtualDevice.Start(), Throws.InvalidOperationException);
        }
        Rig.Gives(driver.cuInit(0), CUDA_ERROR_DEINITIALIZED);
        Assert.That(() => VirtualDevice.Current, Throws.InvalidOperationException);
    }

    [Test]
    public void Objects_of_an_earlier_device_are_unknown_and_no_fault_of_the_next()
    {
        CUstream stream;
        CUdeviceptr memory;
        using (var first = new Rig())
            (stream, memory) = (first.Stream(), first.Alloc(16));
        using var rig = new Rig();
        Rig.Gives(rig.Driver.cuStreamDestroy(stream), CUDA_ERROR_INVALID_HANDLE);
        Rig.Gives(rig.Driver.cuMemFree(memory), CUDA_ERROR_INVALID_VALUE);
        rig.Finish();
    }

    [Test]
    public void The_search_for_libraries_finds_it()
    {
        using VirtualDevice device = VirtualDevice.Start();
        NativeLibraries found = NativeLibraries.Load(
            new NativeLibraryOptions { Resolve = device.Symbols }
        );
        Assert.That(found.Driver.Require().Source, Is.EqualTo("virtual CudaDriver"));
        Assert.That(found.DeviceCount, Is.EqualTo(1));
    }

    [TestCase(11080, 1, FailureKind.DriverTooOld)]
    [TestCase(12060, 0, FailureKind.NoDevice)]
    public void The_search_says_what_a_driver_lacks(int version, int devices, FailureKind expected)
    {
        using VirtualDevice device = VirtualDevice.Start(
            new() { DriverVersion = version, DeviceCount = devices }
        );
        NativeLibraries found = NativeLibraries.Load(
            new NativeLibraryOptions { Resolve = device.Symbols }
        );
        Assert.That(found.Driver.Failure!.Kind, Is.EqualTo(expected));
    }

    [TestCase("cuMemAlloc", 12000, CUDA_SUCCESS, 0)]
    [TestCase("cuMemAlloc", 3010, CUDA_ERROR_NOT_FOUND, 2)]
    [TestCase("cuMemAlloc_v2", 12000, CUDA_ERROR_NOT_FOUND, 1)]
    [TestCase("cuTeleport", 12000, CUDA_ERROR_NOT_FOUND, 1)]
    public void Entries_are_found_by_name_and_version(
        string name,
        int version,
        CUresult expected,
        int why
    )
    {
        using VirtualDevice device = VirtualDevice.Start();
        var driver = new CudaDriver(device.Symbols(LibraryKind.CudaDriver));
        void* address;
        CUdriverProcAddressQueryResult status;
        fixed (byte* symbol = Encoding.UTF8.GetBytes(name + "\0"))
            Rig.Gives(driver.cuGetProcAddress(symbol, &address, version, 0, &status), expected);
        Assert.That((int)status, Is.EqualTo(why));
        Assert.That(address != null, Is.EqualTo(expected == CUDA_SUCCESS));
    }

    [Test]
    public void Errors_have_names_and_texts()
    {
        using var rig = new Rig();
        byte* text;
        Rig.Ok(rig.Driver.cuGetErrorName(CUDA_ERROR_OUT_OF_MEMORY, &text));
        Assert.That(Marshal.PtrToStringUTF8((nint)text), Is.EqualTo("CUDA_ERROR_OUT_OF_MEMORY"));
        Rig.Ok(rig.Driver.cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &text));
        Assert.That(Marshal.PtrToStringUTF8((nint)text), Does.Contain("out of memory"));
        Rig.Gives(rig.Driver.cuGetErrorName((CUresult)12345, &text), CUDA_ERROR_INVALID_VALUE);
        Assert.That(text == null);
    }

    [Test]
    public void The_device_describes_itself()
    {
        using var rig = new Rig(new() { DeviceName = "Test GPU", ComputeCapability = 90 });
        var none = new CUdevice(1);
        CUdevice device;
        Rig.Gives(rig.Driver.cuDeviceGet(&device, 1), CUDA_ERROR_INVALID_DEVICE);
        Rig.Gives(rig.Driver.cuDeviceGet(&device, -1), CUDA_ERROR_INVALID_DEVICE);
        Rig.Ok(rig.Driver.cuDeviceGet(&device, 0));
        byte* name = stackalloc byte[5];
        Rig.Ok(rig.Driver.cuDeviceGetName(name, 5, device));
        Assert.That(Marshal.PtrToStringUTF8((nint)name), Is.EqualTo("Test"));
        Assert.That(
            Attribute(rig, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_WARP_SIZE),
            Is.EqualTo(32)
        );
        Assert.That(
            Attribute(rig, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
            Is.EqualTo(9)
        );
        foreach (CUdevice_attribute attribute in Enum.GetValues<CUdevice_attribute>())
            Assert.That(Attribute(rig, attribute), Is.AtLeast(0), attribute.ToString());
        int value;
        Rig.Gives(
            rig.Driver.cuDeviceGetAttribute(&value, (CUdevice_attribute)9999, device),
            CUDA_ERROR_INVALID_VALUE
        );
        Rig.Gives(rig.Driver.cuDeviceGetAttribute(&value, 0, none), CUDA_ERROR_INVALID_DEVICE);
        nuint bytes;
        Rig.Ok(rig.Driver.cuDeviceTotalMem(&bytes, device));
        Assert.That((long)bytes, Is.EqualTo(rig.Device.Options.TotalMemory));
        rig.Finish();
    }

    [Test]
    public void Nvml_knows_the_device_by_its_address()
    {
        using var rig = new Rig();
        var nvml = new Nvml(rig.Device.Symbols(LibraryKind.Nvml));
        uint count;
        Assert.That(
            nvml.nvmlDeviceGetCount(&count),
            Is.EqualTo(nvmlReturn_t.NVML_ERROR_UNINITIALIZED)
        );
        Assert.That(nvml.nvmlInit(), Is.EqualTo(nvmlReturn_t.NVML_SUCCESS));
        byte* text = stackalloc byte[96];
        Rig.Ok(rig.Driver.cuDeviceGetPCIBusId(text, 96, new CUdevice(0)));
        nvmlDevice_t device;
        Assert.That(
            nvml.nvmlDeviceGetHandleByPciBusId(text, &device),
            Is.EqualTo(nvmlReturn_t.NVML_SUCCESS)
        );
        Assert.That(
            nvml.nvmlDeviceGetName(device, text, 96),
            Is.EqualTo(nvmlReturn_t.NVML_SUCCESS)
        );
        Assert.That(Marshal.PtrToStringUTF8((nint)text), Is.EqualTo(rig.Device.Options.DeviceName));
        Assert.That(
            nvml.nvmlDeviceGetName(device, text, 4),
            Is.EqualTo(nvmlReturn_t.NVML_ERROR_INSUFFICIENT_SIZE)
        );
        CUdeviceptr held = rig.Alloc(1000);
        nvmlMemory_t memory;
        Assert.That(
            nvml.nvmlDeviceGetMemoryInfo(device, &memory),
            Is.EqualTo(nvmlReturn_t.NVML_SUCCESS)
        );
        Assert.That(memory.used, Is.EqualTo(1000ul));
        Assert.That(
            nvml.nvmlDeviceGetMemoryInfo(new nvmlDevice_t(5), &memory),
            Is.EqualTo(nvmlReturn_t.NVML_ERROR_INVALID_ARGUMENT)
        );
        Rig.Ok(rig.Driver.cuMemFree(held));
        Assert.That(nvml.nvmlShutdown(), Is.EqualTo(nvmlReturn_t.NVML_SUCCESS));
        Assert.That(nvml.nvmlShutdown(), Is.EqualTo(nvmlReturn_t.NVML_ERROR_UNINITIALIZED));
        rig.Finish();
    }

    private static int Attribute(Rig rig, CUdevice_attribute attribute)
    {
        int value;
        Rig.Ok(rig.Driver.cuDeviceGetAttribute(&value, attribute, new CUdevice(0)));
        return value;
    }
}
