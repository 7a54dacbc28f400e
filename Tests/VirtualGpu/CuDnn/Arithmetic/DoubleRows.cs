using System.Numerics;

namespace Sequor.VirtualGpu;

/// <summary>The two loops that matrix products are made of, in double precision.</summary>
internal static class DoubleRows
{
    /// <summary>Sum of left[i] * right[i].</summary>
    public static double Dot(ReadOnlySpan<double> left, ReadOnlySpan<double> right)
    {
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
    }
}
