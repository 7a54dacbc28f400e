using System.Collections.Concurrent;
using Perfolizer.Mathematics.Distributions.ContinuousDistributions;

namespace Sequor.Tool;

/// <summary>
/// Bounds of the ratio of two programs that took turns. A pair of processes gives the median of the logarithms of its rounds'
/// ratios, and the estimate is their mean. Its standard error is what resampling by pairs of processes and then by rounds within
/// each comes to (Davison and Hinkley 1997, Bootstrap Methods, 3.8); nothing is drawn for it, since the bootstrap of a median is
/// known exactly (Maritz and Jarrett 1978, A note on estimating the variance of the sample median). Because there are few
/// processes, it is widened to an unbiased variance, and its bounds are Student's with one degree of freedom less than there are
/// pairs.
/// </summary>
internal static class PairedBounds
{
    /// <summary>Pairs of processes that bounds need; a verdict needs more, see <see cref="PairedPlan.PairsOfVerdict"/>.</summary>
    public const int LeastPairs = 3;

    // Below it nothing is told apart from the sure.
    private const double LeastError = 1e-9;

    private static readonly ConcurrentDictionary<int, double[]> Weights = [];
    private static readonly ConcurrentDictionary<(int, double), double> Quantiles = [];

    /// <summary>The bounds.</summary>
    /// <param name="pairs">The ratios of each pair of processes, one a round, head to base.</param>
    /// <param name="error">How often, at most, they may leave out the true ratio.</param>
    /// <returns>Null for too few processes, or an error of next to nothing.</returns>
    public static RatioBounds? Of(IReadOnlyList<IReadOnlyList<double>> pairs, double error)
    {
        int n = pairs.Count;
        if (n < LeastPairs || !(error > LeastError))
            return null;
        double estimate = 0;
        double within = 0;
        double[] means = new double[n];
        for (int i = 0; i < n; i++)
        {
            double[] sorted = Sorted(pairs[i]);
            double[] weights = Weights.GetOrAdd(sorted.Length, WeightsOf);
            double square = 0;
            for (int r = 0; r < sorted.Length; r++)
            {
                means[i] += weights[r] * sorted[r];
                square += weights[r] * sorted[r] * sorted[r];
            }
            within += Math.Max(square - (means[i] * means[i]), 0) / n;
            estimate += sorted[sorted.Length / 2] / n;
        }
        double mean = means.Average();
        double between = means.Sum(m => (m - mean) * (m - mean)) / n;
        double deviation = Math.Sqrt((between + within) / n * n / (n - 1));
        double width =
            Quantiles.GetOrAdd(
                (n - 1, error),
                key => new StudentDistribution(key.Item1).Quantile(1 - (key.Item2 / 2))
            ) * deviation;
        return new RatioBounds(
            Math.Exp(estimate),
            Math.Exp(estimate - width),
            Math.Exp(estimate + width)
        );
    }

    /// <summary>The median of the logarithms of a pair's ratios: what it has for the test by signed ranks.</summary>
    public static double Estimate(IReadOnlyList<double> ratios)
    {
        double[] sorted = Sorted(ratios);
        return sorted[sorted.Length / 2];
    }

    // The oldest round is left out where they are even, so that a median is one of them.
    private static double[] Sorted(IReadOnlyList<double> ratios) =>
        [.. ratios.Skip((ratios.Count + 1) % 2).Select(r => Math.Log(r)).Order()];

    // How probably the median of as many draws from n values, an odd number, is the r-th smallest of them.
    private static double[] WeightsOf(int n)
    {
        var median = new BetaDistribution((n + 1) / 2, (n + 1) / 2);
        double[] below = [.. Enumerable.Range(0, n + 1).Select(r => median.Cdf((double)r / n))];
        return [.. Enumerable.Range(0, n).Select(r => below[r + 1] - below[r])];
    }
}
