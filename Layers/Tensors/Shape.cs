using System.Globalization;

namespace Sequor.Layers;

/// <summary>The sizes of a tensor, outermost first: one to three dimensions, row-major.</summary>
/// <remarks>Activations are [T, B, C]: time, batch, channels.</remarks>
public readonly record struct Shape
{
    private readonly int _second;
    private readonly int _third;

    /// <summary>Makes a shape of one dimension.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public Shape(int first)
        : this(1, first, 1, 1) { }

    /// <summary>Makes a shape of two dimensions, rows and columns.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public Shape(int first, int second)
        : this(2, first, second, 1) { }

    /// <summary>Makes a shape of three dimensions.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public Shape(int first, int second, int third)
        : this(3, first, second, third) { }

    private Shape(int rank, int first, int second, int third)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(second);
        ArgumentOutOfRangeException.ThrowIfNegative(third);
        Rank = rank;
        First = first;
        _second = second;
        _third = third;
    }

    /// <summary>The shape of a block with at least so many values, where only their number matters.</summary>
    internal static Shape Block(long count) => checked(new((int)((count + 1023) / 1024), 1024));

    /// <summary>The number of dimensions, 0 to 3; 0 for <c>default(Shape)</c>.</summary>
    public int Rank { get; }

    /// <summary>The outermost size, which is T for activations.</summary>
    public int First { get; }

    /// <summary>The size of dimension <paramref name="index"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The index is not below <see cref="Rank"/>.</exception>
    public int this[int index] =>
        (uint)index >= (uint)Rank ? throw new ArgumentOutOfRangeException(nameof(index))
        : index == 0 ? First
        : index == 1 ? _second
        : _third;

    /// <summary>The product of all sizes.</summary>
    public long Count => Rank == 0 ? 0 : checked((long)First * _second * _third);

    /// <summary>The innermost size, which is the number of channels for activations.</summary>
    public int Columns => Rank == 0 ? 0 : this[Rank - 1];

    /// <summary>The product of all sizes but the innermost, which is T * B for activations.</summary>
    public long Rows =>
        Rank switch
        {
            0 => 0,
            1 => 1,
            2 => First,
            _ => (long)First * _second,
        };

    /// <summary>The sizes in brackets, as in [600, 32, 24].</summary>
    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"[{Rank switch { 0 => "", 1 => $"{First}", 2 => $"{First}, {_second}", _ => $"{First}, {_second}, {_third}" }}]"
        );
}
