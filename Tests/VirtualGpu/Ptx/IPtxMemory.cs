namespace Sequor.VirtualGpu.Ptx;

/// <summary>A live allocation as a kernel sees it, at least while the launch runs.</summary>
/// <param name="Address">Its device address, a multiple of 16.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Data">Where its bytes are.</param>
/// <param name="Initialised">A bit for each 4 bytes, whether they were written; null if all were.</param>
internal readonly unsafe struct PtxRegion(ulong address, long bytes, byte* data, ulong* initialised)
{
    public ulong Address => address;

    public long Bytes => bytes;

    public byte* Data => data;

    public ulong* Initialised => initialised;
}

/// <summary>Global memory of a launch.</summary>
internal interface IPtxMemory
{
    /// <summary>The allocation that bytes lie in as a whole; if there is none, why not.</summary>
    bool TryFind(
        ulong address,
        int bytes,
        out PtxRegion region,
        out PtxFaultKind kind,
        out string detail
    );
}
