namespace Sequor.Layers;

/// <summary>The types of values that are read from safetensors files. All are little-endian.</summary>
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
}

internal static class SafetensorsTypes
{
    /// <summary>The types' names in files, by their number.</summary>
    private static readonly string[] Names =
    [
        "BOOL",
        "U8",
        "F16",
        "BF16",
        "I32",
        "F32",
        "I64",
        "F64",
    ];

    public static string All => string.Join(", ", Names);

    public static string NameOf(SafetensorsType type) => Names[(int)type];

    public static bool TryParse(string name, out SafetensorsType type)
    {
        int index = Array.IndexOf(Names, name);
        type = (SafetensorsType)Math.Max(index, 0);
        return index >= 0;
    }

    /// <summary>Bytes a value.</summary>
    public static int Width(SafetensorsType type) =>
        type switch
        {
            SafetensorsType.Bool or SafetensorsType.U8 => 1,
            SafetensorsType.F16 or SafetensorsType.BF16 => 2,
            SafetensorsType.I32 or SafetensorsType.F32 => 4,
            _ => 8,
        };
}
