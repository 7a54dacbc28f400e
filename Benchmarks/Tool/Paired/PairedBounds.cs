using Perfolizer.Mathematics.Distributions.ContinuousDistributions;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// Bounds of the ratio of two programs that took turns. A pair of processes gives the median of the logarithms of its rounds'
/// ratios, and the estimate is their mean. Its standard error comes from resampling, by pairs of processes and then by rounds
/// within each (Davison and Hinkley 1997, Bootstrap Methods, 3.8); because there are few processes, it is widened to an unbiased
/// variance, and its bounds are Student's with one degree of freedom less than there are pairs.
/// </summary>
internal static class PairedBounds
{
    /// <summary>Processes of each program that bounds need.</summary>
    public const int LeastWorkers = 3;

    private const int Resamples = 500;

    /// <summary>The bounds.</summary>
    /// <param name="workers">The ratios of each pair of processes, one a round, head to base.</param>
    /// <param name="error">How often, at most, they may leave out the true ratio.</param>
    /// <param name="random">Draws the samples.</param>
    /// <returns>Null for too few processes.</returns>
    public static RatioBounds? Of(
        IReadOnlyList<IReadOnlyList<double>> workers,
        double error,
        Random random
    )
    {
        int n = workers.Count;
        if (n < LeastWorkers)
            return null;
        double[][] logarithms =
        [
            .. workers.Select(rounds => rounds.Select(ratio => Math.Log(ratio)).ToArray()),
        ];
        double estimate = logarithms.Average(rounds => Median((double[])rounds.Clone()));
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < Resamples; i++)
        {
            double mean = 0;
            for (int w = 0; w < n; w++)
            {
                double[] rounds = logarithms[random.Next(n)];
                double[] drawn = new double[rounds.Length];
                for (int r = 0; r < drawn.Length; r++)
                    drawn[r] = rounds[random.Next(rounds.Length)];
                mean += Median(drawn) / n;
            }
            sum += mean;
            squares += mean * mean;
        }
        double variance = (squares - (sum * sum / Resamples)) / (Resamples - 1);
        double deviation = Math.Sqrt(Math.Max(variance, 0) * n / (n - 1));
        double width = new StudentDistribution(n - 1).Quantile(1 - (error / 2)) * deviation;
        return new RatioBounds(
            Math.Exp(estimate),
            Math.Exp(estimate - width),
            Math.Exp(estimate + width)
        );
    }

    // Sorts in place: this is called for every sample that is drawn.
    private static double Median(double[] values)
    {
        Array.Sort(values);
        int middle = values.Length / 2;
        return values.Length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }
}
