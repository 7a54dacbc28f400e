namespace Sequor.VirtualGpu.Ptx;

/// <summary>Floats of 19 and 16 bits from floats of 32. Compiled kernels call them.</summary>
internal static class PtxNarrow
{
    private const int Infinity = 0x7F800000;
    private const int NaN = 0x7FFFFFFF;
    private const int NarrowNaN = 0x7FFF;

    // The bits of a float that TF32 has not.
    private const int Dropped = 13;
    private const int DroppedBits = (1 << Dropped) - 1;

    /// <summary>
    /// <c>cvt.rna.tf32.f32</c>: to nearest, ties away from zero. The bits that TF32 has not are zeros, which programs that split a
    /// float into two of TF32 rely on.
    /// </summary>
    public static int Tf32Away(float value) => Tf32(value, 1 << (Dropped - 1));

    /// <summary><c>cvt.rn.tf32.f32</c>: to nearest, ties to even.</summary>
    public static int Tf32Nearest(float value) =>
        Tf32(value, (DroppedBits >> 1) + ((BitConverter.SingleToInt32Bits(value) >> Dropped) & 1));

    /// <summary><c>cvt.rz.tf32.f32</c>: toward zero.</summary>
    public static int Tf32Zero(float value) => Tf32(value, 0);

    /// <summary>What a register holds as TF32: bits beyond it, which should be zeros, are rounded or else ignored.</summary>
    public static float OfTf32(int bits, bool rounds)
    {
        float value = BitConverter.Int32BitsToSingle(bits);
        return (bits & DroppedBits) == 0 ? value
            : float.IsNaN(value) ? value
            : BitConverter.Int32BitsToSingle(rounds ? Tf32Away(value) : bits & ~DroppedBits);
    }

    /// <summary><c>cvt.bf16.f32</c>: to nearest with ties to even, or toward zero.</summary>
    /// <param name="relu">What is negative becomes 0.</param>
    public static int BFloat(float value, bool towardZero, bool relu)
    {
        if (float.IsNaN(value))
            return NarrowNaN;
        int bits = BitConverter.SingleToInt32Bits(value);
        if (relu && bits < 0)
            return 0;
        if (!towardZero)
            bits += 0x7FFF + ((bits >> 16) & 1);
        return bits >>> 16;
    }

    /// <summary><c>cvt.f16.f32</c>, as <see cref="BFloat"/>.</summary>
    /// <param name="relu">What is negative becomes 0.</param>
    public static int Half(float value, bool towardZero, bool relu)
    {
        if (float.IsNaN(value))
            return NarrowNaN;
        if (relu && float.IsNegative(value))
            return 0;
        var nearest = (Half)value;
        int bits = BitConverter.HalfToUInt16Bits(nearest);
        // The one before it, of an infinite one the largest.
        return towardZero && MathF.Abs((float)nearest) > MathF.Abs(value) ? bits - 1 : bits;
    }

    private static int Tf32(float value, int added)
    {
        int bits = BitConverter.SingleToInt32Bits(value);
        return float.IsNaN(value) ? NaN
            : (bits & Infinity) == Infinity ? bits
            : (bits + added) & ~DroppedBits;
    }
}
