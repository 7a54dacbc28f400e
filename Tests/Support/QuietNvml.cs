using System.Runtime.InteropServices;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Tests.Support;

/// <summary>An NVML of static functions that allocate nothing, so that what its caller allocates can be counted.</summary>
internal static unsafe class QuietNvml
{
    private static int s_asked;

    /// <summary>How often its clock was asked for.</summary>
    public static int Asked => Volatile.Read(ref s_asked);

    /// <summary>Its device. The clock is the number of the question, from 1.</summary>
    public static NvmlDevice Open()
    {
        s_asked = 0;
        var libraries = NativeLibraries.Load(
            new NativeLibraryOptions
            {
                Resolve = kind => kind == LibraryKind.Nvml ? new Symbols() : new Nothing(),
            }
        );
        return NvmlDevice.Open(libraries, "0000:01:00.0", out string? reason)
            ?? throw new InvalidOperationException(reason);
    }

    [UnmanagedCallersOnly]
    private static nvmlReturn_t Nothing0() => nvmlReturn_t.NVML_SUCCESS;

    [UnmanagedCallersOnly]
    private static nvmlReturn_t Handle(byte* pciBusId, nvmlDevice_t* device)
    {
        *device = new nvmlDevice_t(1);
        return nvmlReturn_t.NVML_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static nvmlReturn_t Clock(nvmlDevice_t device, nvmlClockType_t type, uint* clock)
    {
        *clock =
            type == nvmlClockType_t.NVML_CLOCK_SM ? (uint)Interlocked.Increment(ref s_asked) : 7;
        return nvmlReturn_t.NVML_SUCCESS;
    }

    private sealed class Nothing : INativeSymbols
    {
        public string Name => "nothing";

        public nint Find(string symbol) => 0;
    }

    private sealed class Symbols : INativeSymbols
    {
        public string Name => "a quiet NVML";

        public nint Find(string symbol) =>
            symbol switch
            {
                "nvmlInit_v2" or "nvmlShutdown" => (nint)
                    (delegate* unmanaged<nvmlReturn_t>)&Nothing0,
                "nvmlDeviceGetHandleByPciBusId_v2" => (nint)
                    (delegate* unmanaged<byte*, nvmlDevice_t*, nvmlReturn_t>)&Handle,
                "nvmlDeviceGetClockInfo" => (nint)
                    (delegate* unmanaged<nvmlDevice_t, nvmlClockType_t, uint*, nvmlReturn_t>)&Clock,
                _ => 0,
            };
    }
}
