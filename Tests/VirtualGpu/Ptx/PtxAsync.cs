namespace Sequor.VirtualGpu.Ptx;

/// <summary>A thread's copies from global to shared memory that it has not waited for.</summary>
internal sealed unsafe class PtxAsync
{
    private readonly Queue<(
        nint From,
        ulong To,
        int Bytes,
        int Given,
        int Site,
        int Group
    )> _copies = new();
    private int _group;

    /// <summary>
    /// Starts a copy. In the scratch lie, at 0, how many bytes it reads (the rest become zeros), and at 8 where it
    /// goes. Its bytes are read when the thread waits, as late as they can be.
    /// </summary>
    public static void Copy(PtxLane lane, ulong address, int site)
    {
        int given = *(int*)lane.Scratch;
        ulong to = *(ulong*)(lane.Scratch + 8);
        int bytes = lane.Execution.Code.Accesses[site]!.Bytes;
        if ((uint)given > (uint)bytes)
            throw lane.Fault(
                PtxFaultKind.OutOfBounds,
                site,
                address,
                $"reads {given} bytes of the {bytes} that it copies"
            );
        nint from = 0;
        if (given > 0)
        {
            PtxPlace place =
                given == bytes
                    ? PtxGlobalMemory.Find(lane, address, site)
                    : PtxGlobalMemory.FindPart(lane, address, site, given);
            lane.Block.Weak.Forget(address, bytes);
            PtxGlobalMemory.CheckWritten(lane, address, site, place, given);
            from = (nint)place.Data;
        }
        lane.Execution.Changed = true;
        lane.Block.Shared.Write(lane, to, site, bytes, strong: false, copying: true);
        lane.Block.Traffic?.Shared(lane, to, site);
        lane.Async ??= new PtxAsync();
        lane.Async._copies.Enqueue((from, to, bytes, given, site, lane.Async._group));
    }

    /// <summary>Makes a group of the copies since the last.</summary>
    public static void Commit(PtxLane lane)
    {
        lane.Async ??= new PtxAsync();
        lane.Async._group++;
    }

    /// <summary>Ends all groups but the last few.</summary>
    public static void Wait(PtxLane lane, int but)
    {
        if (lane.Async is not { } async)
            return;
        while (async._copies.TryPeek(out var copy) && copy.Group < async._group - but)
        {
            async._copies.Dequeue();
            byte* to = lane.Block.Shared.Write(lane, copy.To, copy.Site, copy.Bytes, strong: false);
            new Span<byte>(to, copy.Bytes).Clear();
            Buffer.MemoryCopy((byte*)copy.From, to, copy.Bytes, copy.Given);
        }
    }
}
