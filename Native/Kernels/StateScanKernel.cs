namespace Sequor.Native.Kernels;

/// <summary>How a state space's scan is launched: the states of a lane, and the segments that time is split into.</summary>
/// <remarks>
/// Where there are columns enough for all multiprocessors, a block walks the whole time of 32 of them. Where there are few, time is split:
/// that costs a third more reads forward and products of its own, so it is done until blocks are enough and no further. The bounds are
/// reasoned, not measured.
/// </remarks>
public readonly record struct StateScanKernel
{
    private const int Columns = 32;
    private const int Lanes = 8;
    private const int Tile = 32;
    private const int MostStates = 8;
    private const int FlatThreads = 128;

    // A segment has at least this many steps, else the work of its ends and starts is more than its own.
    private const int LeastLength = 64;

    // This many blocks are two on each multiprocessor of a large device.
    private const long Enough = 264;

    private StateScanKernel(int batch, int channels, int size, int steps, int segments)
    {
        (Batch, Channels, Size) = (batch, channels, size);
        long strips = Strips((long)batch * channels);
        Length = segments == 1 ? steps : (int)Ceiling(Ceiling(steps, segments), Tile) * Tile;
        Segments = (int)Ceiling(steps, Length);
        Grid = new KernelGrid(checked((int)strips), Segments, Columns * Lanes);
        EndsGrid = new KernelGrid((int)strips, Math.Max(1, Segments - 1), Columns * Lanes);
    }

    /// <summary>Chooses for a shape.</summary>
    /// <param name="batch">B, sequences.</param>
    /// <param name="channels">H, channels of each.</param>
    /// <param name="size">N, complex states of a channel.</param>
    /// <param name="steps">T.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public static StateScanKernel Choose(int batch, int channels, int size, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        long strips = Strips((long)batch * channels);
        long wanted = Math.Min(Ceiling(Enough, strips), steps / LeastLength);
        return Of(batch, channels, size, steps, (int)Math.Max(1, wanted));
    }

    /// <summary>The launch for a shape with at most so many segments.</summary>
    /// <param name="batch">B, sequences.</param>
    /// <param name="channels">H, channels of each.</param>
    /// <param name="size">N, complex states of a channel.</param>
    /// <param name="steps">T.</param>
    /// <param name="segments">Segments; their length is a multiple of 32 steps, so there may be fewer.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public static StateScanKernel Of(int batch, int channels, int size, int steps, int segments)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(segments, 1);
        return new StateScanKernel(batch, channels, size, steps, segments);
    }

    /// <summary>The most columns times segments of any scan that is not larger, and whose time is split; 0 where none is.</summary>
    /// <param name="batch">Most sequences.</param>
    /// <param name="channels">H.</param>
    /// <param name="steps">Most steps.</param>
    public static long MostSplit(int batch, int channels, int steps)
    {
        if (steps < 2 * LeastLength || Strips(channels) >= Enough)
            return 0;
        // Segments are fewer than one more than fills the device, and each has its least length.
        return Math.Min(
            2 * Enough * Columns,
            checked((long)batch * channels * (steps / LeastLength))
        );
    }

    /// <summary>The most columns times segments of any scan that is not larger.</summary>
    /// <param name="batch">Most sequences.</param>
    /// <param name="channels">H.</param>
    /// <param name="steps">Most steps.</param>
    public static long MostLines(int batch, int channels, int steps) =>
        Math.Max(checked((long)batch * channels), MostSplit(batch, channels, steps));

    /// <summary>B.</summary>
    public int Batch { get; }

    /// <summary>H.</summary>
    public int Channels { get; }

    /// <summary>N.</summary>
    public int Size { get; }

    /// <summary>The steps of a segment; the last may have fewer.</summary>
    public int Length { get; }

    /// <summary>The number of segments.</summary>
    public int Segments { get; }

    /// <summary>The grid of both passes.</summary>
    public KernelGrid Grid { get; }

    /// <summary>The grid of the kernels that find the ends of all segments but the last.</summary>
    public KernelGrid EndsGrid { get; }

    /// <summary>The grid of the kernels that turn these into the starts.</summary>
    public KernelGrid CarryGrid =>
        KernelGrid.Threadwise(checked((long)Batch * Channels * Size), FlatThreads);

    /// <summary>The grid of the kernel that adds up the gradients.</summary>
    public KernelGrid SumsGrid => KernelGrid.Threadwise((long)Channels * Size, FlatThreads);

    /// <summary>The states that one launch takes, from the first one on: at most 64.</summary>
    /// <param name="first">The first state.</param>
    public int StatesFrom(int first) => Math.Min(Size - first, Lanes * MostStates);

    /// <summary>The end of the kernels' names for as many states as one launch takes from a first one on.</summary>
    /// <param name="first">The first state.</param>
    public string Suffix(int first) =>
        StatesFrom(first) switch
        {
            <= Lanes => "1",
            <= 4 * Lanes => "4",
            _ => "8",
        };

    private static long Strips(long columns) => Ceiling(columns, Columns);

    private static long Ceiling(long count, long unit) => (count + unit - 1) / unit;
}
