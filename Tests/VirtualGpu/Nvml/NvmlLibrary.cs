using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>The virtual NVML: the first device, whose state is that of its <see cref="VirtualSensors"/>.</summary>
internal static unsafe class NvmlLibrary
{
    // Static strings of the library: they are never freed.
    private static readonly ConcurrentDictionary<string, nint> s_strings = new();

    public static IReadOnlyList<NativeExport> Exports { get; } =
        NativeExport.Of(typeof(NvmlLibrary));

    private static readonly string s_uuid =
        "GPU-" + new Guid(VirtualCard.Uuid(0), bigEndian: true).ToString("D");

    private static nvmlReturn_t Call(string call, Func<VirtualDevice, nvmlReturn_t> body) =>
        VirtualCall.Run(
            call,
            nvmlReturn_t.NVML_ERROR_GPU_IS_LOST,
            nvmlReturn_t.NVML_ERROR_INVALID_ARGUMENT,
            body
        );

    private static nvmlReturn_t Started(string call, Func<VirtualDevice, nvmlReturn_t> body) =>
        Call(
            call,
            device => device.NvmlStarts > 0 ? body(device) : nvmlReturn_t.NVML_ERROR_UNINITIALIZED
        );

    private static nvmlReturn_t Of(
        string call,
        nvmlDevice_t handle,
        Func<VirtualDevice, nvmlReturn_t> body
    ) =>
        Started(
            call,
            device =>
                handle.Value != 0 && handle.Value == device.NvmlHandle
                    ? body(device)
                    : nvmlReturn_t.NVML_ERROR_INVALID_ARGUMENT
        );

    /// <summary>One number.</summary>
    private static nvmlReturn_t Number<T>(
        string call,
        nvmlDevice_t handle,
        T* to,
        Func<VirtualSensors, T> value
    )
        where T : unmanaged =>
        Of(
            call,
            handle,
            device =>
            {
                if (to == null)
                    return nvmlReturn_t.NVML_ERROR_INVALID_ARGUMENT;
                *to = value(device.Sensors);
                return nvmlReturn_t.NVML_SUCCESS;
            }
        );

    private static nvmlReturn_t Text(string text, byte* to, uint room)
    {
        if (to == null)
            return nvmlReturn_t.NVML_ERROR_INVALID_ARGUMENT;
        byte[] bytes = Encoding.UTF8.GetBytes(text + "\0");
        if (room < bytes.Length)
            return nvmlReturn_t.NVML_ERROR_INSUFFICIENT_SIZE;
        bytes.CopyTo(new Span<byte>(to, (int)room));
        return nvmlReturn_t.NVML_SUCCESS;
    }

