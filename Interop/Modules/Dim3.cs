namespace Sequor.Interop;

/// <summary>The number of blocks of a grid, or of threads of a block, in up to three dimensions.</summary>
/// <param name="X">The number along x, above 0.</param>
/// <param name="Y">The number along y, above 0.</param>
/// <param name="Z">The number along z, above 0.</param>
public readonly record struct Dim3(int X, int Y = 1, int Z = 1)
{
    /// <summary>The product of the three numbers.</summary>
    public long Count => (long)X * Y * Z;

    /// <summary>Makes sizes in one dimension.</summary>
    public static implicit operator Dim3(int x) => new(x);

    /// <summary>Makes sizes in one dimension.</summary>
    public static Dim3 FromInt32(int x) => new(x);

    /// <inheritdoc/>
    public override string ToString() => $"{X} x {Y} x {Z}";
}
