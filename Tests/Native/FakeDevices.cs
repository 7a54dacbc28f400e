using System.Runtime.InteropServices;
using System.Text;
using Sequor.Native;
using Sequor.Tests.Charts;

namespace Sequor.Tests.Native;

/// <summary>A driver whose devices answer, and NVML that tells the driver's version.</summary>
internal static unsafe class FakeDevices
{
    public const string DriverVersion = "550.54.15";

    /// <summary>The device that answers no question; none where it is below 0.</summary>
    public static int Broken { get; set; }

    /// <summary>An entry that the driver does not know.</summary>
    public static string Unknown { get; set; } = "";

    /// <summary>What nvmlInit gives.</summary>
    public static nvmlReturn_t NvmlInitResult { get; set; }

    /// <summary>How often NVML was started and not ended.</summary>
    public static int NvmlStarts { get; private set; }

    public static void Reset()
    {
        Broken = -1;
        Unknown = "";
        NvmlInitResult = nvmlReturn_t.NVML_SUCCESS;
        NvmlStarts = 0;
    }

    /// <summary>A machine with everything, whose driver tells of its devices.</summary>
    public static FakeMachine Machine()
    {
        FakeMachine machine = Machines.Whole();
        machine.Knows("libcuda.so.1", $"{Machines.System}/libcuda.so.550.54.15", Driver());
        machine.Knows("libnvidia-ml.so.1", $"{Machines.System}/libnvidia-ml.so.550", Nvml());
        return machine;
    }

    public static FakeLibrary Driver()
    {
        FakeLibrary driver = FakeVendor.Driver();
        driver.Symbols["cuGetProcAddress_v2"] = (nint)
            (delegate* unmanaged<
                byte*,
                void**,
                int,
                ulong,
                CUdriverProcAddressQueryResult*,
                CUresult>)
                &GetProcAddress;
        return driver;
    }

    public static FakeLibrary Nvml() =>
        new(
            new()
            {
                ["nvmlInit_v2"] = (nint)(delegate* unmanaged<nvmlReturn_t>)&Init,
                ["nvmlShutdown"] = (nint)(delegate* unmanaged<nvmlReturn_t>)&Shutdown,
                ["nvmlSystemGetDriverVersion"] = (nint)
                    (delegate* unmanaged<byte*, uint, nvmlReturn_t>)&GetDriverVersion,
            }
        );

    [UnmanagedCallersOnly]
    private static CUresult GetProcAddress(
        byte* symbol,
        void** address,
        int version,
        ulong flags,
        CUdriverProcAddressQueryResult* status
    )
    {
        string? name = Marshal.PtrToStringUTF8((nint)symbol);
        *address = name switch
        {
            _ when name == Unknown => null,
            "cuDeviceGetCount" => (delegate* unmanaged<int*, CUresult>)&GetCount,
            "cuDeviceGet" => (delegate* unmanaged<int*, int, CUresult>)&Get,
            "cuDeviceGetName" => (delegate* unmanaged<byte*, int, int, CUresult>)&GetName,
            "cuDeviceTotalMem" => (delegate* unmanaged<nuint*, int, CUresult>)&TotalMem,
            "cuDeviceGetAttribute" => (delegate* unmanaged<int*, CUdevice_attribute, int, CUresult>)
                &GetAttribute,
            "cuDeviceGetPCIBusId" => (delegate* unmanaged<byte*, int, int, CUresult>)&GetPci,
            _ => null,
        };
        return *address is null ? CUresult.CUDA_ERROR_NOT_FOUND : CUresult.CUDA_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static CUresult GetCount(int* count)
    {
        *count = FakeVendor.Devices;
        return CUresult.CUDA_SUCCESS;
    }

    // Handles are not the numbers, as little as those of a real driver have to be.
    [UnmanagedCallersOnly]
    private static CUresult Get(int* device, int ordinal)
    {
        if (ordinal < 0 || ordinal >= FakeVendor.Devices)
            return CUresult.CUDA_ERROR_INVALID_DEVICE;
        *device = ordinal + 100;
        return CUresult.CUDA_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static CUresult GetName(byte* name, int room, int device)
    {
        if (device == Broken + 100)
            return CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE;
        return Text($"NVIDIA Made Up {device - 100}", name, room);
    }

    [UnmanagedCallersOnly]
    private static CUresult TotalMem(nuint* bytes, int device)
    {
        *bytes = (nuint)(device - 99) << 34;
        return CUresult.CUDA_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static CUresult GetAttribute(int* value, CUdevice_attribute attribute, int device)
    {
        *value = attribute switch
        {
            CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR => 8,
            CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR => 6,
            CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT => 80 + device - 100,
            _ => -1,
        };
        return *value < 0 ? CUresult.CUDA_ERROR_INVALID_VALUE : CUresult.CUDA_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static CUresult GetPci(byte* address, int room, int device) =>
        Text($"0000:{device - 99:x2}:00.0", address, room);

    [UnmanagedCallersOnly]
    private static nvmlReturn_t Init()
    {
        if (NvmlInitResult == nvmlReturn_t.NVML_SUCCESS)
            NvmlStarts++;
        return NvmlInitResult;
    }

    [UnmanagedCallersOnly]
    private static nvmlReturn_t Shutdown()
    {
        NvmlStarts--;
        return nvmlReturn_t.NVML_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static nvmlReturn_t GetDriverVersion(byte* version, uint room)
    {
        if (NvmlStarts == 0)
            return nvmlReturn_t.NVML_ERROR_UNINITIALIZED;
        Text(DriverVersion, version, (int)room);
        return nvmlReturn_t.NVML_SUCCESS;
    }

    private static CUresult Text(string text, byte* place, int room)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text + "\0");
        if (bytes.Length > room)
            return CUresult.CUDA_ERROR_INVALID_VALUE;
        bytes.CopyTo(new Span<byte>(place, room));
        return CUresult.CUDA_SUCCESS;
    }
}
