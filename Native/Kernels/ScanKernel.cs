namespace Sequor.Native.Kernels;

/// <summary>Which scan kernel a shape is computed by, its launch, and the memory that it needs besides the operands.</summary>
/// <remarks>
/// With many channels, a thread walks all time for one or two of them. With few, time is also split into tiles. The bounds are reasoned,
/// not measured: 65,536 channels are 16 warps on each of 128 multiprocessors, with 16 loads ahead each.
/// </remarks>
public readonly record struct ScanKernel
{
    private const int Strip = 32;
    private const int StepsOfWarp = 16;
    private const int MostWarps = 16;
    private const int WideThreads = 128;
    private const long ManyChannels = 65536;

    // This many blocks are two on each multiprocessor of a large device.
    private const long Enough = 264;

    private readonly long _channels;

    // The warps are those of a tile, or 0 if time is not split.
    internal ScanKernel(int batch, int size, int steps, bool packed, bool pair, int warps)
    {
        _channels = (long)batch * size;
        (Packed, Pair, Warps) = (packed, pair, warps);
        Chunked = warps > 0;
        if (!Chunked)
            return;
        long tiles = Ceiling(steps, Length);
        // Tickets and the grid have 31 bits.
        if (Strips * tiles > int.MaxValue)
            throw new ArgumentOutOfRangeException(
                nameof(steps),
                steps,
                "A scan of so few channels must be split into ranges of fewer steps."
            );
        Tiles = (int)tiles;
    }

    /// <summary>Chooses the kernel for a shape.</summary>
    /// <param name="batch">B, the number of sequences.</param>
    /// <param name="size">N, the number of complex channels of each.</param>
    /// <param name="steps">The number of steps of the range.</param>
    /// <param name="packed">Whether the rows are packed.</param>
    /// <param name="aligned">Whether all operands begin at multiples of 16 bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1, or there are more than 2^30 channels.</exception>
    public static ScanKernel Choose(int batch, int size, int steps, bool packed, bool aligned)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        long channels = (long)batch * size;
        if (channels > 1 << 30)
            throw new ArgumentOutOfRangeException(
                nameof(batch),
                channels,
                "Sequences times channels of a scan must be at most 2^30."
            );
        if (channels >= ManyChannels || steps <= 4 * StepsOfWarp)
        {
            bool pair = aligned && size % 2 == 0 && channels >= 2 * ManyChannels;
            return new ScanKernel(batch, size, steps, packed, pair, 0);
        }
        // Tiles are as long as still fills the device, since each of them has the cost of its carries.
        int warps = MostWarps;
        long strips = Ceiling(channels, Strip);
        while (warps > 4 && strips * Ceiling(steps, StepsOfWarp * warps) < Enough)
            warps /= 2;
        return new ScanKernel(batch, size, steps, packed, false, warps);
    }

    /// <summary>The most tiles, over all strips of 32 channels, of any scan that is not larger; 0 if none is split.</summary>
    /// <param name="batch">The most sequences.</param>
    /// <param name="size">N, the number of complex channels of each.</param>
    /// <param name="steps">The most steps of a range.</param>
    public static long MostTiles(int batch, int size, int steps)
    {
        if (steps <= 4 * StepsOfWarp || size >= ManyChannels)
            return 0;
        // Smaller batches may be split even if the largest is not.
        long strips = Ceiling(Math.Min((long)batch * size, ManyChannels - 1), Strip);
        // Either tiles have the greatest length, or they are shorter, and then tiles twice as long were too few.
        return Math.Max(
            strips * Ceiling(steps, StepsOfWarp * MostWarps),
            Math.Min(2 * (Enough - 1), strips * Ceiling(steps, 4 * StepsOfWarp))
        );
    }

    /// <summary>The 32-bit words of control memory of a scan with so many tiles.</summary>
    public static long ControlCountOf(long tiles) => tiles == 0 ? 0 : 3 + tiles;

    /// <summary>The floats of scratch memory for the aggregates of so many tiles: what each does to a channel's state.</summary>
    public static long AggregateCountOf(long tiles) => 2L * Strip * tiles;

    /// <summary>The first step and the direction in which a kernel walks a range.</summary>
    /// <param name="first">The range's first step.</param>
    /// <param name="count">The number of steps of the range.</param>
    /// <param name="reverse">Whether the recurrence runs from the end to the beginning.</param>
    /// <param name="backward">Whether it is the backward pass, which runs against the recurrence.</param>
    public static (int Start, int Delta) Walk(int first, int count, bool reverse, bool backward) =>
        reverse == backward ? (first, 1) : (first + count - 1, -1);

    /// <summary>Whether time is split into tiles.</summary>
    public bool Chunked { get; }

    /// <summary>Whether a thread takes two channels.</summary>
    public bool Pair { get; }

    /// <summary>Whether the rows are packed.</summary>
    public bool Packed { get; }

    /// <summary>The number of warps of a tile, each of which takes 16 steps.</summary>
    public int Warps { get; }

    /// <summary>The number of steps of a tile.</summary>
    public int Length => StepsOfWarp * Warps;

    /// <summary>The number of tiles along time; 0 if it is not split.</summary>
    public int Tiles { get; }

    private long Strips => Ceiling(_channels, Strip);

    /// <summary>The name of the module that contains the kernels.</summary>
    public string Module => Chunked ? "scan_chunked" : "scan_wide";

    /// <summary>The name of the kernel for the forward pass.</summary>
    public string Forward =>
        (Chunked, Pair, Packed) switch
        {
            (true, _, false) => "scan_chunked_forward",
            (true, _, true) => "scan_chunked_forward_packed",
            (false, false, false) => "scan_wide_forward",
            (false, false, true) => "scan_wide_forward_packed",
            (false, true, false) => "scan_wide_forward_pair",
            (false, true, true) => "scan_wide_forward_pair_packed",
        };

    /// <summary>The name of the kernel for the backward pass.</summary>
    public string Backward =>
        (Chunked, Pair, Packed) switch
        {
            (true, _, false) => "scan_chunked_backward",
            (true, _, true) => "scan_chunked_backward_packed",
            (false, false, false) => "scan_wide_backward",
            (false, false, true) => "scan_wide_backward_packed",
            (false, true, false) => "scan_wide_backward_pair",
            (false, true, true) => "scan_wide_backward_pair_packed",
        };

    /// <summary>The grid of both passes.</summary>
    public KernelGrid Grid =>
        Chunked
            ? new KernelGrid((int)(Strips * Tiles), 1, 32 * Warps)
            : KernelGrid.Threadwise(Ceiling(_channels, Pair ? 2 : 1), WideThreads);

    /// <summary>
    /// The 32-bit words of tickets and flags. They must be zeros before the first launch, and only this scan may write them.
    /// </summary>
    public long ControlCount => ControlCountOf(Strips * Tiles);

    /// <summary>The floats of scratch memory for the tiles' aggregates.</summary>
    public long AggregateCount => AggregateCountOf(Strips * Tiles);

    /// <summary>The number of rows of the partial sums for dlambda, [rows, 2N], which column_sum adds up.</summary>
    public long PartialRows(int batch) => (long)batch * Math.Max(1, Tiles);

    private static long Ceiling(long count, long unit) => (count + unit - 1) / unit;
}
