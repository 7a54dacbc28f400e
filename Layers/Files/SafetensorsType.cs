namespace Sequor.Layers;

/// <summary>
/// The value types that a safetensors file may hold, all little-endian. Numbers can be read as floats. Types whose values are not single
/// real numbers, or whose packing the format leaves open, can be read as bytes only.
/// </summary>
public enum SafetensorsType
{
    /// <summary>A boolean in one byte: 0 is false, any other value true.</summary>
    Bool,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>IEEE half precision.</summary>
    F16,

    /// <summary>bfloat16, the upper half of a single-precision float.</summary>
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

    /// <summary>8 bits: 4 of exponent, 3 of fraction, no infinities (Micikevicius et al. 2022).</summary>
    F8E4M3,

    /// <summary>8 bits of exponent: a power of two from 2^-127 to 2^127 (OCP Microscaling).</summary>
    F8E8M0,

    /// <summary>As <see cref="F8E4M3"/>, with exponents one lower, a single zero and a single NaN (Noune et al. 2022).</summary>
    F8E4M3Fnuz,

    /// <summary>
    /// As <see cref="F8E5M2"/>, with exponents one lower, a single zero, a single NaN and no infinities (Noune et al. 2022).
    /// </summary>
    F8E5M2Fnuz,

    /// <summary>4 bits, with two values in a byte (OCP Microscaling); read as bytes only.</summary>
    F4,

    /// <summary>6 bits, packed (OCP Microscaling); read as bytes only.</summary>
    F6E2M3,

    /// <summary>6 bits, packed (OCP Microscaling); read as bytes only.</summary>
    F6E3M2,

    /// <summary>A complex number of two floats, real and imaginary; read as bytes only.</summary>
    C64,

    /// <summary>A type that this version does not know; read as bytes only.</summary>
    Unknown,
}

internal static class SafetensorsTypes
{
    // A longer dtype is taken as damage, since no version of the format would use one; a shorter unknown one may be a later type.
    private const int LongestName = 32;

    /// <summary>The types' names in files and their bits for each value, in the order of the enumeration.</summary>
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

    /// <summary>Finds the type of a name. False where no version of the format could have that name.</summary>
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

    /// <summary>The bits of a value of a known type.</summary>
    public static int Bits(SafetensorsType type) => All[(int)type].Bits;

    /// <summary>The bytes of a value of a type that fills whole bytes.</summary>
    public static int Width(SafetensorsType type) => Bits(type) / 8;

    /// <summary>Whether the values are real numbers, each in bytes of its own.</summary>
    public static bool IsNumber(SafetensorsType type) => type < SafetensorsType.F4;

    /// <summary>Whether the values are whole numbers or booleans.</summary>
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
