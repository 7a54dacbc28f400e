using System.Numerics;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>A block's shared memory: its bounds, what was written, and who met whom there.</summary>
internal sealed unsafe class PtxSharedMemory
{
    private const byte Gap = 0;
    private const byte Garbage = 1;
    private const byte Written = 2;
    private const byte Copying = 3;

    private readonly PtxExecution _execution;
    private readonly byte* _data;
    private readonly ulong _bytes;
    private readonly int _shift;
    private readonly byte[] _initial;
    private readonly byte[] _states;
    private readonly Cell[] _cells;

    /// <summary>A touch: by whom, where, and when by the thread's clocks.</summary>
    private struct Touch
    {
        /// <summary>From 1; 0 is none.</summary>
        public int Thread;

        /// <summary>The instruction; negative for one that is strong.</summary>
        public int Site;
        public uint BlockClock;
        public uint WarpClock;
    }

    /// <summary>The last touches of a granule: two reads, since two threads can read with no order between them.</summary>
    private struct Cell
    {
        public Touch Write;
        public Touch First;
        public Touch Second;
    }

    public PtxSharedMemory(PtxExecution execution, byte* data, ulong bytes)
    {
        _execution = execution;
        _data = data;
        _bytes = bytes;
        // Words, unless the kernel touches less: threads may share a word.
        int least = execution
            .Code.Accesses.Where(a => a is { Space: PtxSpace.Shared or PtxSpace.Generic })
            .Aggregate(4, (bytes, a) => Math.Min(bytes, a!.Bytes));
        _shift = BitOperations.Log2((uint)least);
        int granules = (int)((bytes + (1UL << _shift) - 1) >> _shift);
        _initial = new byte[granules];
        foreach (PtxVariable variable in execution.Kernel.Shared)
        {
            long size = variable.External ? execution.Launch.SharedBytes : variable.Bytes;
            long start = (long)(variable.Address - PtxKernel.WindowStart);
            if (size > 0)
                Array.Fill(
                    _initial,
                    Garbage,
                    (int)(start >> _shift),
                    (int)(((start + size - 1) >> _shift) - (start >> _shift) + 1)
                );
        }
        _states = [.. _initial];
        _cells = new Cell[granules];
    }

    public void Clear()
    {
        _initial.CopyTo(_states, 0);
        Array.Clear(_cells);
        new Span<byte>(_data, (int)_bytes).Fill(0xFF);
    }

    public byte* Read(PtxLane lane, ulong address, int site, int bytes, bool strong)
    {
        (int first, int last) = Granules(lane, address, site, bytes);
        for (int i = first; i <= last; i++)
        {
            if (_states[i] != Written)
                throw lane.Fault(
                    PtxFaultKind.Uninitialised,
                    site,
                    address,
                    _states[i] == Copying
                        ? "shared memory that an asynchronous copy not yet waited for goes to"
                        : "shared memory that the block has not written"
                );
            ref Cell cell = ref _cells[i];
            Check(lane, address, site, strong, cell.Write, "wrote");
            Touch now = Now(lane, site, strong);
            if (cell.First.Thread == now.Thread || Ordered(lane, cell.First))
                cell.First = now;
            else
                cell.Second = now;
        }
        return _data + (address - PtxKernel.WindowStart);
    }

    public byte* Write(
        PtxLane lane,
        ulong address,
        int site,
        int bytes,
        bool strong,
        bool copying = false
    )
    {
        (int first, int last) = Granules(lane, address, site, bytes);
        for (int i = first; i <= last; i++)
        {
            ref Cell cell = ref _cells[i];
            Check(lane, address, site, strong, cell.Write, "wrote");
            Check(lane, address, site, strong, cell.First, "read");
            Check(lane, address, site, strong, cell.Second, "read");
            cell = new Cell { Write = Now(lane, site, strong) };
            _states[i] = copying ? Copying : Written;
        }
        return _data + (address - PtxKernel.WindowStart);
    }

    /// <summary>Faults where an access to some bytes would, whatever they hold.</summary>
    public void CheckPlace(PtxLane lane, ulong address, int site, int bytes) =>
        Granules(lane, address, site, bytes);

    private static Touch Now(PtxLane lane, int site, bool strong) =>
        new()
        {
            Thread = lane.Thread + 1,
            Site = strong ? ~site : site,
            BlockClock = lane.Warp.Clocks[lane.WarpId],
            WarpClock = lane.Warp.LaneClocks[lane.LaneId * 33],
        };

    private (int First, int Last) Granules(PtxLane lane, ulong address, int site, int bytes)
    {
        ulong offset = address - PtxKernel.WindowStart;
        if (offset >= _bytes || offset + (ulong)bytes > _bytes)
            throw Outside(lane, address, site, bytes);
        if (address % (ulong)bytes != 0)
            throw lane.Fault(
                PtxFaultKind.Misaligned,
                site,
                address,
                $"{bytes} bytes need a multiple of {bytes}"
            );
        int first = (int)(offset >> _shift);
        int last = (int)((offset + (ulong)bytes - 1) >> _shift);
        if (_states[first] == Gap || _states[last] == Gap)
            throw Outside(lane, address, site, bytes);
        return (first, last);
    }

    private PtxFaultException Outside(PtxLane lane, ulong address, int site, int bytes)
    {
        PtxVariable? near = _execution
            .Kernel.Shared.Where(v => v.Address <= address)
            .MaxBy(v => v.Address);
        string where = near is null
            ? "the block's shared memory"
            : $"{near.Name}, which begins at 0x{near.Address:x} and has {(near.External ? _execution.Launch.SharedBytes : near.Bytes)} bytes";
        return lane.Fault(
            PtxFaultKind.OutOfBounds,
            site,
            address,
            $"{bytes} bytes of shared memory outside {where}"
        );
    }

    private void Check(
        PtxLane lane,
        ulong address,
        int site,
        bool strong,
        in Touch touch,
        string did
    )
    {
        if ((strong && touch.Site < 0) || Ordered(lane, touch))
            return;
        int at = touch.Site < 0 ? ~touch.Site : touch.Site;
        PtxInstruction other = _execution.Kernel.Instructions[at];
        throw lane.Fault(
            PtxFaultKind.Race,
            site,
            address,
            $"thread {lane.Block.Lanes[touch.Thread - 1].Place} {did} this shared memory at {other.Source}, PTX line {other.Line} ({other.Name}), with no barrier between"
        );
    }

    /// <summary>Whether a touch came before what the lane does now.</summary>
    private static bool Ordered(PtxLane lane, in Touch touch)
    {
        int thread = touch.Thread - 1;
        if (thread < 0 || thread == lane.Thread)
            return true;
        PtxWarp warp = lane.Warp;
        int other = thread >> 5;
        return other != lane.WarpId
            ? warp.Clocks[other] >= touch.BlockClock
            : warp.Clocks[other] > touch.BlockClock
                || warp.LaneClocks[lane.LaneId * 32 + (thread & 31)] >= touch.WarpClock;
    }
}
