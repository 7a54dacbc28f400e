using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>Compares two sets of figures, row by row, and says what the worst of it is.</summary>
internal static class Comparer
{
    /// <summary>Compares.</summary>
    /// <param name="before">The base.</param>
    /// <param name="after">The head.</param>
    /// <param name="options">What verdicts rest on.</param>
    /// <param name="counts">Whether counted figures alone are compared.</param>
    /// <param name="force">Whether what is unlike is compared all the same.</param>
    /// <exception cref="UsageException">The sets are of unlike things, or have nothing in common.</exception>
    public static ComparisonReport Compare(
        FigureSet before,
        FigureSet after,
        JudgementOptions options,
        bool counts,
        bool force
    )
    {
        if (!before.Conditions.Keys.Intersect(after.Conditions.Keys).Any())
            throw new UsageException(
                $"BASE and HEAD have nothing in common: BASE is {string.Join(", ", before.Conditions.Keys)}, HEAD {string.Join(", ", after.Conditions.Keys)}"
            );
        IReadOnlyList<string> differences = Likeness.Differences(before, after, counts);
        if (differences.Count > 0 && !force)
            throw new UsageException(
                $"BASE and HEAD differ in {string.Join(", ", differences)}; --force compares them all the same"
            );
        (Figure? Before, Figure? After)[] pairs =
        [
            .. Pairs(before, after, force)
                .Where(pair => !counts || (pair.Before ?? pair.After)!.Kind == FigureKind.Counted),
        ];
        if (!pairs.Any(pair => pair.Before is not null && pair.After is not null))
            throw new UsageException(
                $"BASE and HEAD have no {(counts ? "counted " : "")}figure in common"
            );
        RequireAllowed(options, pairs);
        bool same = before.IsSameAs(after);
        // A row that cannot be judged makes no error.
        int judged = pairs.Count(pair => HasRounds(pair.Before) && HasRounds(pair.After));
        double error = options.Error / Math.Max(judged, 1);
        ComparisonRow[] rows =
        [
            .. pairs
                .Where(pair => pair.Before?.Part is null || pair.After is not null)
                .Select(pair =>
                    same
                        ? Judgement.Identical(pair.Before!)
                        : Judgement.Row(pair.Before, pair.After, options, error)
                )
                .OrderBy(row => RowVerdict.All.ToList().IndexOf(row.Verdict)),
        ];
        double[] ratios =
        [
            .. pairs
                .Where(pair =>
                    pair.Before is { Kind: FigureKind.Timed, Part: null } && pair.After is not null
                )
                .Select(pair =>
                    Statistics.Median(pair.After!.Values) / Statistics.Median(pair.Before!.Values)
                ),
        ];
        return new ComparisonReport
        {
            Verdict = rows[0].Verdict,
            Base = before.Path,
            Head = after.Path,
            Forced = differences.Count > 0 ? differences : null,
            Notes =
            [
                .. before.Notes,
                .. after.Notes,
                .. same ? (string[])["BASE and HEAD are the same, byte for byte"] : [],
                .. Likeness
                    .Told(before, after, counts)
                    .Select(difference => $"BASE and HEAD differ in {difference}"),
                .. same ? [] : TooFewRounds(pairs, error),
            ],
            GeometricMean =
                ratios.Length == 0
                    ? null
                    : Math.Round(Math.Exp(ratios.Average(ratio => Math.Log(ratio))), 6),
            Rows = rows,
        };
    }

    // By the whole key; those of other shapes, where that is forced, by what is left without the shape.
    private static IEnumerable<(Figure? Before, Figure? After)> Pairs(
        FigureSet before,
        FigureSet after,
        bool force
    )
    {
        var moved = new Dictionary<(string Subject, string Shape), string>();
        if (force)
        {
            foreach (
                (string subject, string[] shapes, string[] others) in Likeness.Shapes(before, after)
            )
            {
                if (shapes.Length == 1 && others.Length == 1)
                    moved[(subject, shapes[0])] = others[0];
            }
        }
        var taken = new HashSet<FigureKey>();
        foreach ((FigureKey key, Figure figure) in before.Figures)
        {
            FigureKey there = moved.TryGetValue((key.Subject, key.Shape), out string? shape)
                ? key with
                {
                    Shape = shape,
                }
                : key;
            taken.Add(there);
            yield return (figure, after.Figures.GetValueOrDefault(there));
        }
        foreach ((FigureKey key, Figure figure) in after.Figures)
        {
            if (!taken.Contains(key))
                yield return (null, figure);
        }
    }

    private static bool HasRounds(Figure? figure) =>
        figure is { Kind: not FigureKind.Counted, Values.Count: > 1 };

    private static void RequireAllowed(
        JudgementOptions options,
        (Figure? Before, Figure? After)[] pairs
    )
    {
        string[] counted =
        [
            .. pairs
                .Select(pair => (pair.Before ?? pair.After)!)
                .Where(figure => figure.Kind == FigureKind.Counted)
                .Select(figure => figure.Metric)
                .Distinct(),
        ];
        foreach (string metric in options.Allowed.Keys)
        {
            if (!counted.Contains(metric))
                throw new UsageException(
                    $"--allow: '{Printable.Shortened(metric)}' is no counted metric of these files{ParseErrors.Suggest(metric, counted)}; they have {string.Join(", ", counted)}"
                );
        }
    }

    private static IEnumerable<string> TooFewRounds(
        (Figure? Before, Figure? After)[] pairs,
        double error
    )
    {
        int few = pairs.Count(pair =>
            pair is { Before: { Kind: FigureKind.Timed } a, After: { } b }
            && RatioBounds.Of(a.Values, b.Values, error) is null
        );
        if (few > 0)
            yield return $"{Amount.Of(few, "time")} of too few rounds to be judged: at this error each side needs {RatioBounds.RoundsFor(error)} (bench --rounds, or files of several runs in a folder)";
    }
}
