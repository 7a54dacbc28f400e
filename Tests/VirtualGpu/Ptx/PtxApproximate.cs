namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// The approximate functions of PTX. Each result is the exact one, moved by an error that the launch's seed and
/// the operand give, up to the bound that the PTX ISA states: so nothing can rely on more than is promised. The
/// same operand always gives the same result, as it does on hardware.
/// </summary>
internal static class PtxApproximate
{
    // What is left for the last rounding, relative to the result.
    private const double Rounding = 1.0 / (1 << 24);

    private static readonly double s_exp2 = Math.ScaleB(1, -22);
    private static readonly double s_log2 = Math.ScaleB(1, -22);
    private static readonly double s_sin = Math.Pow(2, -20.5);
    private static readonly double s_sinFar = Math.Pow(2, -14.7);
    private static readonly double s_tanh = Math.ScaleB(1, -11);
    private static readonly double s_reciprocal = Math.ScaleB(1, -23);
    private static readonly double s_reciprocalSqrt = Math.Pow(2, -22.9);
    private static readonly double s_sqrt = Math.ScaleB(1, -23);

    // 2 units of the last place, which are at least that much of the result.
    private static readonly double s_divide = Math.ScaleB(1, -23);

    /// <summary>ex2.approx: relative error 2^-22.</summary>
    public static float Exp2(float a, ulong seed) =>
        a == 0 ? 1 : Relative(Math.Pow(2, a), s_exp2, a, 1, seed);

    /// <summary>lg2.approx: absolute error 2^-22 for 0.5 &lt; a &lt; 2, relative 2^-22 elsewhere.</summary>
    public static float Log2(float a, ulong seed)
    {
        double exact = Math.Log2(a);
        return a is > 0.5f and < 2
            ? (float)(exact + Error(a, 2, seed) * (s_log2 - Math.Abs(exact) * Rounding))
            : Relative(exact, s_log2, a, 2, seed);
    }

    /// <summary>sin.approx: absolute error 2^-20.5 within 2 pi of 0, 2^-14.7 within 100 pi.</summary>
    public static float Sin(float a, ulong seed) => a == 0 ? a : Absolute(Math.Sin(a), a, 3, seed);

    /// <summary>cos.approx: as sin.approx.</summary>
    public static float Cos(float a, ulong seed) => a == 0 ? 1 : Absolute(Math.Cos(a), a, 4, seed);

    /// <summary>tanh.approx: relative error 2^-11; never beyond 1.</summary>
    public static float Tanh(float a, ulong seed) =>
        a == 0 || float.IsInfinity(a)
            ? MathF.Tanh(a)
            : Math.Clamp(Relative(Math.Tanh(a), s_tanh, a, 5, seed), -1, 1);

    /// <summary>rcp.approx: relative error 2^-23.</summary>
    public static float Reciprocal(float a, ulong seed) =>
        Relative(1.0 / a, s_reciprocal, a, 6, seed);

    /// <summary>sqrt.approx: relative error 2^-23.</summary>
    public static float Sqrt(float a, ulong seed) =>
        a == 0 ? a : Relative(Math.Sqrt(a), s_sqrt, a, 7, seed);

    /// <summary>rsqrt.approx: relative error 2^-22.9.</summary>
    public static float ReciprocalSqrt(float a, ulong seed) =>
        Relative(1 / Math.Sqrt(a), s_reciprocalSqrt, a, 8, seed);

    /// <summary>div.full: 2 units of the last place.</summary>
    public static float Divide(float a, float b, ulong seed) =>
        Relative((double)a / b, s_divide, a * 31 + b, 9, seed);

    /// <summary>div.approx: as div.full, but 0 where b is beyond 2^126 (infinity by infinity is NaN).</summary>
    public static float DivideFast(float a, float b, ulong seed) =>
        MathF.Abs(b) > 8.507059E+37f && !float.IsNaN(a)
            ? float.IsInfinity(a)
                ? float.NaN
                : MathF.CopySign(0, a) * MathF.Sign(b)
            : Divide(a, b, seed);

    private static float Relative(double exact, double bound, float a, uint function, ulong seed)
    {
        if (exact == 0 || !double.IsFinite(exact))
            return (float)exact;
        return (float)(exact * (1 + Error(a, function, seed) * (bound - Rounding)));
    }

    private static float Absolute(double exact, float a, uint function, ulong seed)
    {
        double far = Math.Abs(a) / Math.Tau;
        // Beyond 50 turns nothing is promised.
        double bound =
            far <= 1 ? s_sin
            : far <= 50 ? s_sinFar
            : s_sinFar * far;
        return (float)(exact + Error(a, function, seed) * (bound - Rounding));
    }

    /// <summary>From -1 to 1; three times in four one of the ends.</summary>
    private static double Error(float a, uint function, ulong seed)
    {
        ulong hash = PtxRandom.Mix(
            seed ^ ((ulong)function << 32) ^ BitConverter.SingleToUInt32Bits(a)
        );
        return (hash & 3) switch
        {
            0 => (hash >> 11) * (2.0 / (1UL << 53)) - 1,
            1 => 1,
            2 => -1,
            _ => (hash & 4) == 0 ? 1 : -1,
        };
    }
}
