namespace Sequor.Workloads;

/// <summary>Order statistics of samples.</summary>
public static class Statistics
{
    /// <summary>
    /// The value below which a fraction of the samples lies. It lies at place p (n - 1) of the n sorted samples, and between
    /// two of them in proportion.
    /// </summary>
    /// <param name="samples">At least one, in any order.</param>
    /// <param name="fraction">0 to 1.</param>
    public static double Percentile(IEnumerable<double> samples, double fraction)
    {
        double[] sorted = [.. samples.Order()];
        if (sorted.Length == 0)
            throw new ArgumentException("There are no samples.", nameof(samples));
        if (!(fraction >= 0 && fraction <= 1))
            throw new ArgumentOutOfRangeException(nameof(fraction), fraction, "Must be 0 to 1.");
        double place = fraction * (sorted.Length - 1);
        int below = (int)place;
        int above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((place - below) * (sorted[above] - sorted[below]));
    }

    /// <summary>The 50th percentile.</summary>
    public static double Median(IEnumerable<double> samples) => Percentile(samples, 0.5);
}
