using System.Numerics;

namespace Sequor.Layers;

/// <summary>
/// The eigenvalues of the normal part of HiPPO-LegS, -1/2 +- i w (Gu et al. 2020; Smith et al. 2022, section 3.1). Its skew part is S_nk = -+
/// sqrt((2n + 1)(2k + 1)) / 2, below and above the diagonal.
/// </summary>
/// <remarks>
/// No eigenvalue solver is needed. With y_n = sqrt(2n + 1) v_n, neighbouring rows of S v = i w v differ in two terms alone, and give y_n /
/// y_{n-1} = -(1 - 2iw / (2n - 1)) / (1 + 2iw / (2n + 1)), a number of known phase. So the first and the last row fit each other where the
/// phases add up: where the sum over j = 1..n of atan(2w / (2j - 1)) is an odd multiple of pi / 2. It grows with w, and ever slower, so
/// that Newton's method comes to each w from the one before it, and never beyond it.
/// </remarks>
internal static class HippoSpectrum
{
    private const int MostSteps = 200;

    /// <summary>The positive w, ascending, of the matrix of 2 * count rows.</summary>
    public static double[] Frequencies(int count)
    {
        double[] all = new double[count];
        double w = 0;
        for (int k = 0; k < count; k++)
            all[k] = w = Next(w, 2L * count, (k + 0.5) * Math.PI);
        return all;
    }

    /// <summary>
    /// |v* B|, how much of B_n = sqrt(2n + 1) is along the unit eigenvector of an eigenvalue. The phase of v is free, so that of v* B says
    /// nothing.
    /// </summary>
    /// <param name="w">One of <see cref="Frequencies"/>.</param>
    /// <param name="count">How many there are.</param>
    public static double Input(double w, int count)
    {
        Complex y = 1;
        Complex sum = 1;
        double squares = 1;
        for (long n = 1; n < 2L * count; n++)
        {
            double odd = 2 * n - 1;
            y *= -new Complex(1, -2 * w / odd) / new Complex(1, 2 * w / (odd + 2));
            sum += y;
            double size = y.Magnitude;
            squares += size * size / (odd + 2);
        }
        return sum.Magnitude / Math.Sqrt(squares);
    }

    private static double Next(double w, long size, double phase)
    {
        for (int step = 0; step < MostSteps; step++)
        {
            double sum = 0;
            double slope = 0;
            for (long j = 1; j <= size; j++)
            {
                double odd = 2 * j - 1;
                sum += Math.Atan(2 * w / odd);
                slope += 2 * odd / (odd * odd + 4 * w * w);
            }
            double further = (phase - sum) / slope;
            w += further;
            // What remains is rounding.
            if (!(further > 1e-14 * w))
                break;
        }
        return w;
    }
}
