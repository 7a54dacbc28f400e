using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's initialization, version, lookup of entry points, and error texts.
internal static unsafe partial class DriverLibrary
{
    // Static strings of the driver: they are never freed.
    private static readonly ConcurrentDictionary<string, nint> s_strings = new();

    [UnmanagedCallersOnly(EntryPoint = "cuInit")]
    [Since(2000)]
    private static CUresult cuInit(uint Flags) =>
        Plain(
            nameof(cuInit),
            device =>
            {
                if (Flags != 0)
                    return Bad(device, nameof(cuInit), nameof(Flags), "has to be 0");
                if (device.Options.DeviceCount == 0)
                    return CUresult.CUDA_ERROR_NO_DEVICE;
                device.Started = true;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuDriverGetVersion")]
    [Since(2020)]
    private static CUresult cuDriverGetVersion(int* driverVersion) =>
        Plain(
            nameof(cuDriverGetVersion),
            device =>
            {
                NeedOut(driverVersion, nameof(cuDriverGetVersion), nameof(driverVersion));
                *driverVersion = device.Options.DriverVersion;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuGetProcAddress_v2")]
    [Since(12000)]
    private static CUresult cuGetProcAddress(
        byte* symbol,
        void** pfn,
        int cudaVersion,
        ulong flags,
        CUdriverProcAddressQueryResult* symbolStatus
    ) =>
        Plain(
            nameof(cuGetProcAddress),
            device =>
            {
                NeedOut(symbol, nameof(cuGetProcAddress), nameof(symbol));
                NeedOut(pfn, nameof(cuGetProcAddress), nameof(pfn));
                string name = Marshal.PtrToStringUTF8((nint)symbol)!;
                *pfn = null;
                NativeExport[] named = [.. Exports.Where(e => Unversioned(e.Symbol) == name)];
                NativeExport? entry = named
                    .Where(e => e.Since <= cudaVersion && e.Since <= device.Options.DriverVersion)
                    .MaxBy(e => e.Since);
                if (symbolStatus != null)
                    *symbolStatus =
                        entry is not null
                            ? CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SUCCESS
                        : named.Length > 0
                            ? CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                        : CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
                if (entry is null)
                    return CUresult.CUDA_ERROR_NOT_FOUND;
                *pfn = (void*)entry.Address;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuGetErrorName")]
    [Since(6000)]
    private static CUresult cuGetErrorName(CUresult error, byte** pStr) =>
        ErrorText(nameof(cuGetErrorName), error, pStr, name => name);

    [UnmanagedCallersOnly(EntryPoint = "cuGetErrorString")]
    [Since(6000)]
    private static CUresult cuGetErrorString(CUresult error, byte** pStr) =>
        ErrorText(
            nameof(cuGetErrorString),
            error,
            pStr,
#pragma warning disable CA1308 // a sentence, not a key
            name => name["CUDA_".Length..].Replace('_', ' ').ToLowerInvariant()
#pragma warning restore CA1308
        );

    private static CUresult ErrorText(
        string call,
        CUresult error,
        byte** text,
        Func<string, string> say
    ) =>
        Plain(
            call,
            _ =>
            {
                NeedOut(text, call, "pStr");
                *text = null;
                if (Enum.GetName(error) is not { } name)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                *text = (byte*)s_strings.GetOrAdd(say(name), Marshal.StringToCoTaskMemUTF8);
                return Success;
            }
        );

    /// <summary>cuMemAlloc of cuMemAlloc_v2.</summary>
    private static string Unversioned(string symbol)
    {
        int at = symbol.LastIndexOf("_v", StringComparison.Ordinal);
        return at < 0 ? symbol : symbol[..at];
    }
}
