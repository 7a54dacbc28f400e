using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// How much longer rounds of one kind take than rounds of another, whatever the distribution of either: the median of the ratios
/// of every pair, and bounds from the exact distribution of Mann and Whitney's count (Hodges and Lehmann 1963; Lehmann,
/// Nonparametrics, 2.4).
/// </summary>
/// <param name="Ratio">Median of the ratios.</param>
/// <param name="Low">Lower bound.</param>
/// <param name="High">Upper bound.</param>
internal readonly record struct RatioBounds(double Ratio, double Low, double High)
{
    /// <summary>How far apart they are, as a quotient.</summary>
    public double Width => High / Low;

    /// <summary>Both bounds, for messages.</summary>
    public string Text => FormattableString.Invariant($"{Low:0.000}-{High:0.000}");

    /// <summary>The bounds of the ratio of head to base.</summary>
    /// <param name="before">Rounds of the base, numbers above 0.</param>
    /// <param name="after">Rounds of the head, numbers above 0.</param>
    /// <param name="error">How often, at most, the bounds may leave out the true ratio, on both sides together.</param>
    /// <returns>Null where there are too few rounds for this error: <see cref="RoundsFor"/>.</returns>
    public static RatioBounds? Of(
        IReadOnlyList<double> before,
        IReadOnlyList<double> after,
        double error
    )
    {
        int outside = MostOutside(before.Count, after.Count, error / 2);
        if (outside < 0)
            return null;
        double[] ratios = [.. after.SelectMany(a => before.Select(b => a / b)).Order()];
        return new RatioBounds(
            Statistics.Median(ratios),
            ratios[outside],
            ratios[ratios.Length - 1 - outside]
        );
    }

    /// <summary>Rounds that each side needs at least for bounds of this error.</summary>
    public static int RoundsFor(double error)
    {
        int rounds = 1;
        while (MostOutside(rounds, rounds, error / 2) < 0)
            rounds++;
        return rounds;
    }

    // The largest k with P(U <= k) at most the error, where U counts the pairs in which a round of one kind is the shorter one
    // while both are of one distribution; -1 for none.
    private static int MostOutside(int m, int n, double error)
    {
        double[] ways = Ways(m, n);
        // Not less by the last bits of a sum of doubles.
        double most = error * ways.Sum() * (1 + 1e-12);
        double below = 0;
        for (int k = 0; ; k++)
        {
            below += ways[k];
            if (!(below <= most) || k == m * n)
                return k - 1;
        }
    }

    // In how many orders of m and n things U is 0, 1, ..., m n: the coefficients of Gauss's binomial, which is the product of
    // (1 - q^(n+i)) / (1 - q^i). They are scaled, since those of a hundred rounds have more digits than a double.
    private static double[] Ways(int m, int n)
    {
        double[] ways = new double[(m * n) + 1];
        ways[0] = 1;
        for (int i = 1; i <= m; i++)
        {
            for (int u = ways.Length - 1; u >= n + i; u--)
                ways[u] -= ways[u - n - i];
            for (int u = i; u < ways.Length; u++)
                ways[u] += ways[u - i];
            double scale = ways.Max();
            for (int u = 0; u < ways.Length; u++)
                ways[u] /= scale;
        }
        return ways;
    }
}
