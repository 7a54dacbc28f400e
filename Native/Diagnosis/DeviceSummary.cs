using System.Runtime.InteropServices;

namespace Sequor.Native;

/// <summary>What the driver says about a device before any context is made on it.</summary>
/// <param name="Index">The device's number, from 0, in the order that CUDA_VISIBLE_DEVICES gives.</param>
/// <param name="Name">The device's name, such as NVIDIA H100 80GB HBM3; empty if a call failed.</param>
/// <param name="ComputeCapability">The device's compute capability, such as 8.6; empty if a call failed.</param>
/// <param name="MemoryBytes">All of its memory in bytes, in use or not.</param>
/// <param name="Multiprocessors">The number of multiprocessors.</param>
/// <param name="PciBusId">domain:bus:device.function in hexadecimal; empty if the driver does not say.</param>
/// <param name="Failure">The call that failed; null if all succeeded.</param>
public sealed unsafe record DeviceSummary(
    int Index,
    string Name,
    string ComputeCapability,
    long MemoryBytes,
    int Multiprocessors,
    string PciBusId,
    string? Failure
)
{
    private const int NameRoom = 256;
    private const int PciRoom = 32;

    /// <summary>Asks for one device. A failure is returned as a value, since other devices may well answer.</summary>
    /// <param name="driver">The driver, already started.</param>
    /// <param name="index">The device's number, from 0.</param>
    internal static DeviceSummary Read(CudaDriver driver, int index)
    {
        try
        {
            CUdevice device;
            Check(driver.cuDeviceGet(&device, index), "cuDeviceGet");
            byte* name = stackalloc byte[NameRoom];
            Check(driver.cuDeviceGetName(name, NameRoom, device), "cuDeviceGetName");
            nuint bytes;
            Check(driver.cuDeviceTotalMem(&bytes, device), "cuDeviceTotalMem");
            int major = Attribute(
                CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                driver,
                device
            );
            int minor = Attribute(
                CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                driver,
                device
            );
            int processors = Attribute(
                CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
                driver,
                device
            );
            return new DeviceSummary(
                index,
                Marshal.PtrToStringUTF8((nint)name) ?? "",
                FormattableString.Invariant($"{major}.{minor}"),
                checked((long)bytes),
                processors,
                PciAddress(driver, device),
                null
            );
        }
        catch (Exception e) when (e is DeviceQuestionException or MissingSymbolException)
        {
            return new DeviceSummary(index, "", "", 0, 0, "", e.Message);
        }
    }

    private static int Attribute(CUdevice_attribute attribute, CudaDriver driver, CUdevice device)
    {
        int value;
        Check(driver.cuDeviceGetAttribute(&value, attribute, device), "cuDeviceGetAttribute");
        return value;
    }

    // The address is only shown to people, so a failure here does no harm.
    private static string PciAddress(CudaDriver driver, CUdevice device)
    {
        if (driver.Missing.Contains("cuDeviceGetPCIBusId"))
            return "";
        byte* address = stackalloc byte[PciRoom];
        return driver.cuDeviceGetPCIBusId(address, PciRoom, device) == CUresult.CUDA_SUCCESS
            ? Marshal.PtrToStringUTF8((nint)address) ?? ""
            : "";
    }

    private static void Check(CUresult result, string call)
    {
        if (result != CUresult.CUDA_SUCCESS)
            throw new DeviceQuestionException($"{call} gave {result} ({(int)result})");
    }

    private sealed class DeviceQuestionException(string message) : Exception(message);
}
