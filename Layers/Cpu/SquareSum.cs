using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

/// <summary>
/// The sum of squares of floats, in double precision, in which those squares are exact. Value i goes to lane i mod 16, and the lanes are
/// joined in one order, so every vector width gives the same bits.
/// </summary>
internal static unsafe class SquareSum
{
    private const int Lanes = 16;

    /// <param name="p">The values.</param>
    /// <param name="count">The number of values.</param>
    /// <param name="bits">The widest vectors to use, in bits.</param>
    public static double Of(float* p, long count, int bits)
    {
        double* lanes = stackalloc double[Lanes];
        long whole = count / Lanes * Lanes;
        if (bits >= 256)
            Wide(p, whole, lanes);
        else
            Narrow(p, whole, lanes);
        for (long i = whole; i < count; i++)
            lanes[i - whole] += (double)p[i] * p[i];
        for (int half = Lanes / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
                lanes[i] += lanes[i + half];
        }
        return lanes[0];
    }

    private static void Wide(float* p, long count, double* lanes)
    {
        Vector256<double> a = Vector256<double>.Zero;
        Vector256<double> b = Vector256<double>.Zero;
        Vector256<double> c = Vector256<double>.Zero;
        Vector256<double> d = Vector256<double>.Zero;
        for (long i = 0; i < count; i += Lanes)
        {
            (Vector256<double> x, Vector256<double> y) = Vector256.Widen(Vector256.Load(p + i));
            (Vector256<double> z, Vector256<double> w) = Vector256.Widen(Vector256.Load(p + i + 8));
            a += x * x;
            b += y * y;
            c += z * z;
            d += w * w;
        }
        a.Store(lanes);
        b.Store(lanes + 4);
        c.Store(lanes + 8);
        d.Store(lanes + 12);
    }

    // Takes half of the lanes at a time, so that the sums stay in registers.
    private static void Narrow(float* p, long count, double* lanes)
    {
        for (int half = 0; half < Lanes; half += 8)
        {
            Vector128<double> a = Vector128<double>.Zero;
            Vector128<double> b = Vector128<double>.Zero;
            Vector128<double> c = Vector128<double>.Zero;
            Vector128<double> d = Vector128<double>.Zero;
            for (long i = half; i < count; i += Lanes)
            {
                (Vector128<double> x, Vector128<double> y) = Vector128.Widen(Vector128.Load(p + i));
                (Vector128<double> z, Vector128<double> w) = Vector128.Widen(
                    Vector128.Load(p + i + 4)
                );
                a += x * x;
                b += y * y;
                c += z * z;
                d += w * w;
            }
            a.Store(lanes + half);
            b.Store(lanes + half + 2);
            c.Store(lanes + half + 4);
            d.Store(lanes + half + 6);
        }
    }
}
