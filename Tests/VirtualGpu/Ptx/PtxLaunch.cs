using Sequor.VirtualGpu.Recording;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>A launch of a kernel.</summary>
internal sealed record PtxLaunch
{
    /// <summary>Blocks.</summary>
    public required PtxDim3 Grid { get; init; }

    /// <summary>Threads a block.</summary>
    public required PtxDim3 Block { get; init; }

    /// <summary>Bytes of dynamic shared memory a block.</summary>
    public int SharedBytes { get; init; }

    /// <summary>The arguments, each at the offset that the kernel's parameters say.</summary>
    public byte[] Arguments { get; init; } = [];

    public required IPtxMemory Memory { get; init; }

    /// <summary>What the order of all that PTX leaves open comes from, and the errors of approximations.</summary>
    public ulong Seed { get; init; }

    /// <summary>How matrix products are computed; null for a way by the seed.</summary>
    public PtxTensorCore? TensorCore { get; init; }

    /// <summary>Where what the launch does is added.</summary>
    public PtxCounts Counts { get; init; } = new();

    /// <summary>All blocks run at once, as in a cooperative launch; else only a few do, in any order.</summary>
    public bool Cooperative { get; init; }

    /// <summary>Blocks that run at once, where the launch is not cooperative; null for a number by the seed.</summary>
    public int? BlocksAtOnce { get; init; }

    /// <summary>Stores reach other blocks late, and loads may find what was there before, unless fenced.</summary>
    public bool WeakMemory { get; init; } = true;

    /// <summary>Instructions of all threads together after which the launch hangs.</summary>
    public long InstructionLimit { get; init; } = 10_000_000_000;

    /// <summary>Instructions in a row, of all threads together, that change nothing and read no data.</summary>
    public long QuietLimit { get; init; } = 200_000_000;

    /// <summary>Sees every access to global memory; null for nobody.</summary>
    public IPtxWatch? Watch { get; init; }

    /// <summary>Counts what warps ask of memory: requests, sectors, bank conflicts. It takes time.</summary>
    public bool CountSectors { get; init; }
}

/// <summary>What launches did. Without polling, and for one kind of atomic order, it is the same for every seed.</summary>
internal sealed class PtxCounts
{
    public long Launches { get; set; }

    public long Blocks { get; set; }

    public long Threads { get; set; }

    /// <summary>PTX instructions, those with a false predicate as well, of each thread.</summary>
    public long Instructions { get; set; }

    /// <summary>Bytes of global memory that threads asked for, cached or not.</summary>
    public long BytesRead { get; set; }

    /// <summary>Bytes of global memory that threads wrote.</summary>
    public long BytesWritten { get; set; }

    /// <summary>Atomic operations on global memory; their bytes are counted nowhere else.</summary>
    public long Atomics { get; set; }

    /// <summary>Barriers of blocks, each counted once a block.</summary>
    public long Barriers { get; set; }

    /// <summary>
    /// Operations with floats of 32 bits: sums, products, quotients and functions, one each, a fused product and sum two. An
    /// operation whose predicate is false does not count.
    /// </summary>
    public long SingleOperations { get; set; }

    /// <summary>The same with floats of 64 bits.</summary>
    public long DoubleOperations { get; set; }

    /// <summary>
    /// Operations of matrix products by warps (<c>mma</c>) whose factors are TF32: a product and a sum for each pair of factors. They
    /// are counted nowhere else.
    /// </summary>
    public long Tf32Operations { get; set; }

    /// <summary>The same with factors of 16 bits.</summary>
    public long HalfOperations { get; set; }

    /// <summary>
    /// Requests of global memory: what an instruction asks for the lanes of a warp together, lanes paired by how often they have
    /// executed it. This and all below is 0 unless <see cref="PtxLaunch.CountSectors"/>.
    /// </summary>
    public long Requests { get; set; }

    /// <summary>32-byte sectors that the requests touch, counted in each request.</summary>
    public long Sectors { get; set; }

    /// <summary>Requests of shared memory.</summary>
    public long SharedRequests { get; set; }

    /// <summary>How often requests of shared memory had to be served beyond the first time for each 128 bytes.</summary>
    public long BankConflicts { get; set; }

    /// <summary>
    /// Bytes of the sectors of which a launch read anything, and of those of which it wrote anything, each counted once a launch:
    /// what has to come from memory and go there at least, if nothing is there yet.
    /// </summary>
    public long BytesTouched { get; set; }

    /// <summary>Adds what other launches did.</summary>
    public void Add(PtxCounts other)
    {
        Launches += other.Launches;
        Blocks += other.Blocks;
        Threads += other.Threads;
        Instructions += other.Instructions;
        BytesRead += other.BytesRead;
        BytesWritten += other.BytesWritten;
        Atomics += other.Atomics;
        Barriers += other.Barriers;
        SingleOperations += other.SingleOperations;
        DoubleOperations += other.DoubleOperations;
        Tf32Operations += other.Tf32Operations;
        HalfOperations += other.HalfOperations;
        Requests += other.Requests;
        Sectors += other.Sectors;
        SharedRequests += other.SharedRequests;
        BankConflicts += other.BankConflicts;
        BytesTouched += other.BytesTouched;
    }
}
