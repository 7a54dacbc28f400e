using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Fits y = c x^p.</summary>
public static class PowerLaw
{
    /// <summary>
    /// The exponent p: the slope of the straight line through the logarithms that has the least sum of squares.
    /// </summary>
    /// <param name="x">Finite numbers above 0, of which two at least differ.</param>
    /// <param name="y">As many finite numbers above 0.</param>
    /// <exception cref="ArgumentException">There is no such line.</exception>
    public static double Exponent(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (x.Count != y.Count)
            throw new ArgumentException(
                $"{Amount.Of(y.Count, "value")} do not belong to {Amount.Of(x.Count, "place")}.",
                nameof(y)
            );
        double[] u = Logarithms(x, nameof(x));
        double[] v = Logarithms(y, nameof(y));
        if (u.Distinct().Count() < 2)
            throw new ArgumentException("A line needs two places at least that differ.", nameof(x));
        double meanU = u.Average();
        double meanV = v.Average();
        double both = u.Zip(v, (a, b) => (a - meanU) * (b - meanV)).Sum();
        return both / u.Sum(a => (a - meanU) * (a - meanU));
    }

    private static double[] Logarithms(IReadOnlyList<double> values, string name)
    {
        foreach (double value in values)
        {
            if (!(value > 0 && double.IsFinite(value)))
                throw new ArgumentException(
                    $"Only finite numbers above 0 have a logarithm, not {value}.",
                    name
                );
        }
        return [.. values.Select(value => Math.Log(value))];
    }
}
