namespace Sequor.Native.Kernels;

/// <summary>Which scan kernel a shape is computed by, its launch, and the memory that it needs besides the operands.</summary>
/// <remarks>
/// With many channels, a thread walks all time for one or two of them. With few, time is also split into tiles. Which it is, and how long
/// tiles are, goes by the shape and the device's multiprocessors. The bounds are reasoned (docs/kernels.md), not measured.
/// </remarks>
public readonly record struct ScanKernel
{
    /// <summary>The most channels that are split into tiles, so that bytes from a step to the next are a whole number of 32 bits.</summary>
    public const int MostSplitChannels = 1 << 27;

    /// <summary>The channels of a tile.</summary>
    public const int Strip = 32;

    private const int StepsOfWarp = 16;
    private const int LeastWarps = 4;
    private const int MostWarps = 16;
    private const int MostBackwardWarps = 8;
    private const int WideThreads = 128;

    // Warps of either pass on a multiprocessor, by their registers: 64 and 128 a thread. A test compares the table of ptxas.
    private const int ResidentWarps = 32;
    private const int ResidentBackwardWarps = 16;

    // From so many channels a multiprocessor on, each walks all its time: 16 warps with 16 loads ahead each.
    private const long ManyChannels = 512;

    // Tiles that one look back sees.
    private const int Looks = 8;

    // Of a launch of so many waves, whatever the last one leaves idle is little; of others it should fill so much of the device.
    private const int ManyWaves = 16;
    private const double LeastOfWave = 0.25;

    // Beside the words of tiles: the ticket and the epoch, and what keeps the words at multiples of 16 bytes.
    private const int ControlOfAll = 4;

    // Two words of 64 bits a channel, and the tag of a block.
    private const int ControlOfTile = 4 * Strip + 1;

    private readonly long _channels;

    // The warps are those of a tile, or 0 if time is not split. Backward has two values a step where forward has one.
    internal ScanKernel(int batch, int size, int steps, bool packed, bool pair, int warps)
        : this(batch, size, steps, packed, pair, warps, Math.Min(warps, MostBackwardWarps)) { }

    private ScanKernel(
        int batch,
        int size,
        int steps,
        bool packed,
        bool pair,
        int warps,
        int backwardWarps
    )
    {
        _channels = (long)batch * size;
        (Packed, Pair, Warps, BackwardWarps) = (packed, pair, warps, backwardWarps);
        Chunked = warps > 0;
        if (!Chunked)
            return;
        if (_channels > MostSplitChannels)
            throw new ArgumentOutOfRangeException(
                nameof(batch),
                _channels,
                "Sequences times channels of a scan in tiles must be at most 2^27."
            );
        Tiles = (int)Ceiling(steps, Length);
        BackwardTiles = (int)Ceiling(steps, StepsOfWarp * BackwardWarps);
    }

    /// <summary>Chooses the kernels for a shape.</summary>
    /// <param name="batch">B, the number of sequences.</param>
    /// <param name="size">N, the number of complex channels of each.</param>
    /// <param name="steps">The number of steps of the range.</param>
    /// <param name="packed">Whether the rows are packed.</param>
    /// <param name="aligned">Whether all operands begin at multiples of 16 bytes.</param>
    /// <param name="multiprocessors">The number of multiprocessors of the device.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1, or there are more than 2^30 channels.</exception>
    public static ScanKernel Choose(
        int batch,
        int size,
        int steps,
        bool packed,
        bool aligned,
        int multiprocessors
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(multiprocessors, 1);
        long channels = (long)batch * size;
        if (channels > 1 << 30)
            throw new ArgumentOutOfRangeException(
                nameof(batch),
                channels,
                "Sequences times channels of a scan must be at most 2^30."
            );
        if (!Splits(channels, steps, multiprocessors))
            return Wide(batch, size, steps, packed, aligned, multiprocessors);
        return new ScanKernel(
            batch,
            size,
            steps,
            packed,
            false,
            WarpsOf(channels, steps, multiprocessors, ResidentWarps, MostWarps),
            WarpsOf(channels, steps, multiprocessors, ResidentBackwardWarps, MostBackwardWarps)
        );
    }

    /// <summary>The kernels for a shape where tiles of so many warps are wanted, 16 steps each, or 0 for none.</summary>
    /// <param name="batch">B, sequences.</param>
    /// <param name="size">N, complex channels of each.</param>
    /// <param name="steps">Steps of the range.</param>
    /// <param name="packed">The rows are packed.</param>
    /// <param name="aligned">All operands begin at multiples of 16 bytes.</param>
    /// <param name="multiprocessors">Multiprocessors of the device.</param>
    /// <param name="warps">
    /// 0, or 4 to 16; backward has at most 8. A range of a single tile of 4 warps is not split, nor one of more tiles than
    /// <see cref="MostRoom"/>. As many as the rule would take mean all that it takes.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A size or the number of warps is none.</exception>
    public static ScanKernel Of(
        int batch,
        int size,
        int steps,
        bool packed,
        bool aligned,
        int multiprocessors,
        int warps
    )
    {
        if (warps is not (0 or (>= LeastWarps and <= MostWarps)))
            throw new ArgumentOutOfRangeException(nameof(warps), warps, "0, or 4 to 16 are there.");
        ScanKernel usual = Choose(batch, size, steps, packed, aligned, multiprocessors);
        long channels = (long)batch * size;
        if (warps == 0 || steps <= LeastWarps * StepsOfWarp || !HasRoom(channels, steps))
            return usual.Chunked
                ? Wide(batch, size, steps, packed, aligned, multiprocessors)
                : usual;
        return warps == usual.Warps
            ? usual
            : new ScanKernel(batch, size, steps, packed, false, warps);
    }

    /// <summary>
    /// The most tiles, over all strips of 32 channels, of any scan that is not larger and has tiles of so many warps, as in
    /// <see cref="Of"/>; 0 where none is split.
    /// </summary>
    public static long MostTilesOf(int batch, int size, int steps, int multiprocessors, int warps)
    {
        if (warps == 0 || steps <= LeastWarps * StepsOfWarp)
            return 0;
        long strips = Ceiling((long)batch * size, Strip);
        long length = StepsOfWarp * Math.Min(warps, MostBackwardWarps);
        // Some shape may be one for which the rule has as many forward, and fewer backward.
        return Math.Max(
            Math.Min(checked(strips * Ceiling(steps, length)), MostRoom),
            MostTiles(batch, size, steps, multiprocessors)
        );
    }

    /// <summary>The most tiles, over all strips of 32 channels, of any scan that is not larger; 0 where none is split.</summary>
    /// <param name="batch">Most sequences.</param>
    /// <param name="size">N, complex channels of each.</param>
    /// <param name="steps">Most steps of a range.</param>
    /// <param name="multiprocessors">Multiprocessors of the device.</param>
    public static long MostTiles(int batch, int size, int steps, int multiprocessors)
    {
        long many = ManyChannels * multiprocessors;
        if (steps <= LeastWarps * StepsOfWarp || size >= many)
            return 0;
        // Smaller batches may be split even if the largest is not. No tile is shorter than one of 4 warps.
        long channels = Math.Min((long)batch * size, (many - 1) / size * size);
        long tiles = checked(Ceiling(channels, Strip) * Ceiling(steps, LeastWarps * StepsOfWarp));
        return Math.Min(tiles, MostRoom);
    }

    /// <summary>The most tiles, over all strips, that there are words for.</summary>
    public const int MostRoom = (int.MaxValue - ControlOfAll) / ControlOfTile;

    /// <summary>The 32-bit words of control memory of a scan with so many tiles.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are more than <see cref="MostRoom"/>.</exception>
    public static long ControlCountOf(long tiles)
    {
        if (tiles > MostRoom)
            throw new ArgumentOutOfRangeException(
                nameof(tiles),
                tiles,
                $"A scan has at most {MostRoom} tiles; ranges of fewer steps have fewer."
            );
        return tiles == 0 ? 0 : ControlOfAll + ControlOfTile * tiles;
    }

    private static bool Splits(long channels, int steps, int multiprocessors) =>
        channels < ManyChannels * multiprocessors
        && steps > LeastWarps * StepsOfWarp
        && HasRoom(channels, steps);

    // Whether there are words for all tiles, whatever their length. Of a range with more, which no device of today has the memory for, time
    // is not split.
    private static bool HasRoom(long channels, int steps) =>
        Ceiling(channels, Strip) * Ceiling(steps, LeastWarps * StepsOfWarp) <= MostRoom;

    private static ScanKernel Wide(
        int batch,
        int size,
        int steps,
        bool packed,
        bool aligned,
        int multiprocessors
    )
    {
        bool pair =
            aligned && size % 2 == 0 && (long)batch * size >= 2 * ManyChannels * multiprocessors;
        return new ScanKernel(batch, size, steps, packed, pair, 0);
    }

    private static int WarpsOf(
        long channels,
        int steps,
        int multiprocessors,
        int resident,
        int most
    )
    {
        long strips = Ceiling(channels, Strip);
        // The tiles of a strip that are under way together are within one look back: 4 warps where strips fill the device.
        int warps = (int)
            Math.Clamp(Ceiling((long)multiprocessors * resident, Looks * strips), LeastWarps, most);
        // Few blocks in a last wave would take as long as many. Where that cannot be helped, they are as many as can be.
        int taken = LeastWarps;
        double fullest = 0;
        for (int away = 0; away <= most; away++)
        {
            foreach (int w in (ReadOnlySpan<int>)[warps + away, warps - away])
            {
                double last = LastWave(w);
                if (last >= LeastOfWave)
                    return w;
                if (last > fullest)
                    (taken, fullest) = (w, last);
            }
        }
        return taken;

        long Blocks(int w) => strips * Ceiling(steps, StepsOfWarp * w);

        // The part of the device that the last wave fills, 1 where it does not matter; 0 for lengths that are not taken.
        double LastWave(int w)
        {
            // Tiles of 11 warps, say, leave a third of a multiprocessor idle.
            if (w < LeastWarps || w > most || resident / w * w * 4 < resident * 3)
                return 0;
            // Two tiles for each multiprocessor, where there are so many.
            if (w > LeastWarps && Blocks(w) < 2L * multiprocessors)
                return 0;
            long places = (long)multiprocessors * (resident / w);
            long last = Blocks(w) % places;
            return last == 0 || Blocks(w) < places || Blocks(w) >= ManyWaves * places
                ? 1
                : (double)last / places;
        }
    }

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

    /// <summary>The number of warps of a tile of the forward pass, each of which takes 16 steps.</summary>
    public int Warps { get; }

    /// <summary>The number of warps of a tile of the backward pass, which has two values a step.</summary>
    public int BackwardWarps { get; }

    /// <summary>The number of steps of a tile of the forward pass.</summary>
    public int Length => StepsOfWarp * Warps;

    /// <summary>The number of tiles along time in the forward pass; 0 if it is not split.</summary>
    public int Tiles { get; }

    /// <summary>The number of tiles along time in the backward pass; 0 if it is not split.</summary>
    public int BackwardTiles { get; }

    private long Strips => Ceiling(_channels, Strip);

    /// <summary>Whether steps may begin anew.</summary>
    public bool Resets { get; init; }

    /// <summary>The name of the module that contains the kernels.</summary>
    public string Module =>
        (Chunked, Resets) switch
        {
            (true, false) => "scan_chunked",
            (true, true) => "scan_chunked_resets",
            (false, false) => "scan_wide",
            (false, true) => "scan_wide_resets",
        };

    /// <summary>The name of the kernel for the forward pass.</summary>
    public string Forward =>
        (Chunked, Pair, Packed, Resets) switch
        {
            (true, _, false, false) => "scan_chunked_forward",
            (true, _, false, true) => "scan_chunked_forward_resets",
            (true, _, true, false) => "scan_chunked_forward_packed",
            (true, _, true, true) => "scan_chunked_forward_resets_packed",
            (false, false, false, false) => "scan_wide_forward",
            (false, false, false, true) => "scan_wide_forward_resets",
            (false, false, true, false) => "scan_wide_forward_packed",
            (false, false, true, true) => "scan_wide_forward_resets_packed",
            (false, true, false, false) => "scan_wide_forward_pair",
            (false, true, false, true) => "scan_wide_forward_resets_pair",
            (false, true, true, false) => "scan_wide_forward_pair_packed",
            (false, true, true, true) => "scan_wide_forward_resets_pair_packed",
        };

    /// <summary>The name of the kernel for the backward pass.</summary>
    public string Backward =>
        (Chunked, Pair, Packed, Resets) switch
        {
            (true, _, false, false) => "scan_chunked_backward",
            (true, _, false, true) => "scan_chunked_backward_resets",
            (true, _, true, false) => "scan_chunked_backward_packed",
            (true, _, true, true) => "scan_chunked_backward_resets_packed",
            (false, false, false, false) => "scan_wide_backward",
            (false, false, false, true) => "scan_wide_backward_resets",
            (false, false, true, false) => "scan_wide_backward_packed",
            (false, false, true, true) => "scan_wide_backward_resets_packed",
            (false, true, false, false) => "scan_wide_backward_pair",
            (false, true, false, true) => "scan_wide_backward_resets_pair",
            (false, true, true, false) => "scan_wide_backward_pair_packed",
            (false, true, true, true) => "scan_wide_backward_resets_pair_packed",
        };

    /// <summary>The grid of the forward pass.</summary>
    public KernelGrid Grid => GridOf(Tiles, Warps);

    /// <summary>The grid of the backward pass.</summary>
    public KernelGrid BackwardGrid => GridOf(BackwardTiles, BackwardWarps);

    /// <summary>The tiles of either pass, over all strips of 32 channels, that control memory must have room for.</summary>
    public int Room => (int)(Strips * Math.Max(Tiles, BackwardTiles));

    /// <summary>
    /// The 32-bit words by which tiles tell each other of their states. They must be zeros before the first launch, and only this scan may
    /// write them.
    /// </summary>
    public long ControlCount => ControlCountOf(Room);

    /// <summary>The number of rows of the partial sums for dlambda, [rows, 2N], which column_sum adds up.</summary>
    public long PartialRows(int batch) => (long)batch * Math.Max(1, BackwardTiles);

    private KernelGrid GridOf(int tiles, int warps) =>
        Chunked
            ? new KernelGrid((int)(Strips * tiles), 1, 32 * warps)
            : KernelGrid.Threadwise(Ceiling(_channels, Pair ? 2 : 1), WideThreads);

    private static long Ceiling(long count, long unit) => (count + unit - 1) / unit;
}
