using System.Numerics;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Rounding to whole numbers.</summary>
internal enum PtxRounding
{
    Nearest,
    Zero,
    Down,
    Up,
}

/// <summary>What PTX computes where IL has no instruction for it. Compiled kernels call it.</summary>
internal static partial class PtxMath
{
    public static int BitsOfSingle(float value) => BitConverter.SingleToInt32Bits(value);

    public static long BitsOfDouble(double value) => BitConverter.DoubleToInt64Bits(value);

    public static float SingleOfBits(int bits) => BitConverter.Int32BitsToSingle(bits);

    public static double DoubleOfBits(long bits) => BitConverter.Int64BitsToDouble(bits);

    public static int HalfBits(float value) => BitConverter.HalfToUInt16Bits((Half)value);

    public static float SingleOfHalfBits(int bits) =>
        (float)BitConverter.UInt16BitsToHalf((ushort)bits);

    /// <summary>Subnormals become zeros of their sign.</summary>
    public static float Flush(float value) =>
        float.IsSubnormal(value) ? MathF.CopySign(0, value) : value;

    /// <summary>To 0 .. 1; NaN becomes 0.</summary>
    public static float Saturate(float value) =>
        value >= 1 ? 1
        : value > 0 ? value
        : 0;

    public static float FusedMultiplyAddSingle(float a, float b, float c) =>
        MathF.FusedMultiplyAdd(a, b, c);

    public static double FusedMultiplyAddDouble(double a, double b, double c) =>
        Math.FusedMultiplyAdd(a, b, c);

    public static float ReciprocalSingle(float a) => 1 / a;

    public static double ReciprocalDouble(double a) => 1 / a;

    public static float SqrtSingle(float a) => MathF.Sqrt(a);

    public static double SqrtDouble(double a) => Math.Sqrt(a);

    public static float AbsSingle(float a) => MathF.Abs(a);

    public static double AbsDouble(double a) => Math.Abs(a);

    /// <summary><c>copysign d, a, b</c>: the sign of a, the magnitude of b.</summary>
    public static float CopySignSingle(float a, float b) => MathF.CopySign(b, a);

    public static double CopySignDouble(double a, double b) => Math.CopySign(b, a);

    // The other operand where one is NaN; -0 is less than +0.
    public static float MinSingle(float a, float b) => float.MinNumber(a, b);

    public static float MaxSingle(float a, float b) => float.MaxNumber(a, b);

    public static double MinDouble(double a, double b) => double.MinNumber(a, b);

    public static double MaxDouble(double a, double b) => double.MaxNumber(a, b);

    public static float MinOrNaNSingle(float a, float b) => MathF.Min(a, b);

    public static float MaxOrNaNSingle(float a, float b) => MathF.Max(a, b);

    public static int UnorderedSingle(float a, float b) => float.IsNaN(a) || float.IsNaN(b) ? 1 : 0;

    public static int UnorderedDouble(double a, double b) =>
        double.IsNaN(a) || double.IsNaN(b) ? 1 : 0;

    public static int DifferSingle(float a, float b) => a < b || a > b ? 1 : 0;

    public static int DifferDouble(double a, double b) => a < b || a > b ? 1 : 0;

    public static float SingleOfS32(int value) => value;

    public static float SingleOfU32(int value) => (uint)value;

    public static double DoubleOfS32(int value) => value;

    public static double DoubleOfU32(int value) => (uint)value;

    public static float SingleOfS64(long value) => value;

    public static double DoubleOfS64(long value) => value;

    // Halved with its last bit kept, so that it is rounded once.
    public static float SingleOfU64(long value) =>
        value >= 0 ? value : 2 * (float)(long)(((ulong)value >> 1) | ((ulong)value & 1));

    public static double DoubleOfU64(long value) =>
        value >= 0 ? value : 2 * (double)(long)(((ulong)value >> 1) | ((ulong)value & 1));

    public static double Round(double value, PtxRounding rounding) =>
        rounding switch
        {
            PtxRounding.Nearest => Math.Round(value, MidpointRounding.ToEven),
            PtxRounding.Zero => Math.Truncate(value),
            PtxRounding.Down => Math.Floor(value),
            _ => Math.Ceiling(value),
        };

    /// <summary>To a signed whole number of some bits; what is outside becomes the nearest.</summary>
    /// <param name="ofNaN">What NaN becomes.</param>
    public static long ToSigned(double value, PtxRounding rounding, int bits, long ofNaN)
    {
        double whole = Round(value, rounding);
        double limit = Math.ScaleB(1, bits - 1);
        return double.IsNaN(whole) ? ofNaN
            : whole >= limit ? (long)(ulong.MaxValue >> (65 - bits))
            : whole < -limit ? -1L << (bits - 1)
            : (long)whole;
    }

    /// <summary>To an unsigned whole number of some bits; what is outside becomes the nearest.</summary>
    /// <param name="ofNaN">What NaN becomes.</param>
    public static long ToUnsigned(double value, PtxRounding rounding, int bits, long ofNaN)
    {
        double whole = Round(value, rounding);
        return double.IsNaN(whole) ? ofNaN
            : whole <= 0 ? 0
            : whole >= Math.ScaleB(1, bits) ? (long)(ulong.MaxValue >> (64 - bits))
            : whole >= Math.ScaleB(1, 63) ? (long)(whole - Math.ScaleB(1, 63)) | long.MinValue
            : (long)whole;
    }

    public static int LaneMask(int lane, string name)
    {
        uint one = 1u << lane;
        return (int)(
            name switch
            {
                "eq" => one,
                "lt" => one - 1,
                "le" => one | (one - 1),
                "gt" => ~(one | (one - 1)),
                _ => ~(one - 1),
            }
        );
    }

    public static int Count32(int a) => BitOperations.PopCount((uint)a);

    public static int Count64(long a) => BitOperations.PopCount((ulong)a);

    public static int LeadingZeros32(int a) => BitOperations.LeadingZeroCount((uint)a);

    public static int LeadingZeros64(long a) => BitOperations.LeadingZeroCount((ulong)a);
}
