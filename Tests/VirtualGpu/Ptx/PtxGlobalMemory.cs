namespace Sequor.VirtualGpu.Ptx;

/// <summary>The allocation that an instruction last touched, and how often it was executed.</summary>
internal unsafe struct PtxSite
{
    public ulong Base;

    /// <summary>The highest offset that an access of this instruction can have.</summary>
    public ulong Limit;
    public ulong AlignMask;
    public byte* Data;
    public ulong* Initialised;
    public long Executions;
}

/// <summary>Where an access lies.</summary>
internal readonly unsafe ref struct PtxPlace(byte* data, ulong* initialised, ulong offset)
{
    public byte* Data => data;

    public ulong* Initialised => initialised;

    /// <summary>From the start of its allocation.</summary>
    public ulong Offset => offset;
}

/// <summary>Checks accesses to global memory.</summary>
internal static unsafe class PtxGlobalMemory
{
    /// <summary>Finds where an access lies, or faults; it is counted.</summary>
    public static PtxPlace Find(PtxLane lane, ulong address, int site)
    {
        PtxExecution execution = lane.Execution;
        ref PtxSite s = ref execution.Sites[site];
        ulong offset = address - s.Base;
        if (offset > s.Limit || (address & s.AlignMask) != 0)
        {
            Look(lane, address, site, ref s);
            offset = address - s.Base;
        }
        s.Executions++;
        lane.Block.Traffic?.Global(lane, address, site);
        if (execution.Watch is { } watch)
            watch.Touch(
                address,
                execution.Code.Accesses[site]!.Bytes,
                site,
                execution.Code.Accesses[site]!
            );
        return new PtxPlace(s.Data + offset, s.Initialised, offset);
    }

    /// <summary>As <see cref="Find"/>, of an access that leaves the last of its bytes alone.</summary>
    public static PtxPlace FindPart(PtxLane lane, ulong address, int site, int bytes)
    {
        PtxExecution execution = lane.Execution;
        PtxRegion region = Region(lane, address, site, bytes);
        execution.Sites[site].Executions++;
        execution.BytesLeft += execution.Code.Accesses[site]!.Bytes - bytes;
        lane.Block.Traffic?.Global(lane, address, site);
        execution.Watch?.Touch(address, bytes, site, execution.Code.Accesses[site]!);
        ulong offset = address - region.Address;
        return new PtxPlace(region.Data + offset, region.Initialised, offset);
    }

    /// <summary>Faults unless all words of an access were written.</summary>
    public static void CheckWritten(
        PtxLane lane,
        ulong address,
        int site,
        PtxPlace place,
        int bytes
    )
    {
        if (place.Initialised == null)
            return;
        ulong word = place.Offset >> 2;
        ulong mask = Words(bytes) << (int)(word & 63);
        if ((place.Initialised[word >> 6] & mask) != mask)
            throw Unwritten(lane, address, site);
    }

    public static void MarkWritten(PtxPlace place, int bytes)
    {
        if (place.Initialised == null)
            return;
        ulong word = place.Offset >> 2;
        place.Initialised[word >> 6] |= Words(bytes) << (int)(word & 63);
    }

    public static PtxFaultException Unwritten(PtxLane lane, ulong address, int site) =>
        lane.Fault(
            PtxFaultKind.Uninitialised,
            site,
            address,
            $"of {lane.Execution.Code.Accesses[site]!.Bytes} bytes of global memory some were never written"
        );

    // An access lies in one block of 64 words, since it is aligned to its size.
    private static ulong Words(int bytes) => (1UL << ((bytes + 3) >> 2)) - 1;

    private static void Look(PtxLane lane, ulong address, int site, ref PtxSite s)
    {
        PtxAccess access = lane.Execution.Code.Accesses[site]!;
        PtxRegion region = Region(lane, address, site, access.Bytes);
        s.Base = region.Address;
        s.Limit = (ulong)(region.Bytes - access.Bytes);
        s.AlignMask = (ulong)access.Bytes - 1;
        s.Data = region.Data;
        s.Initialised = region.Initialised;
    }

    private static PtxRegion Region(PtxLane lane, ulong address, int site, int bytes)
    {
        int alignment = lane.Execution.Code.Accesses[site]!.Bytes;
        if (address % (ulong)alignment != 0)
            throw lane.Fault(
                PtxFaultKind.Misaligned,
                site,
                address,
                $"{alignment} bytes need a multiple of {alignment}"
            );
        return lane.Execution.Launch.Memory.TryFind(
            address,
            bytes,
            out PtxRegion region,
            out PtxFaultKind kind,
            out string detail
        )
            ? region
            : throw lane.Fault(kind, site, address, detail);
    }
}
