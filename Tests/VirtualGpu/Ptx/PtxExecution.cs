using System.Runtime.InteropServices;
using Sequor.VirtualGpu.Recording;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// Runs a launch. A few blocks run at once, in any order, and within them any warp and any lane: all by the seed,
/// so that a run repeats.
/// </summary>
internal sealed unsafe class PtxExecution
{
    /// <summary>What a thread has between compiled code and what that calls, bytes.</summary>
    public const int ScratchBytes = 64;

    // Of a thread, on every GPU.
    private const long MostLocal = 512 << 10;

    // Of a block, on any device so far, less what the system takes; a driver has its device's own limit.
    private const long MostShared = 227 << 10;

    private readonly long _grid;
    private readonly byte* _memory;
    private readonly long _laneBytes;
    private long _used;
    private long _quiet;

    private PtxExecution(PtxKernel kernel, PtxLaunch launch, byte* memory, int residents)
    {
        Kernel = kernel;
        Launch = launch;
        Code = kernel.Compile();
        Random = new PtxRandom(launch.Seed);
        Sites = new PtxSite[kernel.Instructions.Count];
        // No access has this address.
        Array.Fill(Sites, new PtxSite { Base = ulong.MaxValue >> 1 });
        Traffic = launch.CountSectors ? new PtxTraffic(Code) : null;
        Watch = launch.Watch;
        TensorCore = launch.TensorCore ?? PtxTensorCore.Of(launch.Seed);
        _grid = launch.Grid.Count;
        _memory = memory;
        _laneBytes = LaneBytes(kernel);
        Residents = residents;
        launch.Arguments.CopyTo(new Span<byte>(memory, launch.Arguments.Length));
        _used = (launch.Arguments.Length + 15) / 16 * 16;
    }

    public PtxKernel Kernel { get; }

    public PtxLaunch Launch { get; }

    public PtxCode Code { get; }

    public PtxRandom Random { get; }

    public PtxSite[] Sites { get; }

    public PtxTraffic? Traffic { get; }

    public IPtxWatch? Watch { get; }

    public PtxTensorCore TensorCore { get; }

    /// <summary>Operations of matrix products so far, by what their factors are.</summary>
    public long Tf32Operations { get; set; }

    /// <inheritdoc cref="Tf32Operations"/>
    public long HalfOperations { get; set; }

    /// <summary>Blocks at once, at most.</summary>
    public int Residents { get; }

    /// <summary>So far, of all threads.</summary>
    public long Instructions { get; private set; }

    /// <summary>What the running thread was given.</summary>
    public int Slice { get; private set; }

    public long Barriers { get; set; }

    /// <summary>Accesses that took <see cref="PtxCompiler.StrongCharge"/> of a slice beside themselves.</summary>
    public long Polls { get; set; }

    /// <summary>Bytes that accesses were cut short by.</summary>
    public long BytesLeft { get; set; }

    /// <summary>Whether the running thread has done something that others could wait for.</summary>
    public bool Changed { get; set; }

