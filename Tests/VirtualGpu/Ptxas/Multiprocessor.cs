namespace Sequor.VirtualGpu.Ptxas;

/// <summary>
/// What a multiprocessor of a compute capability has room for, and how many blocks of a kernel fit on it. (CUDA C++
/// Programming Guide, "Technical Specifications per Compute Capability"; units of allocation as in cuda_occupancy.h.)
/// </summary>
/// <param name="Capability">Major * 10 + minor.</param>
/// <param name="Warps">Most resident warps.</param>
/// <param name="Blocks">Most resident blocks.</param>
/// <param name="SharedBytes">Shared memory, bytes.</param>
/// <param name="ReservedSharedBytes">What the system takes of it for each block, bytes.</param>
/// <param name="SharedUnit">What a block's shared memory is rounded up to, bytes.</param>
internal sealed record Multiprocessor(
    int Capability,
    int Warps,
    int Blocks,
    int SharedBytes,
    int ReservedSharedBytes,
    int SharedUnit
)
{
    /// <summary>Registers of 32 bits; a block can have all of them.</summary>
    public const int Registers = 65536;

    /// <summary>Shared memory that a block has without asking for more, bytes.</summary>
    public const int SharedBytesPerBlock = 48 << 10;

    private const int WarpSize = 32;
    private const int RegisterUnit = 256;
    private const int SubPartitions = 4;

    /// <summary>Those that Sequor's kernels are compiled for ahead, in ascending order.</summary>
    public static IReadOnlyList<Multiprocessor> All { get; } =
    [
        new(75, 32, 16, 64 << 10, 0, 256),
        new(80, 64, 32, 164 << 10, 1 << 10, 128),
        new(86, 48, 16, 100 << 10, 1 << 10, 128),
        new(89, 48, 24, 100 << 10, 1 << 10, 128),
        new(90, 64, 32, 228 << 10, 1 << 10, 128),
    ];

    /// <summary>That of a compute capability.</summary>
    /// <exception cref="ArgumentException">It is none of <see cref="All"/>.</exception>
    public static Multiprocessor Of(int capability) =>
        All.FirstOrDefault(m => m.Capability == capability)
        ?? throw new ArgumentException(
            $"Compute capability {capability} is none of {string.Join(", ", All.Select(m => m.Capability))}.",
            nameof(capability)
        );

    /// <summary>
    /// What a device has of a compute capability that need not be one of <see cref="All"/>: the last before it, or the first.
    /// </summary>
    public static Multiprocessor Near(int capability) =>
        All.LastOrDefault(m => m.Capability <= capability) ?? All[0];

    /// <summary>Shared memory that a block can have where the kernel asks for it, bytes.</summary>
    public int MostSharedBytesPerBlock => SharedBytes - ReservedSharedBytes;

    /// <summary>How much shared memory, static and dynamic, blocks can have if some are to fit on a multiprocessor, bytes.</summary>
    public int SharedBytesOf(int blocks) =>
        Math.Min(
            SharedBytes / blocks / SharedUnit * SharedUnit - ReservedSharedBytes,
            MostSharedBytesPerBlock
        );

    /// <summary>How many blocks of a kernel fit on a multiprocessor at a time; 0 if none does.</summary>
    /// <param name="threads">Threads a block.</param>
    /// <param name="registers">Registers a thread.</param>
    /// <param name="sharedBytes">Shared memory a block, static and dynamic, bytes.</param>
    public int ResidentBlocks(int threads, int registers, long sharedBytes)
    {
        int warps = WarpsOf(threads);
        // Registers are given to warps, by four parts of the multiprocessor that have their own.
        int perWarp = RoundUp(registers * WarpSize, RegisterUnit);
        if ((long)perWarp * RoundUp(warps, SubPartitions) > Registers)
            return 0;
        long fit = Math.Min(Blocks, Warps / warps);
        if (perWarp > 0)
            fit = Math.Min(fit, Registers / SubPartitions / perWarp * SubPartitions / warps);
        long shared =
            (sharedBytes + ReservedSharedBytes + SharedUnit - 1) / SharedUnit * SharedUnit;
        return (int)(shared == 0 ? fit : Math.Min(fit, SharedBytes / shared));
    }

    /// <summary>The part of the warps that a multiprocessor could have which so many blocks are.</summary>
    public double Occupancy(int threads, int blocks) => (double)blocks * WarpsOf(threads) / Warps;

    private static int WarpsOf(int threads) => (threads + WarpSize - 1) / WarpSize;

    private static int RoundUp(int number, int unit) => (number + unit - 1) / unit * unit;
}
