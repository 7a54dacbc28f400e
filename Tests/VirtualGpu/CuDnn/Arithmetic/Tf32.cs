namespace Sequor.VirtualGpu;

/// <summary>What tensor cores do to a float before they multiply it: 10 bits of fraction are left.</summary>
internal static class Tf32
{
    // Bits of a double's fraction beyond the tenth.
    private const int Dropped = 52 - 10;

    /// <summary>The value with 10 bits of fraction, ties to even.</summary>
    public static double Round(double value)
    {
        if (!double.IsFinite(value))
            return value;
        long bits = BitConverter.DoubleToInt64Bits(value);
        long odd = (bits >> Dropped) & 1;
        bits += (1L << (Dropped - 1)) - 1 + odd;
        return BitConverter.Int64BitsToDouble(bits & ~((1L << Dropped) - 1));
    }

    /// <summary>All values of an array, in place.</summary>
    public static void Round(Span<double> values)
    {
        foreach (ref double value in values)
            value = Round(value);
    }
}