    [UnmanagedCallersOnly(EntryPoint = "nvmlInit_v2")]
    private static nvmlReturn_t nvmlInit() =>
        Call(
            nameof(nvmlInit),
            device =>
            {
                device.NvmlStarts++;
                return nvmlReturn_t.NVML_SUCCESS;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlShutdown")]
    private static nvmlReturn_t nvmlShutdown() =>
        Started(
            nameof(nvmlShutdown),
            device =>
            {
                device.NvmlStarts--;
                return nvmlReturn_t.NVML_SUCCESS;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlErrorString")]
    private static byte* nvmlErrorString(nvmlReturn_t result) =>
        (byte*)
            s_strings.GetOrAdd(
                Enum.GetName(result) ?? "Unknown Error",
                Marshal.StringToCoTaskMemUTF8
            );

    [UnmanagedCallersOnly(EntryPoint = "nvmlSystemGetDriverVersion")]
    private static nvmlReturn_t nvmlSystemGetDriverVersion(byte* version, uint length) =>
        Started(nameof(nvmlSystemGetDriverVersion), _ => Text("560.35.05", version, length));

    [UnmanagedCallersOnly(EntryPoint = "nvmlSystemGetNVMLVersion")]
    private static nvmlReturn_t nvmlSystemGetNVMLVersion(byte* version, uint length) =>
        Started(nameof(nvmlSystemGetNVMLVersion), _ => Text("12.560.35.05", version, length));

    [UnmanagedCallersOnly(EntryPoint = "nvmlSystemGetCudaDriverVersion")]
    private static nvmlReturn_t nvmlSystemGetCudaDriverVersion(int* cudaDriverVersion) =>
        // It works before nvmlInit too.
        Call(
            nameof(nvmlSystemGetCudaDriverVersion),
            device =>
            {
                if (cudaDriverVersion == null)
                    return nvmlReturn_t.NVML_ERROR_INVALID_ARGUMENT;
                *cudaDriverVersion = device.Options.DriverVersion;
                return nvmlReturn_t.NVML_SUCCESS;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetCount_v2")]
    private static nvmlReturn_t nvmlDeviceGetCount(uint* deviceCount) =>
        Started(
            nameof(nvmlDeviceGetCount),
            device =>
            {
                if (deviceCount == null)
                    return nvmlReturn_t.NVML_ERROR_INVALID_ARGUMENT;
                *deviceCount = Math.Min(1, (uint)device.Options.DeviceCount);
                return nvmlReturn_t.NVML_SUCCESS;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetHandleByIndex_v2")]
    private static nvmlReturn_t nvmlDeviceGetHandleByIndex(uint index, nvmlDevice_t* device) =>
        Find(
            nameof(nvmlDeviceGetHandleByIndex),
            device,
            d => index < Math.Min(1, (uint)d.Options.DeviceCount),
            nvmlReturn_t.NVML_ERROR_INVALID_ARGUMENT
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetHandleByUUID")]
    private static nvmlReturn_t nvmlDeviceGetHandleByUUID(byte* uuid, nvmlDevice_t* device) =>
        Find(
            nameof(nvmlDeviceGetHandleByUUID),
            device,
            d => d.Options.DeviceCount > 0 && Marshal.PtrToStringUTF8((nint)uuid) == s_uuid,
            nvmlReturn_t.NVML_ERROR_NOT_FOUND
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetHandleByPciBusId_v2")]
    private static nvmlReturn_t nvmlDeviceGetHandleByPciBusId(
        byte* pciBusId,
        nvmlDevice_t* device
    ) =>
        Find(
            nameof(nvmlDeviceGetHandleByPciBusId),
            device,
            d =>
                d.Options.DeviceCount > 0
                && Marshal.PtrToStringUTF8((nint)pciBusId) == VirtualCard.PciBusId(0),
            nvmlReturn_t.NVML_ERROR_NOT_FOUND
        );

    private static nvmlReturn_t Find(
        string call,
        nvmlDevice_t* to,
        Func<VirtualDevice, bool> found,
        nvmlReturn_t otherwise
    ) =>
        Started(
            call,
            device =>
            {
                if (to == null)
                    return nvmlReturn_t.NVML_ERROR_INVALID_ARGUMENT;
                if (!found(device))
                    return otherwise;
                *to = new nvmlDevice_t(device.NvmlHandle);
                return nvmlReturn_t.NVML_SUCCESS;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetName")]
    private static nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, byte* name, uint length) =>
        Of(nameof(nvmlDeviceGetName), device, d => Text(d.Options.DeviceName, name, length));

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetUUID")]
    private static nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, byte* uuid, uint length) =>
        Of(nameof(nvmlDeviceGetUUID), device, _ => Text(s_uuid, uuid, length));

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetMemoryInfo")]
    private static nvmlReturn_t nvmlDeviceGetMemoryInfo(
        nvmlDevice_t device,
        nvmlMemory_t* memory
    ) =>
        Of(
            nameof(nvmlDeviceGetMemoryInfo),
            device,
            d =>
            {
                if (memory == null)
                    return nvmlReturn_t.NVML_ERROR_INVALID_ARGUMENT;
                memory->total = (ulong)d.Options.TotalMemory;
                memory->free = (ulong)MemoryWork.Free(d);
                memory->used = memory->total - memory->free;
                return nvmlReturn_t.NVML_SUCCESS;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetUtilizationRates")]
    private static nvmlReturn_t nvmlDeviceGetUtilizationRates(
        nvmlDevice_t device,
        nvmlUtilization_t* utilization
    ) =>
        Number(
            nameof(nvmlDeviceGetUtilizationRates),
            device,
            utilization,
            s => new nvmlUtilization_t { gpu = s.Utilization }
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetClockInfo")]
    private static nvmlReturn_t nvmlDeviceGetClockInfo(
        nvmlDevice_t device,
        nvmlClockType_t type,
        uint* clock
    ) =>
        Number(
            nameof(nvmlDeviceGetClockInfo),
            device,
            clock,
            s => type == nvmlClockType_t.NVML_CLOCK_MEM ? s.MemoryClock : s.SmClock
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetMaxClockInfo")]
    private static nvmlReturn_t nvmlDeviceGetMaxClockInfo(
        nvmlDevice_t device,
        nvmlClockType_t type,
        uint* clock
    ) =>
        Number(
            nameof(nvmlDeviceGetMaxClockInfo),
            device,
            clock,
            s => type == nvmlClockType_t.NVML_CLOCK_MEM ? s.MaxMemoryClock : s.MaxSmClock
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetTemperature")]
    private static nvmlReturn_t nvmlDeviceGetTemperature(
        nvmlDevice_t device,
        nvmlTemperatureSensors_t sensorType,
        uint* temp
    ) =>
        sensorType == nvmlTemperatureSensors_t.NVML_TEMPERATURE_GPU
            ? Number(nameof(nvmlDeviceGetTemperature), device, temp, s => s.Temperature)
            : nvmlReturn_t.NVML_ERROR_INVALID_ARGUMENT;

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetPowerUsage")]
    private static nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, uint* power) =>
        Number(nameof(nvmlDeviceGetPowerUsage), device, power, s => s.Power);

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetEnforcedPowerLimit")]
    private static nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, uint* limit) =>
        Number(nameof(nvmlDeviceGetEnforcedPowerLimit), device, limit, s => s.PowerLimit);

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetPerformanceState")]
    private static nvmlReturn_t nvmlDeviceGetPerformanceState(
        nvmlDevice_t device,
        nvmlPstates_t* pState
    ) =>
        Number(
            nameof(nvmlDeviceGetPerformanceState),
            device,
            pState,
            _ => nvmlPstates_t.NVML_PSTATE_8
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetPersistenceMode")]
    private static nvmlReturn_t nvmlDeviceGetPersistenceMode(
        nvmlDevice_t device,
        nvmlEnableState_t* mode
    ) => Number(nameof(nvmlDeviceGetPersistenceMode), device, mode, s => s.Persistence);

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetCurrentClocksThrottleReasons")]
    private static nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(
        nvmlDevice_t device,
        ulong* clocksThrottleReasons
    ) =>
        Number(
            nameof(nvmlDeviceGetCurrentClocksThrottleReasons),
            device,
            clocksThrottleReasons,
            s => s.Reasons
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetCurrentClocksEventReasons")]
    private static nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(
        nvmlDevice_t device,
        ulong* clocksEventReasons
    ) =>
        Number(
            nameof(nvmlDeviceGetCurrentClocksEventReasons),
            device,
            clocksEventReasons,
            s => s.Reasons
        );

    [UnmanagedCallersOnly(EntryPoint = "nvmlDeviceGetMigMode")]
    private static nvmlReturn_t nvmlDeviceGetMigMode(
        nvmlDevice_t device,
        uint* currentMode,
        uint* pendingMode
    ) =>
        // As on every card that cannot be divided.
        Of(nameof(nvmlDeviceGetMigMode), device, _ => nvmlReturn_t.NVML_ERROR_NOT_SUPPORTED);
}
