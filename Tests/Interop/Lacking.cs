using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.Tests.Interop;

/// <summary>A driver that lacks some functions, by whichever way it is asked for them.</summary>
internal sealed unsafe class Lacking(INativeSymbols driver, params string[] names) : INativeSymbols
{
    private static INativeSymbols s_driver = null!;
    private static string[] s_names = [];

    public string Name => driver.Name;

    public nint Find(string symbol)
    {
        (s_driver, s_names) = (driver, names);
        return symbol == "cuGetProcAddress_v2"
            ? (nint)
                (delegate* unmanaged<
                    byte*,
                    void**,
                    int,
                    ulong,
                    CUdriverProcAddressQueryResult*,
                    CUresult>)
                    &Ask
            : driver.Find(symbol);
    }

    [UnmanagedCallersOnly]
    private static CUresult Ask(
        byte* symbol,
        void** address,
        int version,
        ulong flags,
        CUdriverProcAddressQueryResult* found
    )
    {
        string name = Marshal.PtrToStringUTF8((nint)symbol)!;
        if (s_names.Contains(name))
        {
            *address = null;
            *found = CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
            return CUresult.CUDA_ERROR_NOT_FOUND;
        }
        return (
            (delegate* unmanaged<
                byte*,
                void**,
                int,
                ulong,
                CUdriverProcAddressQueryResult*,
                CUresult>)
                s_driver.Find("cuGetProcAddress_v2")
        )(symbol, address, version, flags, found);
    }
}
