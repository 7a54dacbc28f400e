namespace Sequor.VirtualGpu.Ptx;

/// <summary>Loads, by state space. Each gives the place of the bytes that the thread sees. Compiled kernels call them.</summary>
internal static unsafe class PtxLoads
{
    public static byte* Global(PtxLane lane, ulong address, int site)
    {
        PtxAccess access = lane.Execution.Code.Accesses[site]!;
        PtxPlace place = PtxGlobalMemory.Find(lane, address, site);
        if (access.Order == PtxOrder.Weak)
            lane.Execution.Changed = true;
        PtxWeakMemory weak = lane.Block.Weak;
        if (access.Order >= PtxOrder.Acquire && access.AcrossBlocks)
        {
            weak.Acquire();
        }
        if (weak.Enabled)
            return weak.Load(lane, address, site, place, access);
        PtxGlobalMemory.CheckWritten(lane, address, site, place, access.Bytes);
        return place.Data;
    }

    public static byte* Const(PtxLane lane, ulong address, int site)
    {
        PtxPlace place = PtxGlobalMemory.Find(lane, address, site);
        PtxGlobalMemory.CheckWritten(
            lane,
            address,
            site,
            place,
            lane.Execution.Code.Accesses[site]!.Bytes
        );
        return place.Data;
    }

    public static byte* Shared(PtxLane lane, ulong address, int site)
    {
        PtxAccess access = lane.Execution.Code.Accesses[site]!;
        if (!access.Strong)
            lane.Execution.Changed = true;
        lane.Block.Traffic?.Shared(lane, address, site);
        return lane.Block.Shared.Read(lane, address, site, access.Bytes, access.Strong);
    }

    public static byte* Local(PtxLane lane, ulong address, int site)
    {
        lane.Execution.Changed = true;
        return PtxExecution.LocalOf(lane, address, site).Access(lane, address, site, read: true);
    }

    public static byte* Param(PtxLane lane, ulong address, int site)
    {
        PtxExecution execution = lane.Execution;
        int bytes = execution.Code.Accesses[site]!.Bytes;
        ulong offset = address - PtxKernel.WindowStart;
        ulong all = (ulong)execution.Kernel.ParameterBytes;
        if (offset > all || offset + (ulong)bytes > all)
            throw lane.Fault(
                PtxFaultKind.OutOfBounds,
                site,
                address,
                $"{bytes} bytes at {(long)offset} of {all} bytes of parameters"
            );
        if (offset % (ulong)bytes != 0)
            throw lane.Fault(
                PtxFaultKind.Misaligned,
                site,
                address,
                $"{bytes} bytes need a multiple of {bytes}"
            );
        return (byte*)lane.Parameters + offset;
    }

    public static byte* Generic(PtxLane lane, ulong address, int site) =>
        PtxAddress.Of(address) switch
        {
            PtxSpace.Shared => Shared(lane, address - PtxAddress.Window(PtxSpace.Shared), site),
            PtxSpace.Local => Local(lane, address - PtxAddress.Window(PtxSpace.Local), site),
            _ => Global(lane, address, site),
        };
}

/// <summary>Stores, by state space, of what lies in the thread's scratch. Compiled kernels call them.</summary>
internal static unsafe class PtxStores
{
    public static void Global(PtxLane lane, ulong address, int site)
    {
        PtxExecution execution = lane.Execution;
        PtxAccess access = execution.Code.Accesses[site]!;
        PtxPlace place = PtxGlobalMemory.Find(lane, address, site);
        execution.Changed = true;
        PtxWeakMemory weak = lane.Block.Weak;
        if (access.Order >= PtxOrder.Release && access.AcrossBlocks)
            weak.Flush();
        if (weak.Enabled && !(access.Order >= PtxOrder.Release && access.AcrossBlocks))
        {
            weak.Store((byte*)lane.Scratch, address, place, access);
            return;
        }
        weak.Forget(address, access.Bytes);
        Buffer.MemoryCopy((byte*)lane.Scratch, place.Data, access.Bytes, access.Bytes);
        PtxGlobalMemory.MarkWritten(place, access.Bytes);
    }

    public static void Shared(PtxLane lane, ulong address, int site)
    {
        PtxAccess access = lane.Execution.Code.Accesses[site]!;
        lane.Execution.Changed = true;
        byte* to = lane.Block.Shared.Write(lane, address, site, access.Bytes, access.Strong);
        lane.Block.Traffic?.Shared(lane, address, site);
        Buffer.MemoryCopy((byte*)lane.Scratch, to, access.Bytes, access.Bytes);
    }

    public static void Local(PtxLane lane, ulong address, int site)
    {
        int bytes = lane.Execution.Code.Accesses[site]!.Bytes;
        byte* to = PtxExecution
            .LocalOf(lane, address, site)
            .Access(lane, address, site, read: false);
        Buffer.MemoryCopy((byte*)lane.Scratch, to, bytes, bytes);
    }

    public static void Generic(PtxLane lane, ulong address, int site)
    {
        switch (PtxAddress.Of(address))
        {
            case PtxSpace.Shared:
                Shared(lane, address - PtxAddress.Window(PtxSpace.Shared), site);
                break;
            case PtxSpace.Local:
                Local(lane, address - PtxAddress.Window(PtxSpace.Local), site);
                break;
            default:
                Global(lane, address, site);
                break;
        }
    }
}