    /// <summary>Runs a launch to its end.</summary>
    /// <exception cref="PtxFaultException">The kernel did something wrong.</exception>
    /// <exception cref="ArgumentException">The launch does not fit the kernel.</exception>
    public static void Run(PtxKernel kernel, PtxLaunch launch)
    {
        Check(kernel, launch);
        long grid = launch.Grid.Count;
        int residents = launch.Cooperative
            ? (int)grid
            : (int)
                Math.Min(
                    grid,
                    launch.BlocksAtOnce ?? 1 + (long)(PtxRandom.Mix(launch.Seed ^ 0x5EED) % 6)
                );
        long threads = residents * launch.Block.Count;
        long bytes =
            (launch.Arguments.Length + 15) / 16 * 16
            + threads * LaneBytes(kernel)
            + residents * SharedBytes(kernel, launch);
        byte* memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes + 16, 128);
        try
        {
            new PtxExecution(kernel, launch, memory, residents).Run();
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    public PtxLane NewLane(PtxBlock block, PtxWarp warp, int thread)
    {
        byte* start = Take(_laneBytes);
        return new PtxLane(this, block, warp, thread)
        {
            Scratch = (nint)start,
            Slab = (nint)(start + ScratchBytes),
            Parameters = (nint)_memory,
            Local =
                Kernel.LocalBytes == 0
                    ? null
                    : new PtxLocalMemory(
                        start + ScratchBytes + 8 * Kernel.Registers.Count,
                        Kernel.LocalBytes
                    ),
        };
    }

    public PtxSharedMemory NewShared()
    {
        long bytes = SharedBytes(Kernel, Launch);
        return new PtxSharedMemory(this, Take(bytes), (ulong)bytes);
    }

    public static PtxLocalMemory LocalOf(PtxLane lane, ulong address, int site) =>
        lane.Local
        ?? throw lane.Fault(
            PtxFaultKind.OutOfBounds,
            site,
            address,
            "the kernel has no local memory"
        );

    /// <summary>Runs a thread for some instructions, or to where it waits.</summary>
    public PtxStop Run(PtxLane lane, int slice)
    {
        Slice = slice;
        lane.Budget = slice;
        Changed = false;
        var stop = (PtxStop)Code.Run(lane);
        int used = slice - lane.Budget;
        Instructions += used;
        _quiet = Changed || stop != PtxStop.Slice ? 0 : _quiet + used;
        if (_quiet > Launch.QuietLimit)
            throw Hangs(lane, $"nothing has changed for {_quiet} instructions");
        if (Instructions > Launch.InstructionLimit)
            throw Hangs(lane, $"the launch's {Launch.InstructionLimit} instructions are used up");
        return stop;
    }

    private void Run()
    {
        long next = 0;
        long done = 0;
        long[] order = [.. LongRange(_grid)];
        for (int i = order.Length - 1; i > 0; i--)
        {
            int other = Random.Below(i + 1);
            (order[i], order[other]) = (order[other], order[i]);
        }
        var running = new List<PtxBlock>();
        for (; next < Residents; next++)
        {
            running.Add(new PtxBlock(this));
            running[^1].Start(Place(order[next]));
        }
        PtxBlock[] all = [.. running];
        while (done < _grid)
        {
            // Of blocks that have ended as well.
            all[Random.Below(all.Length)].Weak.Trickle();
            int at = Random.Below(running.Count);
            PtxBlock block = running[at];
            block.Step();
            if (!block.Done)
                continue;
            done++;
            block.Traffic?.End();
            if (next < _grid)
                block.Start(Place(order[next++]));
            else
                running.RemoveAt(at);
        }
        foreach (PtxBlock block in all)
            block.Weak.Flush();
        Count(all);
    }

    private static IEnumerable<long> LongRange(long count)
    {
        for (long i = 0; i < count; i++)
            yield return i;
    }

    private PtxDim3 Place(long block) =>
        new(
            (uint)(block % Launch.Grid.X),
            (uint)(block / Launch.Grid.X % Launch.Grid.Y),
            (uint)(block / Launch.Grid.X / Launch.Grid.Y)
        );

    private void Count(PtxBlock[] all)
    {
        PtxCounts counts = Launch.Counts;
        counts.Launches++;
        counts.Blocks += _grid;
        counts.Threads += _grid * Launch.Block.Count;
        counts.Barriers += Barriers;
        counts.Instructions += Instructions - Polls * PtxCompiler.StrongCharge;
        foreach (PtxLane lane in all.SelectMany(block => block.Lanes))
        {
            counts.SingleOperations += lane.SingleOperations;
            counts.DoubleOperations += lane.DoubleOperations;
        }
        counts.Tf32Operations += Tf32Operations;
        counts.HalfOperations += HalfOperations;
        if (Traffic is { } traffic)
        {
            counts.Requests += traffic.Requests;
            counts.Sectors += traffic.Sectors;
            counts.SharedRequests += traffic.SharedRequests;
            counts.BankConflicts += traffic.BankConflicts;
            counts.BytesTouched += traffic.Read.Bytes + traffic.Written.Bytes;
        }
        counts.BytesRead -= BytesLeft;
        for (int i = 0; i < Sites.Length; i++)
        {
            if (Code.Accesses[i] is not { } access || access.Space == PtxSpace.Const)
                continue;
            long times = Sites[i].Executions;
            if (access.Atomic != PtxAtomic.None)
                counts.Atomics += times;
            else if (access.Writes)
                counts.BytesWritten += times * access.Bytes;
            else
                counts.BytesRead += times * access.Bytes;
        }
    }

    private PtxFaultException Hangs(PtxLane lane, string why) =>
        lane.Fault(
            PtxFaultKind.Hang,
            Math.Min(Code.Resumes[lane.Resume], Kernel.Instructions.Count - 1),
            0,
            why + "; this is where a thread was last"
        );

    private byte* Take(long bytes)
    {
        byte* start = _memory + _used;
        _used += (bytes + 15) / 16 * 16;
        return start;
    }

    private static long LaneBytes(PtxKernel kernel) =>
        (ScratchBytes + 8L * kernel.Registers.Count + kernel.LocalBytes + 15) / 16 * 16;

    /// <summary>Of a block, gaps between variables included.</summary>
    private static long SharedBytes(PtxKernel kernel, PtxLaunch launch) =>
        ((long)(kernel.SharedEnd - PtxKernel.WindowStart) + launch.SharedBytes + 15) / 16 * 16;

    private static void Check(PtxKernel kernel, PtxLaunch launch)
    {
        long threads = launch.Block.Count;
        long most = kernel.RequiredThreads > 0 ? kernel.RequiredThreads : kernel.MaximumThreads;
        if (threads < 1 || threads > most || (kernel.RequiredThreads > 0 && threads != most))
            throw new ArgumentException(
                $"A block of {launch.Block} threads: kernel {kernel.Name} takes {(kernel.RequiredThreads > 0 ? "" : "1 to ")}{most}."
            );
        if (launch.Grid.Count is < 1 or > int.MaxValue)
            throw new ArgumentException(
                $"A grid of {launch.Grid} blocks: 1 to {int.MaxValue} are allowed."
            );
        if (launch.Arguments.Length != kernel.ParameterBytes)
            throw new ArgumentException(
                $"{launch.Arguments.Length} bytes of arguments: kernel {kernel.Name} takes {kernel.ParameterBytes}."
            );
        if (kernel.LocalBytes > MostLocal)
            throw new ArgumentException(
                $"{kernel.LocalBytes} bytes of local memory a thread of kernel {kernel.Name}: there are {MostLocal}."
            );
        if (launch.SharedBytes < 0 || kernel.StaticSharedBytes + launch.SharedBytes > MostShared)
            throw new ArgumentException(
                $"{launch.SharedBytes} bytes of dynamic shared memory beside the {kernel.StaticSharedBytes} of kernel {kernel.Name}: there are {MostShared}."
            );
    }
}
