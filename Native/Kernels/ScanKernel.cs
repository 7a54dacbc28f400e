namespace Sequor.Native.Kernels;

/// <summary>Which scan a shape is given to, its launch, and the memory beside the operands.</summary>
/// <remarks>
/// Many channels: a thread walks all time for one or two of them. Few: time is split into tiles too. The bounds are argued,
/// not measured: 65,536 channels are 16 warps on each of 128 multiprocessors, with 16 loads ahead each.
/// </remarks>
public readonly record struct ScanKernel
{
    private const int Strip = 32;
    private const int StepsOfWarp = 16;
    private const int MostWarps = 16;
    private const int WideThreads = 128;
    private const long ManyChannels = 65536;

    // Two blocks on each multiprocessor of a large device.
    private const long Enough = 264;

    private readonly long _channels;

    // Warps are those of a tile, or 0 where time is not split.
    internal ScanKernel(int batch, int size, int steps, bool packed, bool pair, int warps)
    {
        _channels = (long)batch * size;
        (Packed, Pair, Warps) = (packed, pair, warps);
        Chunked = warps > 0;
        if (!Chunked)
            return;
        long tiles = Ceiling(steps, Length);
        // Tickets and the grid are of 31 bits.
        if (Strips * tiles > int.MaxValue)
            throw new ArgumentOutOfRangeException(
                nameof(steps),
                steps,
                "A scan of so few channels must be split into ranges of fewer steps."
            );
        Tiles = (int)tiles;
    }

    /// <summary>The kernel for a shape.</summary>
    /// <param name="batch">B, sequences.</param>
    /// <param name="size">N, complex channels of each.</param>
    /// <param name="steps">Steps of the range.</param>
    /// <param name="packed">The rows are packed.</param>
    /// <param name="aligned">All operands begin at multiples of 16 bytes.</param>
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
        // As long tiles as still fill the device: each costs its carries.
        int warps = MostWarps;
        long strips = Ceiling(channels, Strip);
        while (warps > 4 && strips * Ceiling(steps, StepsOfWarp * warps) < Enough)
            warps /= 2;
        return new ScanKernel(batch, size, steps, packed, false, warps);
    }

    /// <summary>The kernel for a shape where tiles of so many warps are wanted, 16 steps each, or 0 for none.</summary>
    /// <param name="batch">B, sequences.</param>
    /// <param name="size">N, complex channels of each.</param>
    /// <param name="steps">Steps of the range.</param>
    /// <param name="packed">The rows are packed.</param>
    /// <param name="aligned">All operands begin at multiples of 16 bytes.</param>
    /// <param name="warps">0, 4, 8 or 16. A range of a single tile of 4 warps is not split.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size or the number of warps is none.</exception>
    public static ScanKernel Of(
        int batch,
        int size,
        int steps,
        bool packed,
        bool aligned,
        int warps
    )
    {
        if (warps is not (0 or 4 or 8 or MostWarps))
            throw new ArgumentOutOfRangeException(nameof(warps), warps, "0, 4, 8 or 16 are there.");
        ScanKernel usual = Choose(batch, size, steps, packed, aligned);
        bool splits = warps > 0 && steps > 4 * StepsOfWarp;
        return splits == usual.Chunked && (!splits || warps == usual.Warps)
            ? usual
            : new ScanKernel(
                batch,
                size,
                steps,
                packed,
                !splits && aligned && size % 2 == 0 && (long)batch * size >= 2 * ManyChannels,
                splits ? warps : 0
            );
    }

    /// <summary>The most tiles of any scan that is not larger, where all have tiles of so many warps; 0 where none is split.</summary>
    public static long MostTiles(int batch, int size, int steps, int warps) =>
        warps == 0 || steps <= 4 * StepsOfWarp
            ? 0
            : checked(
                Ceiling((long)batch * size, Strip) * Ceiling(steps, (long)StepsOfWarp * warps)
            );

    /// <summary>The most tiles, over all strips of 32 channels, of any scan that is not larger; 0 where none is split.</summary>
    /// <param name="batch">Most sequences.</param>
    /// <param name="size">N, complex channels of each.</param>
    /// <param name="steps">Most steps of a range.</param>
    public static long MostTiles(int batch, int size, int steps)
    {
        if (steps <= 4 * StepsOfWarp || size >= ManyChannels)
            return 0;
        // Smaller batches may be split where the largest is not.
        long strips = Ceiling(Math.Min((long)batch * size, ManyChannels - 1), Strip);
        // Longest tiles; or shorter ones, of which twice as long ones were not enough.
        return Math.Max(
            strips * Ceiling(steps, StepsOfWarp * MostWarps),
            Math.Min(2 * (Enough - 1), strips * Ceiling(steps, 4 * StepsOfWarp))
        );
    }

    /// <summary>Words of the control of a scan with so many tiles.</summary>
    public static long ControlCountOf(long tiles) => tiles == 0 ? 0 : 3 + tiles;

    /// <summary>Floats of scratch for what so many tiles do to a channel.</summary>
    public static long AggregateCountOf(long tiles) => 2L * Strip * tiles;

    /// <summary>The first step and the direction in which a kernel walks a range.</summary>
    /// <param name="first">The range's first step.</param>
    /// <param name="count">How many steps it has.</param>
    /// <param name="reverse">The recurrence runs from the end to the beginning.</param>
    /// <param name="backward">The backward pass, which runs against it.</param>
    public static (int Start, int Delta) Walk(int first, int count, bool reverse, bool backward) =>
        reverse == backward ? (first, 1) : (first + count - 1, -1);

    /// <summary>Time is split into tiles.</summary>
    public bool Chunked { get; }

    /// <summary>A thread has two channels.</summary>
    public bool Pair { get; }

    /// <summary>The rows are packed.</summary>
    public bool Packed { get; }

    /// <summary>Warps of a tile, 16 steps each.</summary>
    public int Warps { get; }

    /// <summary>Steps of a tile.</summary>
    public int Length => StepsOfWarp * Warps;

    /// <summary>Tiles along time; 0 where it is not split.</summary>
    public int Tiles { get; }

    private long Strips => Ceiling(_channels, Strip);

    /// <summary>The module that has the kernels.</summary>
    public string Module => Chunked ? "scan_chunked" : "scan_wide";

    /// <summary>The kernel of the forward pass.</summary>
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

    /// <summary>The kernel of the backward pass.</summary>
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

    /// <summary>The launch of either.</summary>
    public KernelGrid Grid =>
        Chunked
            ? new KernelGrid((int)(Strips * Tiles), 1, 32 * Warps)
            : KernelGrid.Threadwise(Ceiling(_channels, Pair ? 2 : 1), WideThreads);

    /// <summary>32-bit words of tickets and flags: zeros before the first launch, and then left to this scan.</summary>
    public long ControlCount => ControlCountOf(Strips * Tiles);

    /// <summary>Floats of scratch for what tiles do to a channel.</summary>
    public long AggregateCount => AggregateCountOf(Strips * Tiles);

    /// <summary>Rows of the partial sums for dlambda, [rows, 2N], which column_sum joins.</summary>
    public long PartialRows(int batch) => (long)batch * Math.Max(1, Tiles);

    private static long Ceiling(long count, long unit) => (count + unit - 1) / unit;
}
