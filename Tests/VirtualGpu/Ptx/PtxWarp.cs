using System.Numerics;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// Up to 32 threads. Each runs on its own, in any order, until lanes that a mask names have to meet.
/// </summary>
internal sealed class PtxWarp
{
    private readonly PtxBlock _block;
    private readonly int _index;
    private readonly uint _all;

    public PtxWarp(PtxBlock block, int index, int lanes, int warps)
    {
        _block = block;
        _index = index;
        _all = lanes == 32 ? uint.MaxValue : (1u << lanes) - 1;
        Clocks = new uint[warps];
        LaneClocks = new uint[32 * 32];
    }

    /// <summary>Lanes that can run.</summary>
    public uint Ready { get; set; }

    /// <summary>Lanes that wait for others of the warp.</summary>
    public uint Waiting { get; private set; }

    public uint Exited { get; private set; }

    /// <summary>Of every warp of the block, up to which of its steps between barriers this one has seen it.</summary>
    public uint[] Clocks { get; }

    /// <summary>For each lane, 32 a lane, up to which of its steps between warp barriers it has seen each other.</summary>
    public uint[] LaneClocks { get; }

    public bool Done => Exited == _all;

    public PtxLane Lane(int lane) => _block.Lanes[_index * 32 + lane];

    public void Restart()
    {
        Ready = _all;
        Waiting = 0;
        Exited = 0;
        Array.Clear(Clocks);
        Array.Clear(LaneClocks);
        Clocks[_index] = 1;
        for (int i = 0; i < 32; i++)
            LaneClocks[i * 33] = 1;
    }

    public void Exit(PtxLane lane)
    {
        Ready &= ~(1u << lane.LaneId);
        Exited |= 1u << lane.LaneId;
        foreach (int other in Lanes(Waiting))
            if (((uint)Lane(other).SyncMask >> lane.LaneId & 1) != 0)
                throw Missed(Lane(other), lane.LaneId);
    }

    /// <summary>A lane comes to where it has to meet others; if it is the last of them, they all go on.</summary>
    public void Arrive(PtxLane lane)
    {
        uint one = 1u << lane.LaneId;
        uint mask = (uint)lane.SyncMask;
        Ready &= ~one;
        if ((mask & one) == 0)
            throw lane.Fault(
                PtxFaultKind.WarpDivergence,
                lane.SyncSite,
                0,
                $"the mask 0x{mask:x8} does not name lane {lane.LaneId}, which executes it"
            );
        if ((mask & (Exited | ~_all)) != 0)
            throw Missed(lane, BitOperations.TrailingZeroCount(mask & (Exited | ~_all)));
        Waiting |= one;
        if ((mask & ~Waiting) != 0)
            return;
        foreach (int other in Lanes(mask))
            if (Lane(other).SyncSite != lane.SyncSite || Lane(other).SyncMask != lane.SyncMask)
                return;
        PtxWarpOperations.Apply(this, mask, lane);
        Waiting &= ~mask;
        Ready |= mask;
    }

    /// <summary>Faults if lanes wait and none can run.</summary>
    public void CheckStuck()
    {
        if (Ready != 0 || Waiting == 0)
            return;
        PtxLane lane = Lane(BitOperations.TrailingZeroCount(Waiting));
        uint mask = (uint)lane.SyncMask;
        foreach (int other in Lanes(mask))
            if (
                (Waiting >> other & 1) == 0
                || Lane(other).SyncSite != lane.SyncSite
                || Lane(other).SyncMask != lane.SyncMask
            )
                throw Missed(lane, other);
    }

    public static PtxLaneNumbers Lanes(uint mask) => new(mask);

    private PtxFaultException Missed(PtxLane lane, int other)
    {
        string why;
        if ((_all >> other & 1) == 0)
            why = "which the block has no thread for";
        else if ((Exited >> other & 1) != 0)
            why = "which has ended";
        else
        {
            PtxInstruction at = lane.Execution.Kernel.Instructions[Lane(other).SyncSite];
            why =
                $"which waits at {at.Source}, PTX line {at.Line} ({at.Name})"
                + ((Waiting >> other & 1) != 0 ? $", mask 0x{Lane(other).SyncMask:x8}" : "");
        }
        return lane.Fault(
            PtxFaultKind.WarpDivergence,
            lane.SyncSite,
            0,
            $"the mask 0x{lane.SyncMask:x8} names lane {other}, {why}"
        );
    }
}

/// <summary>The numbers of a mask's lanes, without an allocation.</summary>
internal ref struct PtxLaneNumbers(uint mask)
{
    private uint _left = mask;

    public int Current { get; private set; }

    public readonly PtxLaneNumbers GetEnumerator() => this;

    public bool MoveNext()
    {
        if (_left == 0)
            return false;
        Current = BitOperations.TrailingZeroCount(_left);
        _left &= _left - 1;
        return true;
    }
}
