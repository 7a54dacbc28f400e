namespace Sequor.Native.Kernels;

/// <summary>The launches of an embedding's gradient, and the memory that they need for the largest batch.</summary>
/// <remarks>The bounds are reasoned, not measured: about a hundred warps sort, and one block adds up what each of them counted.</remarks>
public readonly record struct EmbeddingKernel
{
    // The bits of a key that one pass sorts by.
    private const int Bits = 8;
    private const int Digits = 1 << Bits;
    private const int Warps = KernelGrid.Block / 32;
    private const int MostUnits = 128;
    private const int LeastChunk = 256;

    /// <summary>Plans for a table of so many rows and for batches of up to so many positions.</summary>
    /// <param name="count">The number of rows of the table, at least 1.</param>
    /// <param name="positions">The most positions of a batch, at least 1.</param>
    /// <param name="piece">The number of sorted positions that one thread adds up, at least 1.</param>
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
        // A warp takes whole groups of 32 positions.
        long chunk = Ceiling(Ceiling(positions, MostUnits), 32) * 32;
        Chunk = (int)Math.Max(LeastChunk, chunk);
    }

    /// <summary>The most positions of a batch.</summary>
    public int Positions { get; }

    /// <summary>The number of sorted positions that one thread adds up.</summary>
    public int Piece { get; }

    /// <summary>The number of passes of the sort.</summary>
    public int Passes { get; }

    /// <summary>The number of positions that a warp sorts.</summary>
    public int Chunk { get; }

    /// <summary>The floats that hold one key, or one sorted position, for each position.</summary>
    public long KeyCount => Positions;

    /// <summary>The number of buffers for keys and positions. With two, a pass reads one and writes the other.</summary>
    public int Buffers => Math.Min(Passes, 2);

    /// <summary>The floats of the digits that each warp counts.</summary>
    public long DigitCount => Ceiling(Positions, Chunk) * Digits;

    /// <summary>The floats of the sums of classes whose positions cross from one piece to the next.</summary>
    /// <param name="columns">The number of columns of the table.</param>
    public long PartialCount(int columns) => 2 * Ceiling(Positions, Piece) * columns;

    /// <summary>The floats of all memory besides the operands.</summary>
    /// <param name="columns">The number of columns of the table.</param>
    public long WorkspaceCount(int columns) =>
        2 * Buffers * KeyCount + DigitCount + PartialCount(columns);

    /// <summary>The number of bits below the digit of a pass in the key.</summary>
    public static int Shift(int pass) => pass * Bits;

    /// <summary>The launches that sort, with a warp for each chunk.</summary>
    /// <param name="positions">The number of positions of the batch.</param>
    public KernelGrid Sort(int positions) =>
        KernelGrid.Each(Ceiling(Ceiling(positions, Chunk), Warps), KernelGrid.Block);

    /// <summary>The launches that add up, with a thread for each piece and column.</summary>
    /// <param name="positions">The number of positions of the batch.</param>
    /// <param name="columns">The number of columns of the table.</param>
    public KernelGrid Sum(int positions, int columns) =>
        KernelGrid.Items(Ceiling(positions, Piece), columns);

    private static long Ceiling(long count, long unit) => (count + unit - 1) / unit;
}
