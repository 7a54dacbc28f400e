namespace Sequor.Workloads;

/// <summary>How the bytes of a data element are to be read; the numbers are the format's.</summary>
internal enum MatType
{
    Int8 = 1,
    UInt8 = 2,
    Int16 = 3,
    UInt16 = 4,
    Int32 = 5,
    UInt32 = 6,
    Single = 7,
    Double = 9,
    Int64 = 12,
    UInt64 = 13,
    Matrix = 14,
    Compressed = 15,
    Utf8 = 16,
}

internal static class MatTypes
{
    /// <summary>Bytes a value; 0 for what is no number.</summary>
    public static int Width(MatType type) =>
        type switch
        {
            MatType.Int8 or MatType.UInt8 => 1,
            MatType.Int16 or MatType.UInt16 => 2,
            MatType.Int32 or MatType.UInt32 or MatType.Single => 4,
            MatType.Double or MatType.Int64 or MatType.UInt64 => 8,
            _ => 0,
        };

    /// <summary>
    /// Whether the values of a class may be stored so. MATLAB stores numbers in the narrowest type that holds them.
    /// </summary>
    public static bool Stores(MatType type, MatClass @class)
    {
        int width = Width(type);
        return width > 0
            && @class switch
            {
                MatClass.Double => true,
                MatClass.Single => type != MatType.Double,
                MatClass.Int8 or MatClass.UInt8 => width == 1,
                MatClass.Int16 or MatClass.UInt16 => width <= 2,
                MatClass.Int32 or MatClass.UInt32 => width <= 4 && type != MatType.Single,
                MatClass.Int64 or MatClass.UInt64 => type is not (MatType.Single or MatType.Double),
                _ => false,
            };
    }
}
