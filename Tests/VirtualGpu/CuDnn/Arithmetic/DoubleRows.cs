using System.Numerics;

namespace Sequor.VirtualGpu;

/// <summary>The two loops that matrix products are made of: in double precision, or in float32 and another order.</summary>
internal static class DoubleRows
{
    // Sums that run beside each other, as in products that split what they sum over.
    private const int Lanes = 4;

    /// <summary>Whether sums are in float32, of several parts that are joined at the end, the last terms first.</summary>
    private static bool InFloat => VirtualDevice.Running is { Manners.FloatSums: true };

    /// <summary>A result of sums of so many terms, rounded as they may be, by at most 2 units for each root of a term.</summary>
    public static double Rounded(double value, int terms, int place)
    {
        if (!InFloat)
            return value;
        // Any sign and size that does not repeat will do.
        double way = Math.Sin(12.9898 * place + 78.233 * value);
        return (float)(value * (1 + way * Math.Sqrt(terms) * Math.ScaleB(1, -23)));
    }

    /// <summary>Sum of left[i] * right[i].</summary>
    public static double Dot(ReadOnlySpan<double> left, ReadOnlySpan<double> right)
    {
        if (InFloat)
            return FloatDot(left, right);
        int wide = left.Length - left.Length % Vector<double>.Count;
        Vector<double> sums = Vector<double>.Zero;
        for (int i = 0; i < wide; i += Vector<double>.Count)
            sums += new Vector<double>(left[i..]) * new Vector<double>(right[i..]);
        double sum = Vector.Sum(sums);
        for (int i = wide; i < left.Length; i++)
            sum += left[i] * right[i];
        return sum;
    }

    /// <summary>into[i] += factor * row[i].</summary>
    public static void Add(double factor, ReadOnlySpan<double> row, Span<double> into)
    {
        // No early way out for a factor of 0: 0 * NaN is NaN.
        for (int i = 0; i < row.Length; i++)
            into[i] += factor * row[i];
        if (InFloat)
            for (int i = 0; i < row.Length; i++)
                into[i] = (float)into[i];
    }

    private static double FloatDot(ReadOnlySpan<double> left, ReadOnlySpan<double> right)
    {
        Span<float> sums = stackalloc float[Lanes];
        sums.Clear();
        // As by fused multiply-adds: rounded once a term.
        for (int i = left.Length - 1; i >= 0; i--)
            sums[i % Lanes] = (float)(sums[i % Lanes] + left[i] * right[i]);
        return sums[0] + sums[1] + (sums[2] + sums[3]);
    }
}
