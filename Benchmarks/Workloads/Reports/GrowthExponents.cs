namespace Sequor.Workloads;

/// <summary>How the cost of an architecture grows with the steps of a sequence: as their power, fitted over all lengths.</summary>
/// <param name="Arch">The architecture's name.</param>
/// <param name="StepTime">Exponent of the median step's time: 1 is in proportion to the length.</param>
/// <param name="PeakMemory">Exponent of the most memory at one time.</param>
public sealed record GrowthExponents(string Arch, double StepTime, double PeakMemory)
{
    /// <summary>Fits those of every architecture, in the order of the results; see <see cref="PowerLaw"/>.</summary>
    /// <param name="results">Results of each architecture at two lengths at least.</param>
    /// <exception cref="ArgumentException">An architecture has results of one length only.</exception>
    public static IReadOnlyList<GrowthExponents> Fit(IReadOnlyList<BenchResult> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        return
        [
            .. results
                .GroupBy(r => r.Arch)
                .Select(group =>
                {
                    double[] lengths = [.. group.Select(r => (double)r.SequenceLength)];
                    return new GrowthExponents(
                        group.Key,
                        Exponent(lengths, group.Select(r => r.StepMs.Median)),
                        Exponent(lengths, group.Select(r => (double)r.PeakBytes))
                    );
                }),
        ];
    }

    private static double Exponent(double[] lengths, IEnumerable<double> costs) =>
        Math.Round(PowerLaw.Exponent(lengths, [.. costs]), 4);
}
