using System.Collections.Concurrent;

namespace Sequor.Layers;

/// <summary>
/// The normal part of HiPPO-LegS, from which state spaces take their first eigenvalues: S = A + P P^T, with A_nk = -sqrt((2n+1)(2k+1)) for
/// n &gt; k, -(n+1) for n = k and 0 above, and P_n = sqrt(n + 1/2). S + I / 2 is skew-symmetric, so all eigenvalues are -1/2 +- i w.
/// Source: Gu et al. 2022 (S4), appendix C; Gu et al. 2022 (S4D), section 4.
/// </summary>
internal static class HippoLegS
{
    private static readonly ConcurrentDictionary<int, (double, double)[]> Known = [];

    /// <summary>
    /// The w &gt; 0 of the matrix of an even size, rising, each with |v* B|: the part of B_n = sqrt(2n + 1) along its unit eigenvector v.
    /// The phase of v is free, so that of v* B says nothing.
    /// </summary>
    /// <param name="size">N, even; there are N / 2 of them.</param>
    public static IReadOnlyList<(double Frequency, double Input)> Modes(int size)
    {
        if (size < 2 || size % 2 != 0)
            throw new ArgumentOutOfRangeException(nameof(size), size, "It must be even.");
        return Known.GetOrAdd(size, Solve);
    }

    // A library for eigenvalues would be a dependency for these few lines. Householder's reflections make the skew matrix tridiagonal, K =
    // Q J Q^T. With G = diag(i^k), J = -i G E G* for the symmetric E of the same entries, whose eigenvalues come in pairs +-w. As no
    // product of the matrix with itself is made, small w keep their digits beside large ones.
    private static (double, double)[] Solve(int size)
    {
        double[,] k = Skew(size);
        double[] b = [.. Enumerable.Range(0, size).Select(n => Math.Sqrt(2 * n + 1))];
        Tridiagonalise(k, b);
        double[] w = new double[size];
        double[] off = new double[size];
        for (int n = 1; n < size; n++)
            off[n - 1] = k[n, n - 1];
        double[,] vectors = new double[size, size];
        for (int n = 0; n < size; n++)
            vectors[n, n] = 1;
        Diagonalise(w, off, vectors);
        var modes = new List<(double, double)>();
        for (int n = 0; n < size; n++)
        {
            if (!(w[n] > 0))
                continue;
            // conj(i^j) turns every second term to the imaginary axis, and each of these every second time around.
            double re = 0;
            double im = 0;
            for (int j = 0; j < size; j++)
            {
                double term = vectors[j, n] * b[j] * (j % 4 < 2 ? 1 : -1);
                if (j % 2 == 0)
                    re += term;
                else
                    im += term;
            }
            modes.Add((w[n], Math.Sqrt(re * re + im * im)));
        }
        modes.Sort();
        return [.. modes];
    }

    private static double[,] Skew(int size)
    {
        double[,] k = new double[size, size];
        for (int row = 0; row < size; row++)
        for (int column = 0; column < row; column++)
        {
            k[row, column] = -Math.Sqrt((row + 0.5) * (column + 0.5));
            k[column, row] = -k[row, column];
        }
        return k;
    }

    private static void Tridiagonalise(double[,] k, double[] b)
    {
        int size = b.Length;
        double[] v = new double[size];
        double[] p = new double[size];
        for (int step = 0; step < size - 2; step++)
        {
            double norm = 0;
            for (int i = step + 1; i < size; i++)
                norm += k[i, step] * k[i, step];
            norm = Math.Sqrt(norm);
            if (norm == 0)
                continue;
            Array.Clear(v);
            for (int i = step + 1; i < size; i++)
                v[i] = k[i, step];
            v[step + 1] += Math.CopySign(norm, v[step + 1]);
            double square = 0;
            for (int i = step + 1; i < size; i++)
                square += v[i] * v[i];
            double beta = 2 / square;
            double along = 0;
            for (int i = step + 1; i < size; i++)
                along += v[i] * b[i];
            for (int i = step; i < size; i++)
            {
                p[i] = 0;
                for (int j = step + 1; j < size; j++)
                    p[i] += beta * k[i, j] * v[j];
                b[i] -= beta * along * v[i];
            }
            // H K H with H = I - beta v v^T, where v^T K v = 0.
            for (int i = step; i < size; i++)
            for (int j = step; j < size; j++)
                k[i, j] += v[i] * p[j] - p[i] * v[j];
        }
    }

    // The implicit QL method for symmetric tridiagonal matrices (Bowdler et al. 1968), here with a diagonal of zeros at first.
    private static void Diagonalise(double[] d, double[] e, double[,] z)
    {
        int size = d.Length;
        for (int l = 0; l < size; l++)
        {
            for (int turn = 0; ; turn++)
            {
                int m = l;
                for (; m < size - 1; m++)
                {
                    double scale = Math.Abs(d[m]) + Math.Abs(d[m + 1]);
                    if (Math.Abs(e[m]) <= double.Epsilon || scale + Math.Abs(e[m]) == scale)
                        break;
                }
                if (m == l)
                    break;
                if (turn == 60)
                    throw new InvalidOperationException(
                        $"The eigenvalues of HiPPO-LegS of size {size} were not found."
                    );
                double g = (d[l + 1] - d[l]) / (2 * e[l]);
                double r = Hypotenuse(g, 1);
                g = d[m] - d[l] + e[l] / (g + Math.CopySign(r, g));
                double s = 1;
                double c = 1;
                double p = 0;
                int i = m - 1;
                for (; i >= l; i--)
                {
                    double f = s * e[i];
                    double b = c * e[i];
                    r = Hypotenuse(f, g);
                    e[i + 1] = r;
                    if (r == 0)
                    {
                        d[i + 1] -= p;
                        e[m] = 0;
                        break;
                    }
                    s = f / r;
                    c = g / r;
                    g = d[i + 1] - p;
                    r = (d[i] - g) * s + 2 * c * b;
                    p = s * r;
                    d[i + 1] = g + p;
                    g = c * r - b;
                    for (int row = 0; row < size; row++)
                    {
                        f = z[row, i + 1];
                        z[row, i + 1] = s * z[row, i] + c * f;
                        z[row, i] = c * z[row, i] - s * f;
                    }
                }
                if (i >= l)
                    continue;
                d[l] -= p;
                e[l] = g;
                e[m] = 0;
            }
        }
    }

    private static double Hypotenuse(double a, double b) => double.Hypot(a, b);
}
