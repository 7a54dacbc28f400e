using System.Numerics;

namespace Sequor.Native.Kernels;

/// <summary>
/// The blocks and threads of a launch. They depend on the shape alone and never on the device, so that sums repeat bit for bit.
/// </summary>
/// <param name="X">The number of blocks along x.</param>
/// <param name="Y">The number of blocks along y, at most 65535.</param>
/// <param name="Threads">The number of threads of a block.</param>
/// <param name="Lanes">The number of columns that a block has side by side, if the kernel needs to know it; else 0.</param>
public readonly record struct KernelGrid(int X, int Y, int Threads, int Lanes = 0)
{
    /// <summary>The number of threads of a block in most kernels.</summary>
    public const int Block = 256;

    /// <summary>The most blocks along y.</summary>
    public const int MostY = 65535;

    // Beyond this many blocks, threads go on to further values, since more blocks would only take longer to start.
    private const int MostFlat = 1 << 16;

    // So many blocks fill a large device twice; more would only leave more partial sums to join.
    private const int MostSumming = 512;

    // 256 bytes of a row: whole sectors, and few idle threads of a block where there are few columns.
    private const int MostLanes = 64;

    // The rows that a thread takes, so that what it needs for a column is read once for all of them.
    private const int RowsEach = 4;
    private const int MostPacksEach = 4;
    private const int TableWarps = 4;
    private const int SummedRowsEach = 32;
    private const int WrittenRowsEach = 8;
    private const int DroppedRowsEach = 16;

    /// <summary>The number of blocks along x and y together.</summary>
    public int Blocks => checked(X * Y);

    /// <summary>For values in one contiguous block of memory: a thread for each 4 of them.</summary>
    public static KernelGrid Flat(long count) =>
        new((int)Math.Clamp(Ceiling(count, 4 * Block), 1, MostFlat), 1, Block);

    /// <summary>For sums over all values, by blocks that stride: at least 16 values for each thread.</summary>
    public static KernelGrid Sum(long count) =>
        new((int)Math.Clamp(Ceiling(count, 16 * Block), 1, MostSumming), 1, Block);

    /// <summary>For a matrix that is processed by rows or steps: a few of them for each thread.</summary>
    public static KernelGrid Rows(long rows, int columns)
    {
        int lanes = LanesOf(columns, MostLanes);
        long lines = Block / lanes;
        return new(
            (int)Ceiling(columns, lanes),
            (int)Math.Clamp(Ceiling(rows, lines * RowsEach), 1, MostY),
            Block,
            lanes
        );
    }

    /// <summary>
    /// For a matrix whose values a kernel takes four at a time where it can: 16 for each thread where that leaves blocks enough to fill
    /// a large device twice, else fewer, but 4.
    /// </summary>
    public static KernelGrid Packs(long rows, int columns)
    {
        int lanes = LanesOf(columns, MostLanes);
        int across = (int)Ceiling(columns, lanes);
        long down = PackedBlocks(rows, Block / lanes, across);
        return new(across, (int)Math.Clamp(down, 1, MostY), Block, lanes);
    }

    /// <summary>For kernels in which each block along y takes a step or a sequence.</summary>
    public static KernelGrid Steps(long steps, int columns)
    {
        int lanes = LanesOf(columns, MostLanes);
        return new((int)Ceiling(columns, lanes), (int)Math.Clamp(steps, 1, MostY), Block, lanes);
    }

    /// <summary>For items with several columns that each take long: a thread for each item and column.</summary>
    public static KernelGrid Items(long items, int columns)
    {
        int lanes = LanesOf(columns, MostLanes);
        return new(
            (int)Ceiling(columns, lanes),
            (int)Math.Clamp(Ceiling(items, Block / lanes), 1, MostY),
            Block,
            lanes
        );
    }

    /// <summary>For sums over the rows of a matrix, which Y parts compute and leave as partial sums.</summary>
    public static KernelGrid ColumnSums(long rows, int columns)
    {
        int lanes = LanesOf(columns, MostLanes);
        long lines = Block / lanes;
        int across = (int)Ceiling(columns, lanes);
        long parts = Math.Min(Ceiling(rows, lines * SummedRowsEach), MostParts(columns));
        return new(across, (int)Math.Max(1, parts), Block, lanes);
    }

    /// <summary>The same for kernels that also write each element, and may have several sums.</summary>
    public static KernelGrid WritingColumnSums(long rows, int columns, int sums)
    {
        int lanes = LanesOf(columns, MostLanes);
        long lines = Block / lanes;
        int across = (int)Ceiling(columns, lanes);
        long most = Math.Max(1, MostParts(columns) / sums);
        long parts = Math.Min(Ceiling(rows, lines * WrittenRowsEach), most);
        return new(across, (int)Math.Max(1, parts), Block, lanes);
    }

    /// <summary>
    /// For what follows a convolution: rows along x, columns along y. Where channels are dropped, a thread takes one channel over many
    /// steps, and at least as many rows are processed at a time as there are sequences.
    /// </summary>
    /// <param name="steps">The number of steps; without dropout, that of all rows.</param>
    /// <param name="batch">The number of sequences; without dropout, 1.</param>
    /// <param name="columns">The number of channels.</param>
    public static KernelGrid ConvolutionOutput(long steps, int batch, int columns)
    {
        int lanes = LanesOf(columns, MostLanes);
        long lines = Block / lanes;
        int across = (int)Ceiling(columns, lanes);
        long blocks = Math.Clamp(
            batch == 1
                ? PackedBlocks(steps, lines, across)
                : Ceiling(steps * batch, lines * DroppedRowsEach),
            Ceiling(batch, lines),
            Math.Max(MostFlat, Ceiling(batch, lines))
        );
        return new(checked((int)blocks), across, Block, lanes);
    }

    /// <summary>The bytes that hold a bit for each column of a row, where a kernel writes them row by row.</summary>
    public static int BitBytes(int columns) =>
        columns <= 8 ? 1
        : columns <= 16 ? 2
        : 4 * (int)Ceiling(columns, 32);

    /// <summary>The most parts of <see cref="ColumnSums"/>, however many rows there are.</summary>
    public static int MostParts(int columns) =>
        Math.Max(1, MostSumming / (int)Ceiling(columns, LanesOf(columns, MostLanes)));

    /// <summary>For losses of rows: a group of lanes for each row.</summary>
    public static KernelGrid LossRows(long rows, int columns)
    {
        int lanes = LanesOf(columns, 32);
        return new((int)Math.Clamp(Ceiling(rows, Block / lanes), 1, MostSumming), 1, Block, lanes);
    }

    /// <summary>
    /// For a linear recurrence: a thread for each value of a state of up to 256 values, and as many sequences in a block as have room. Warps
    /// are whole, so that its threads read the same state.
    /// </summary>
    public static KernelGrid Recurrence(int batch, int size)
    {
        int lanes = Math.Max(32, LanesOf(size, Block));
        return new((int)Ceiling(batch, Block / lanes), 1, Block, lanes);
    }

    /// <summary>A block of so many threads for each item, such as a row.</summary>
    public static KernelGrid Each(long items, int threads) => new(checked((int)items), 1, threads);

    /// <summary>For a table of entries: one along y, of which each has at most so many rows along x, a block a row.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are more entries than <see cref="MostY"/>, or none.</exception>
    public static KernelGrid Table(int entries, int rows, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(entries, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(entries, MostY);
        return new(rows, entries, threads);
    }

    /// <summary>The same where a warp has a row, in blocks of four rows.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are more entries than <see cref="MostY"/>, or none.</exception>
    public static KernelGrid WarpTable(int entries, int rows) =>
        Table(entries, (int)Ceiling(rows, TableWarps), 32 * TableWarps);

    /// <summary>A thread for each item.</summary>
    public static KernelGrid Threadwise(long items, int threads) =>
        new(checked((int)Ceiling(items, threads)), 1, threads);

    /// <summary>For a layer normalisation: a warp takes a row at a time, and in the gradient each block leaves partial sums.</summary>
    public static KernelGrid LayerNorm(long rows) =>
        new((int)Math.Clamp(Ceiling(rows, 16), 1, MostSumming), 1, 128);

    // Blocks along the rows, of so many rows at a time: of 4 packs a thread, or where these do not fill a device of fewer.
    private static long PackedBlocks(long rows, long lines, int across)
    {
        long single = Ceiling(rows, lines * RowsEach);
        return Math.Max(
            Ceiling(single, MostPacksEach),
            Math.Min(single, Ceiling(MostSumming, across))
        );
    }

    private static int LanesOf(int columns, int most) =>
        Math.Min(most, (int)BitOperations.RoundUpToPowerOf2((uint)columns));

    private static long Ceiling(long count, long unit) => (count + unit - 1) / unit;
}
