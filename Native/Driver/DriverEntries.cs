using System.Text;

namespace Sequor.Native;

/// <summary>
/// The driver's entries as of one version of CUDA. Later versions give old names new signatures; cuGetProcAddress returns a name's entry
/// with the signature of the version that is asked for.
/// </summary>
internal sealed unsafe class DriverEntries(INativeSymbols library) : INativeSymbols
{
    private readonly nint _getProcAddress = library.Find("cuGetProcAddress_v2");

    public string Name => library.Name;

    public nint Find(string symbol)
    {
        // These tell whether the driver is new enough, so they must be found even in a driver that is not.
        if (symbol is "cuGetProcAddress_v2" or "cuDriverGetVersion" or "cuInit")
            return library.Find(symbol);
        if (_getProcAddress == 0)
            return 0;
        void* address = null;
        CUdriverProcAddressQueryResult found;
        CUresult result;
        fixed (byte* name = Encoding.UTF8.GetBytes(Unversioned(symbol) + "\0"))
        {
            result = (
                (delegate* unmanaged<
                    byte*,
                    void**,
                    int,
                    ulong,
                    CUdriverProcAddressQueryResult*,
                    CUresult>)_getProcAddress
            )(name, &address, CudaDriver.EntryVersion, 0, &found);
        }
        return result == CUresult.CUDA_SUCCESS ? (nint)address : 0;
    }

    /// <summary>
    /// The name without its version, such as cuMemAlloc for cuMemAlloc_v2: cuGetProcAddress takes the version as a number.
    /// </summary>
    private static string Unversioned(string symbol)
    {
        int at = symbol.LastIndexOf("_v", StringComparison.Ordinal);
        return at < 0 ? symbol : symbol[..at];
    }
}
