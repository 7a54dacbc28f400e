namespace Sequor.Layers;

/// <summary>
/// The types that a safetensors file may hold. All are little-endian. Numbers are read as floats; what has no value of one
/// real number, or whose packing the format leaves open, is read as bytes alone.
/// </summary>
public enum SafetensorsType
{
    /// <summary>One byte: 0 is false, all else true.</summary>
    Bool,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>IEEE half precision.</summary>
    F16,

    /// <summary>The upper half of a single-precision float.</summary>
    BF16,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>IEEE single precision.</summary>
    F32,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>IEEE double precision.</summary>
    F64,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,

    /// <summary>The upper byte of half precision: 5 bits of exponent, 2 of fraction (Micikevicius et al. 2022).</summary>
    F8E5M2,

    /// <summary>4 bits of exponent, 3 of fraction, no infinities (Micikevicius et al. 2022).</summary>
    F8E4M3,

    /// <summary>A power of two from 2^-127 to 2^127 (OCP Microscaling).</summary>
    F8E8M0,

    /// <summary>As <see cref="F8E4M3"/> with exponents one less, one zero and one NaN (Noune et al. 2022).</summary>
    F8E4M3Fnuz,

    /// <summary>As <see cref="F8E5M2"/> with exponents one less, one zero, one NaN, no infinities (Noune et al. 2022).</summary>
    F8E5M2Fnuz,

    /// <summary>4 bits, several of which share a byte (OCP Microscaling); bytes alone.</summary>
    F4,

    /// <summary>6 bits, packed (OCP Microscaling); bytes alone.</summary>
    F6E2M3,

    /// <summary>6 bits, packed (OCP Microscaling); bytes alone.</summary>
    F6E3M2,

    /// <summary>Two floats, real and imaginary; bytes alone.</summary>
    C64,

    /// <summary>A type that this version does not know; bytes alone.</summary>
    Unknown,
}

internal static class SafetensorsTypes
{
    // A dtype that no version of the format would write is damage, one that a later version may is a type.
    private const int LongestName = 32;

    /// <summary>The types' names in files and their bits a value, by their number.</summary>
    private static readonly (string Name, int Bits)[] All =
    [
        ("BOOL", 8),
        ("U8", 8),
        ("F16", 16),
        ("BF16", 16),
        ("I32", 32),
        ("F32", 32),
        ("I64", 64),
        ("F64", 64),
        ("I8", 8),
        ("I16", 16),
        ("U16", 16),
        ("U32", 32),
        ("U64", 64),
        ("F8_E5M2", 8),
        ("F8_E4M3", 8),
        ("F8_E8M0", 8),
        ("F8_E4M3FNUZ", 8),
        ("F8_E5M2FNUZ", 8),
        ("F4", 4),
        ("F6_E2M3", 6),
        ("F6_E3M2", 6),
        ("C64", 64),
    ];

    public static string Known => string.Join(", ", All.Select(type => type.Name));

    /// <summary>The name of a known type.</summary>
    public static string NameOf(SafetensorsType type) => All[(int)type].Name;

    /// <summary>The type of a name; false where it is none that a version of the format could have.</summary>
    public static bool TryParse(string name, out SafetensorsType type)
    {
        int index = Array.FindIndex(All, known => known.Name == name);
        type = index < 0 ? SafetensorsType.Unknown : (SafetensorsType)index;
        return index >= 0
            || (
                name.Length is > 0 and <= LongestName
                && char.IsAsciiLetterUpper(name[0])
                && name.All(c => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c) || c == '_')
            );
    }

    /// <summary>Bits a value of a known type.</summary>
    public static int Bits(SafetensorsType type) => All[(int)type].Bits;

    /// <summary>Bytes a value of a type that fills whole bytes.</summary>
    public static int Width(SafetensorsType type) => Bits(type) / 8;

    /// <summary>The values are real numbers, each in bytes of its own.</summary>
    public static bool IsNumber(SafetensorsType type) => type < SafetensorsType.F4;

    /// <summary>The values are whole numbers, or true and false.</summary>
    public static bool IsWhole(SafetensorsType type) =>
        type
            is SafetensorsType.Bool
                or SafetensorsType.U8
                or SafetensorsType.I8
                or SafetensorsType.U16
                or SafetensorsType.I16
                or SafetensorsType.U32
                or SafetensorsType.I32
                or SafetensorsType.U64
                or SafetensorsType.I64;
}
