namespace Sequor.VirtualGpu.Ptx;

/// <summary>A block that runs, and after it another in its place.</summary>
internal sealed unsafe class PtxBlock
{
    private const int BarrierCount = 16;

    private readonly PtxExecution _execution;
    private readonly PtxWarp[] _warps;
    private readonly List<PtxLane>[] _barriers;
    private readonly bool[] _met;
    private readonly uint[] _joined;
    private int _exited;
    private PtxLane? _firstExited;

    public PtxBlock(PtxExecution execution)
    {
        _execution = execution;
        int threads = (int)execution.Launch.Block.Count;
        int warps = (threads + 31) / 32;
        _warps = new PtxWarp[warps];
        _met = new bool[warps];
        _joined = new uint[warps];
        Lanes = new PtxLane[threads];
        for (int w = 0; w < warps; w++)
        {
            _warps[w] = new PtxWarp(this, w, Math.Min(32, threads - 32 * w), warps);
            for (int t = 32 * w; t < Math.Min(threads, 32 * w + 32); t++)
                Lanes[t] = execution.NewLane(this, _warps[w], t);
        }
        _barriers = [.. Enumerable.Range(0, BarrierCount).Select(_ => new List<PtxLane>())];
        Shared = execution.NewShared();
        Weak = new PtxWeakMemory(execution.Launch.WeakMemory, execution.Random);
        Traffic = execution.Traffic is { } all
            ? new PtxBlockTraffic(all, execution, threads)
            : null;
    }

    public PtxDim3 Place { get; private set; }

    public PtxLane[] Lanes { get; }

    public PtxSharedMemory Shared { get; }

    public PtxWeakMemory Weak { get; }

    /// <summary>What its warps ask of memory; null where that is not counted.</summary>
    public PtxBlockTraffic? Traffic { get; }

    public bool Done => _exited == Lanes.Length;

    public void Start(PtxDim3 place)
    {
        Place = place;
        _exited = 0;
        Weak.Clear();
        Shared.Clear();
        foreach (PtxWarp warp in _warps)
            warp.Restart();
        foreach (PtxLane lane in Lanes)
            lane.Restart();
    }

    /// <summary>Runs some warp for a while.</summary>
    public void Step()
    {
        PtxRandom random = _execution.Random;
        int start = random.Below(_warps.Length);
        for (int i = 0; i < _warps.Length; i++)
        {
            PtxWarp warp = _warps[(start + i) % _warps.Length];
            if (warp.Ready == 0)
                continue;
            for (int turns = 1 + random.Below(4); turns > 0 && warp.Ready != 0; turns--)
                Turn(warp);
            warp.CheckStuck();
            return;
        }
        // No thread can run, so those that live wait at barriers.
        int barrier = Array.FindIndex(_barriers, b => b.Count > 0);
        PtxLane waiting = _barriers[barrier][0];
        throw waiting.Fault(
            PtxFaultKind.Deadlock,
            waiting.SyncSite,
            0,
            $"all threads of the block wait or have ended; at barrier {barrier} there are {_barriers[barrier].Count} of {Expected(waiting)}"
        );
    }

    private void Turn(PtxWarp warp)
    {
        PtxRandom random = _execution.Random;
        int slice = 64 << random.Below(7);
        // Lanes in an order that begins and goes on anywhere.
        int first = random.Below(32);
        int stride = random.Below(16) * 2 + 1;
        for (int i = 0; i < 32; i++)
        {
            int at = (first + i * stride) & 31;
            if ((warp.Ready >> at & 1) == 0)
                continue;
            PtxLane lane = warp.Lane(at);
            switch (_execution.Run(lane, slice))
            {
                case PtxStop.Exit:
                    Exit(lane);
                    break;
                case PtxStop.Barrier:
                    Arrive(lane);
                    break;
                case PtxStop.Warp:
                    _execution.Changed = true;
                    warp.Arrive(lane);
                    break;
            }
        }
    }

    private void Exit(PtxLane lane)
    {
        _execution.Changed = true;
        if (_exited++ == 0)
            _firstExited = lane;
        lane.Warp.Exit(lane);
        foreach (List<PtxLane> barrier in _barriers)
            if (barrier.Count > 0 && barrier[0].BarrierThreads == 0)
                throw Ended(barrier[0]);
    }

    private int Expected(PtxLane lane) =>
        lane.BarrierThreads == 0 ? Lanes.Length : lane.BarrierThreads;

    private void Arrive(PtxLane lane)
    {
        _execution.Changed = true;
        lane.Warp.Ready &= ~(1u << lane.LaneId);
        if ((uint)lane.BarrierId >= BarrierCount)
            throw Diverged(lane, $"there is no barrier {lane.BarrierId}; there are 0 to 15");
        if (lane.BarrierThreads == 0 && _exited > 0)
            throw Ended(lane);
        List<PtxLane> barrier = _barriers[lane.BarrierId];
        if (barrier.Count > 0)
        {
            PtxLane first = barrier[0];
            PtxInstruction at = _execution.Kernel.Instructions[first.SyncSite];
            bool other = first.SyncSite != lane.SyncSite;
            if (
                first.BarrierThreads != lane.BarrierThreads
                || (other && lane.BarrierThreads == 0)
                || (other && first.SyncOperation != lane.SyncOperation)
            )
                throw Diverged(
                    lane,
                    $"thread {first.Place} waits for it at another, {at.Source}, PTX line {at.Line} ({at.Name})"
                );
        }
        barrier.Add(lane);
        if (barrier.Count < Expected(lane))
            return;
        Release(barrier);
    }

    private void Release(List<PtxLane> barrier)
    {
        _execution.Barriers++;
        var operation = (PtxWarpOperation)barrier[0].SyncOperation;
        int result = barrier[0].SyncValue;
        if (operation != PtxWarpOperation.Barrier)
            foreach (PtxLane lane in barrier.Skip(1))
                result = PtxWarpOperations.Reduce(operation, result, lane.SyncValue);
        Join(barrier);
        foreach (PtxLane lane in barrier)
        {
            lane.SyncResult = result;
            lane.Warp.Ready |= 1u << lane.LaneId;
        }
        barrier.Clear();
    }

    /// <summary>Warps that met have seen what each other did before.</summary>
    private void Join(List<PtxLane> barrier)
    {
        Array.Clear(_met);
        Array.Clear(_joined);
        foreach (PtxLane lane in barrier)
            _met[lane.WarpId] = true;
        for (int warp = 0; warp < _met.Length; warp++)
        for (int i = 0; _met[warp] && i < _joined.Length; i++)
            _joined[i] = Math.Max(_joined[i], _warps[warp].Clocks[i]);
        for (int warp = 0; warp < _met.Length; warp++)
        {
            if (!_met[warp])
                continue;
            _joined.CopyTo(_warps[warp].Clocks, 0);
            _warps[warp].Clocks[warp]++;
        }
    }

    private PtxFaultException Ended(PtxLane waiting) =>
        Diverged(waiting, $"thread {_firstExited!.Place} has ended and will not reach it");

    private static PtxFaultException Diverged(PtxLane lane, string why) =>
        lane.Fault(PtxFaultKind.BarrierDivergence, lane.SyncSite, 0, why);
}
