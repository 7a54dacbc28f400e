namespace Sequor.Native.Kernels;

/// <summary>The launches of an embedding's gradient, and the memory that they take, by its largest shape.</summary>
/// <remarks>The bounds are argued, not measured: a hundred warps sort, and one block adds up what each of them counted.</remarks>
public readonly record struct EmbeddingKernel
{
    // Of the keys, a pass.
    private const int Bits = 8;
    private const int Digits = 1 << Bits;
    private const int Warps = KernelGrid.Block / 32;
    private const int MostUnits = 128;
    private const int LeastChunk = 256;

    /// <summary>For a table of so many rows and batches of up to so many positions.</summary>
    /// <param name="count">Rows of the table, at least 1.</param>
    /// <param name="positions">The most positions of a batch, at least 1.</param>
    /// <param name="piece">Sorted positions that are added up by one thread.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1.</exception>
    public EmbeddingKernel(int count, int positions, int piece)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(positions, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(piece, 1);
        Positions = positions;
        Piece = piece;
        Passes = 1;
        for (int left = (count - 1) >> Bits; left > 0; left >>= Bits)
            Passes++;
        // Whole warps.
        long chunk = Ceiling(Ceiling(positions, MostUnits), 32) * 32;
        Chunk = (int)Math.Max(LeastChunk, chunk);
    }

    /// <summary>The most positions of a batch.</summary>
    public int Positions { get; }

    /// <summary>Sorted positions that are added up by one thread.</summary>
    public int Piece { get; }

    /// <summary>Passes of the sort.</summary>
    public int Passes { get; }

    /// <summary>Positions that a warp sorts.</summary>
    public int Chunk { get; }

    /// <summary>Floats of a sorted key or position of each position.</summary>
    public long KeyCount => Positions;

    /// <summary>Pairs of keys and positions: what a pass reads is not what it writes.</summary>
    public int Buffers => Math.Min(Passes, 2);

    /// <summary>Floats of the digits that each warp counts.</summary>
    public long DigitCount => Ceiling(Positions, Chunk) * Digits;

    /// <summary>Floats of what runs leave that cross from a piece to the next.</summary>
    /// <param name="columns">Columns of the table.</param>
    public long PartialCount(int columns) => 2 * Ceiling(Positions, Piece) * columns;

    /// <summary>Floats of all memory beside the operands.</summary>
    /// <param name="columns">Columns of the table.</param>
    public long WorkspaceCount(int columns) =>
        2 * Buffers * KeyCount + DigitCount + PartialCount(columns);

    /// <summary>How far the digit of a pass is from the key's end, in bits.</summary>
    public static int Shift(int pass) => pass * Bits;

    /// <summary>The launches that sort: a warp for each chunk.</summary>
    /// <param name="positions">Positions of the batch.</param>
    public KernelGrid Sort(int positions) =>
        KernelGrid.Each(Ceiling(Ceiling(positions, Chunk), Warps), KernelGrid.Block);

    /// <summary>The launches that add up: a thread for each piece and column.</summary>
    /// <param name="positions">Positions of the batch.</param>
    /// <param name="columns">Columns of the table.</param>
    public KernelGrid Sum(int positions, int columns) =>
        KernelGrid.Items(Ceiling(positions, Piece), columns);

    private static long Ceiling(long count, long unit) => (count + unit - 1) / unit;
}
