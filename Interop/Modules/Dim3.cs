namespace Sequor.Interop;

/// <summary>Blocks of a grid, or threads of a block, in up to three dimensions.</summary>
/// <param name="X">Along x, above 0.</param>
/// <param name="Y">Along y, above 0.</param>
/// <param name="Z">Along z, above 0.</param>
public readonly record struct Dim3(int X, int Y = 1, int Z = 1)
{
    /// <summary>All of them.</summary>
    public long Count => (long)X * Y * Z;

    /// <summary>One dimension.</summary>
    public static implicit operator Dim3(int x) => new(x);

    /// <summary>One dimension.</summary>
    public static Dim3 FromInt32(int x) => new(x);

    /// <inheritdoc/>
    public override string ToString() => $"{X} x {Y} x {Z}";
}
