using System.Runtime.InteropServices;
using System.Text;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>A GPU, or a part of one (MIG). It needs no context and may be used from any thread.</summary>
public sealed unsafe partial class CudaDevice
{
    private readonly CudaDriver _driver;

    internal CudaDevice(CudaLibraries libraries, int index)
    {
        Libraries = libraries;
        Index = index;
        _driver = libraries.Driver;
        CUdevice handle;
        Check(_driver.cuDeviceGet(&handle, index), nameof(_driver.cuDeviceGet));
        Handle = handle;
        Span<byte> name = stackalloc byte[256];
        fixed (byte* text = name)
            Check(_driver.cuDeviceGetName(text, name.Length, handle), "cuDeviceGetName");
        Name = Text(name);
        CUuuid uuid;
        Check(_driver.cuDeviceGetUuid(&uuid, handle), "cuDeviceGetUuid");
        Uuid = new Guid(new ReadOnlySpan<byte>(uuid.bytes, 16), bigEndian: true);
        Span<byte> bus = stackalloc byte[32];
        fixed (byte* text = bus)
            Check(_driver.cuDeviceGetPCIBusId(text, bus.Length, handle), "cuDeviceGetPCIBusId");
        PciBusId = Text(bus);
        nuint bytes;
        Check(_driver.cuDeviceTotalMem(&bytes, handle), "cuDeviceTotalMem");
        TotalBytes = checked((long)bytes);
        ComputeCapability = new Version(
            Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
            Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)
        );
    }

    /// <summary>The libraries that found the device.</summary>
    public CudaLibraries Libraries { get; }

    /// <summary>The device's number, from 0, in the driver's order.</summary>
    public int Index { get; }

    /// <summary>The driver's handle.</summary>
    public CUdevice Handle { get; }

    /// <summary>The device's name, such as NVIDIA H100 80GB HBM3.</summary>
    public string Name { get; }

    /// <summary>The device's identity, which is the same in every process; nvidia-smi writes GPU- before it.</summary>
    public Guid Uuid { get; }

    /// <summary>The device's PCI address, domain:bus:device.function in hexadecimal.</summary>
    public string PciBusId { get; }

    /// <summary>The device's compute capability, such as 8.6.</summary>
    public Version ComputeCapability { get; }

    /// <summary>The device's memory in bytes.</summary>
    public long TotalBytes { get; }

    /// <summary>The number of multiprocessors.</summary>
    public int Multiprocessors =>
        Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);

    /// <summary>
    /// The most shared memory that a block can have, static and dynamic together, in bytes; beyond 48 KiB a kernel has to ask for it
    /// (<see cref="CudaKernel.TryDynamicSharedBytes"/>).
    /// </summary>
    public int SharedBytesPerBlock =>
        Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);

    /// <summary>
    /// The shared memory of a multiprocessor in bytes, which resident blocks have together, with what the driver takes for each.
    /// </summary>
    public int SharedBytesPerMultiprocessor =>
        Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR);

    /// <summary>Whether memory can be allocated in stream order (<see cref="CudaMemoryPool"/>).</summary>
    public bool HasMemoryPools =>
        Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED) != 0;

    /// <summary>Reads one property of the device by cuDeviceGetAttribute.</summary>
    public int Attribute(CUdevice_attribute attribute)
    {
        int value;
        Check(
            _driver.cuDeviceGetAttribute(&value, attribute, Handle),
            "cuDeviceGetAttribute",
            attribute
        );
        return value;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Index}: {Name} ({ComputeCapability})";

    internal static int CountOf(CudaDriver driver)
    {
        int count;
        CUresult result = driver.cuDeviceGetCount(&count);
        return result == CUresult.CUDA_SUCCESS
            ? count
            : throw new CudaException(
                result,
                "cuDeviceGetCount",
                $"cuDeviceGetCount gave {result}."
            );
    }

    private void Check(CUresult result, string call, CUdevice_attribute? attribute = null)
    {
        if (result != CUresult.CUDA_SUCCESS)
            throw new CudaException(
                result,
                call,
                $"{call} gave {result} for CUDA device {Index}"
                    + (attribute is null ? "." : $", asked for {attribute}.")
            );
    }

    private static string Text(ReadOnlySpan<byte> zeroTerminated) =>
        Encoding.UTF8.GetString(
            MemoryMarshal.CreateReadOnlySpanFromNullTerminated(
                (byte*)
                    System.Runtime.CompilerServices.Unsafe.AsPointer(
                        ref MemoryMarshal.GetReference(zeroTerminated)
                    )
            )
        );
}
