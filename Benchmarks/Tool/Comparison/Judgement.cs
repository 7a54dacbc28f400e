using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>What verdicts rest on.</summary>
internal sealed record JudgementOptions
{
    /// <summary>A change of a time below this fraction is none.</summary>
    public double Threshold { get; init; } = 0.01;

    /// <summary>How often, at most, any time of a comparison of unchanged code is said to have changed.</summary>
    public double Error { get; init; } = 0.01;

    /// <summary>The fraction by which a count may grow, by metric.</summary>
    public IReadOnlyDictionary<string, double> Allowed { get; init; } =
        new Dictionary<string, double>();
}

/// <summary>The verdict of one figure on two sides.</summary>
internal static class Judgement
{
    // Rounds that were computed with other rounding are no growth of a bound that is itself a quotient.
    private const double RoundingError = 1e-12;

    /// <summary>A row of a figure; one of the two may be missing.</summary>
    /// <param name="before">The base's.</param>
    /// <param name="after">The head's.</param>
    /// <param name="options">What verdicts rest on.</param>
    /// <param name="error">The part of <see cref="JudgementOptions.Error"/> that this row may use.</param>
    public static ComparisonRow Row(
        Figure? before,
        Figure? after,
        JudgementOptions options,
        double error
    )
    {
        if (before is null || after is null)
            return Of(before ?? after!, Central(before), Central(after), null, null);
        return before.Kind == FigureKind.Counted
            ? Counted(before, after, options)
            : Measured(before, after, options, error);
    }

    /// <summary>The verdict of a row that both sides have with the very same bytes.</summary>
    public static ComparisonRow Identical(Figure figure)
    {
        double value = Central(figure)!.Value;
        double? one = value == 0 ? null : 1;
        return Of(figure, value, value, null, RowVerdict.Same) with { Ratio = one };
    }

    private static ComparisonRow Counted(Figure before, Figure after, JudgementOptions options)
    {
        // Rounds may count differently: the most of them is what has to be paid for.
        double a = before.Values.Max();
        double b = after.Values.Max();
        double allowed = a * (1 + options.Allowed.GetValueOrDefault(before.Metric));
        string verdict =
            b > allowed * (1 + RoundingError) ? RowVerdict.More
            : b < a ? RowVerdict.Less
            : RowVerdict.Same;
        return Of(before, a, b, null, verdict);
    }

    private static ComparisonRow Measured(
        Figure before,
        Figure after,
        JudgementOptions options,
        double error
    )
    {
        bool loss = before.Kind == FigureKind.Loss;
        double? a = Central(before);
        double? b = Central(after);
        // Training is repeatable: losses that are equal bit for bit, seed by seed, are the same computation.
        if (loss && before.Values.SequenceEqual(after.Values))
            return Of(before, a, b, null, RowVerdict.Same);
        bool positive = before.Values.Concat(after.Values).All(value => value > 0);
        if (!positive || RatioBounds.Of(before.Values, after.Values, error) is not { } bounds)
            return Of(before, a, b, null, RowVerdict.Unclear);
        double most = 1 + options.Threshold;
        string verdict =
            bounds.Low > most ? (loss ? RowVerdict.More : RowVerdict.Slower)
            : bounds.High < 1 / most ? (loss ? RowVerdict.Less : RowVerdict.Faster)
            : bounds.Low >= 1 / most && bounds.High <= most ? RowVerdict.Same
            : RowVerdict.Unclear;
        return Of(before, a, b, bounds, verdict);
    }

    private static double? Central(Figure? figure) =>
        figure is null ? null
        : figure.Kind == FigureKind.Counted ? figure.Values.Max()
        : Statistics.Median(figure.Values);

    private static ComparisonRow Of(
        Figure figure,
        double? before,
        double? after,
        RatioBounds? bounds,
        string? verdict
    ) =>
        new(
            figure.Name,
            figure.Metric,
            figure.Unit,
            before,
            after,
            bounds is { } b ? Round(b.Ratio)
                : before is > 0 && after is not null ? Round(after.Value / before.Value)
                : null,
            bounds is { } low ? Round(low.Low) : null,
            bounds is { } high ? Round(high.High) : null,
            verdict ?? (before is null ? RowVerdict.New : RowVerdict.Missing)
        );

    private static double Round(double ratio) => Math.Round(ratio, 6);
}
