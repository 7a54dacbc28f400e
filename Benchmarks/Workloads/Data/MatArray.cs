using System.Buffers.Binary;

namespace Sequor.Workloads;

#pragma warning disable CA1720 // These are the names that the format gives.
/// <summary>MATLAB's classes of arrays; the numbers are the format's.</summary>
public enum MatClass
{
    /// <summary>Arrays of any class.</summary>
    Cell = 1,

    /// <summary>Named fields.</summary>
    Struct = 2,

    /// <summary>An object.</summary>
    Object = 3,

    /// <summary>Text.</summary>
    Char = 4,

    /// <summary>A sparse matrix.</summary>
    Sparse = 5,

    /// <summary>Floats of 64 bits.</summary>
    Double = 6,

    /// <summary>Floats of 32 bits.</summary>
    Single = 7,

    /// <summary>Signed bytes.</summary>
    Int8 = 8,

    /// <summary>Bytes.</summary>
    UInt8 = 9,

    /// <summary>Signed integers of 16 bits.</summary>
    Int16 = 10,

    /// <summary>Unsigned integers of 16 bits.</summary>
    UInt16 = 11,

    /// <summary>Signed integers of 32 bits.</summary>
    Int32 = 12,

    /// <summary>Unsigned integers of 32 bits.</summary>
    UInt32 = 13,

    /// <summary>Signed integers of 64 bits.</summary>
    Int64 = 14,

    /// <summary>Unsigned integers of 64 bits.</summary>
    UInt64 = 15,

    /// <summary>A function handle.</summary>
    Function = 16,

    /// <summary>An object whose contents the format does not describe.</summary>
    Opaque = 17,
}
#pragma warning restore CA1720

/// <summary>An array of a MAT-file: numbers, cells, or something whose contents are not read.</summary>
public class MatArray
{
    internal MatArray(string name, MatClass @class, int[] dimensions)
    {
        Name = name;
        Class = @class;
        Dimensions = dimensions;
    }

    /// <summary>The variable's name; mostly empty inside a cell.</summary>
    public string Name { get; }

    /// <summary>What it is made of.</summary>
    public MatClass Class { get; }

    /// <summary>The sizes, at least two, first the one that changes fastest; none where the format does not say them.</summary>
    public IReadOnlyList<int> Dimensions { get; }

    /// <summary>The class and the sizes, as "uint8 [60, 88]".</summary>
    public override string ToString() =>
        $"{Class.ToString().ToLowerInvariant()} [{string.Join(", ", Dimensions)}]";
}

/// <summary>A cell array.</summary>
public sealed class MatCells : MatArray
{
    internal MatCells(string name, int[] dimensions, MatArray[] cells)
        : base(name, MatClass.Cell, dimensions) => Cells = cells;

    /// <summary>The cells, column-major.</summary>
    public IReadOnlyList<MatArray> Cells { get; }
}

/// <summary>An array of numbers of any class, column-major.</summary>
public sealed class MatNumbers : MatArray
{
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly MatType _type;
    private readonly bool _bigEndian;

    internal MatNumbers(
        string name,
        MatClass @class,
        int[] dimensions,
        MatType type,
        ReadOnlyMemory<byte> bytes,
        bool bigEndian,
        bool complex
    )
        : base(name, @class, dimensions)
    {
        _type = type;
        _bytes = bytes;
        _bigEndian = bigEndian;
        IsComplex = complex;
        Count = bytes.Length / MatTypes.Width(type);
    }

    /// <summary>Number of values.</summary>
    public int Count { get; }

    /// <summary>There is an imaginary part as well, which cannot be had here.</summary>
    public bool IsComplex { get; }

    /// <summary>The value of a place, column-major; integers beyond 2^53 are rounded.</summary>
    public double this[int index]
    {
        get
        {
            int width = MatTypes.Width(_type);
            ReadOnlySpan<byte> b = _bytes.Span.Slice(index * width, width);
            return _type switch
            {
                MatType.Int8 => (sbyte)b[0],
                MatType.UInt8 => b[0],
                MatType.Int16 => _bigEndian
                    ? BinaryPrimitives.ReadInt16BigEndian(b)
                    : BinaryPrimitives.ReadInt16LittleEndian(b),
                MatType.UInt16 => _bigEndian
                    ? BinaryPrimitives.ReadUInt16BigEndian(b)
                    : BinaryPrimitives.ReadUInt16LittleEndian(b),
                MatType.Int32 => _bigEndian
                    ? BinaryPrimitives.ReadInt32BigEndian(b)
                    : BinaryPrimitives.ReadInt32LittleEndian(b),
                MatType.UInt32 => _bigEndian
                    ? BinaryPrimitives.ReadUInt32BigEndian(b)
                    : BinaryPrimitives.ReadUInt32LittleEndian(b),
                MatType.Int64 => _bigEndian
                    ? BinaryPrimitives.ReadInt64BigEndian(b)
                    : BinaryPrimitives.ReadInt64LittleEndian(b),
                MatType.UInt64 => _bigEndian
                    ? BinaryPrimitives.ReadUInt64BigEndian(b)
                    : BinaryPrimitives.ReadUInt64LittleEndian(b),
                MatType.Single => _bigEndian
                    ? BinaryPrimitives.ReadSingleBigEndian(b)
                    : BinaryPrimitives.ReadSingleLittleEndian(b),
                _ => _bigEndian
                    ? BinaryPrimitives.ReadDoubleBigEndian(b)
                    : BinaryPrimitives.ReadDoubleLittleEndian(b),
            };
        }
    }
}
