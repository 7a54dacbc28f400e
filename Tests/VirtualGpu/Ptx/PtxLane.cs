namespace Sequor.VirtualGpu.Ptx;

/// <summary>Why a thread's code came back.</summary>
internal enum PtxStop
{
    Exit,

    /// <summary>It has run long enough.</summary>
    Slice,

    /// <summary>It waits for threads of its block.</summary>
    Barrier,

    /// <summary>It waits for lanes of its warp.</summary>
    Warp,
}

/// <summary>What lanes of a warp do together.</summary>
internal enum PtxWarpOperation
{
    Barrier,
    ShuffleUp,
    ShuffleDown,
    ShuffleButterfly,
    ShuffleIndex,
    VoteAll,
    VoteAny,
    VoteUniform,
    Ballot,
    MatchAny,
    MatchAll,
    ReduceAdd,
    ReduceMin,
    ReduceMinSigned,
    ReduceMax,
    ReduceMaxSigned,
    ReduceAnd,
    ReduceOr,
    ReduceXor,
    MultiplyMatrices,
    LoadMatrices,
}

/// <summary>One thread: a lane of a warp. Its fields are what compiled code uses.</summary>
internal sealed unsafe class PtxLane(
    PtxExecution execution,
    PtxBlock block,
    PtxWarp warp,
    int thread
)
{
    /// <summary>Where to go on; 0 is the start.</summary>
    public int Resume;

    /// <summary>Instructions left before others run.</summary>
    public int Budget;

    /// <summary>Registers while the thread waits, 8 bytes each.</summary>
    public nint Slab;

    /// <summary>
    /// <see cref="PtxExecution.ScratchBytes"/> between compiled code and what does an access: 16 for one, those behind them for matrices.
    /// </summary>
    public nint Scratch;

    /// <summary>Operations with floats of each width so far, of all blocks whose thread it was; a fused one counts twice.</summary>
    public long SingleOperations;
    public long DoubleOperations;

    public nint Parameters;
    public PtxVariable[] Globals = execution.Code.Globals;
    public ulong Seed = execution.Launch.Seed;

    public uint TidX;
    public uint TidY;
    public uint TidZ;
    public uint NtidX = execution.Launch.Block.X;
    public uint NtidY = execution.Launch.Block.Y;
    public uint NtidZ = execution.Launch.Block.Z;
    public uint CtaidX;
    public uint CtaidY;
    public uint CtaidZ;
    public uint NctaidX = execution.Launch.Grid.X;
    public uint NctaidY = execution.Launch.Grid.Y;
    public uint NctaidZ = execution.Launch.Grid.Z;
    public int LaneId = thread & 31;
    public int WarpId = thread >> 5;

    // What it waits with, and what it gets.
    public int SyncSite;
    public int SyncOperation;
    public int SyncMask;
    public int SyncValue;
    public int SyncB;
    public int SyncC;
    public ulong SyncAddress;
    public int SyncResult;
    public int SyncPredicate;
    public int BarrierId;
    public int BarrierThreads;

    public PtxExecution Execution => execution;

    public PtxBlock Block => block;

    public PtxWarp Warp => warp;

    /// <summary>Its number in the block.</summary>
    public int Thread => thread;

    public PtxAsync? Async { get; set; }

    public PtxLocalMemory? Local { get; set; }

    public static long Clock(PtxLane lane, int budget) =>
        lane.Execution.Instructions + (lane.Execution.Slice - budget);

    public static void Poll(PtxLane lane) => lane.Execution.Polls++;

    public static void Fence(PtxLane lane, int acrossBlocks)
    {
        if (acrossBlocks != 0)
            lane.Block.Weak.Fence();
    }

    public static void Trap(PtxLane lane, int site) =>
        throw lane.Fault(PtxFaultKind.Trap, site, 0, "the kernel's own trap");

    public int DividedByZero(int site) =>
        throw Fault(
            PtxFaultKind.DivisionByZero,
            site,
            0,
            "PTX leaves open what a division by zero gives"
        );

    public PtxFaultException Fault(PtxFaultKind kind, int site, ulong address, string detail)
    {
        PtxInstruction instruction = execution.Kernel.Instructions[site];
        return new PtxFaultException(
            new PtxFault(
                kind,
                execution.Kernel.Name,
                instruction.Name,
                instruction.Line,
                instruction.Source,
                block.Place,
                Place,
                address,
                detail
            )
        );
    }

    public PtxDim3 Place => new(TidX, TidY, TidZ);

    /// <summary>Makes it the same thread of another block.</summary>
    public void Restart()
    {
        Resume = 0;
        TidX = (uint)thread % NtidX;
        TidY = (uint)thread / NtidX % NtidY;
        TidZ = (uint)thread / NtidX / NtidY;
        CtaidX = block.Place.X;
        CtaidY = block.Place.Y;
        CtaidZ = block.Place.Z;
        Async = null;
        Local?.Clear();
    }
}
