using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// The verdicts of turns that two programs took: a row that has one keeps it, and others wait for the next look. A row has wall
/// time and, where that is a measure of its step, processor time, which tells nothing of waiting but is not longer where another
/// program had the processor. It decides where wall time does not.
/// </summary>
internal sealed class PairedVerdicts(JudgementOptions options)
{
    private readonly Dictionary<string, Found> _found = [];
    private double _spent;

    /// <summary>Whether there is nothing left to decide.</summary>
    public bool AreAll(IReadOnlyList<string> names) =>
        names.All(name => Of(name) != RowVerdict.Unclear);

    /// <summary>The verdict of a row; unclear while it has none.</summary>
    public string Of(string name) =>
        _found.TryGetValue(name, out Found? found) ? found.Verdict : RowVerdict.Unclear;

    /// <summary>Looks at the rows that have no verdict.</summary>
    /// <param name="turns">All turns until now.</param>
    /// <param name="names">The rows.</param>
    /// <param name="part">The part of the budget that is spent; 1 for the last look.</param>
    public void Look(IReadOnlyList<TurnPair> turns, IReadOnlyList<string> names, double part)
    {
        double spent = PairedPlan.Spent(options.Error, part);
        double error = (spent - _spent) / names.Count;
        _spent = spent;
        foreach (string name in names.Where(name => Of(name) == RowVerdict.Unclear))
        {
            Found? found = Judge([.. turns.Where(t => t.Name == name && t.Workers > 0)], error);
            if (found is not null)
                _found[name] = found;
        }
    }

    // Each of two clocks has half of the error.
    private Found? Judge(TurnPair[] turns, double error)
    {
        bool both = HasProcessorTime(turns);
        Found? wall = Judge(turns, both ? error / 2 : error, processor: false);
        if (!both || wall is { Verdict: not RowVerdict.Unclear })
            return wall;
        Found? processor = Judge(turns, error / 2, processor: true);
        return processor is { Verdict: not RowVerdict.Unclear } || wall is null ? processor
            : processor is not null && processor.Bounds.Width < wall.Bounds.Width ? processor
            : wall;
    }

    private Found? Judge(TurnPair[] turns, double error, bool processor)
    {
        if (PairedBounds.Of(Ratios(turns, processor), error) is not { } bounds)
            return null;
        double most = 1 + options.Threshold;
        string verdict =
            bounds.Low > most ? RowVerdict.Slower
            : bounds.High < 1 / most ? RowVerdict.Faster
            : bounds.Low >= 1 / most && bounds.High <= most ? RowVerdict.Same
            : RowVerdict.Unclear;
        return new Found(verdict, bounds, processor);
    }

    /// <summary>The report: times by their turns, all else as the programs counted it.</summary>
    public ComparisonReport Report(
        ComparisonReport counted,
        IReadOnlyList<TurnPair> turns,
        IReadOnlyList<string> names
    )
    {
        Dictionary<string, Found?> control = names.ToDictionary(
            name => name,
            name =>
                Judge(
                    [.. turns.Where(t => t.Name == name && t.Workers <= 0)],
                    options.Error / names.Count
                )
        );
        ComparisonRow[] rows =
        [
            .. counted
                .Rows.Select(row =>
                    row.Unit == "ms" && names.Contains(row.Name)
                        ? Timed(row, turns, IsApart(row.Name))
                        : row
                )
                .OrderBy(row => RowVerdict.All.ToList().IndexOf(row.Verdict)),
        ];
        return counted with
        {
            Verdict = rows[0].Verdict,
            Rows = rows,
            Pairs = turns,
            Notes =
            [
                .. counted.Notes.Where(note =>
                    !note.Contains("too few rounds", StringComparison.Ordinal)
                ),
                .. names
                    .Where(IsApart)
                    .Select(name =>
                        $"processes of one program differ in {name} by more than the threshold ({control[name]!.Bounds.Text}), so its time has no verdict"
                    ),
            ],
            GeometricMean = Math.Round(
                Math.Exp(
                    rows.Where(r => names.Contains(r.Name) && r.Unit == "ms")
                        .Average(r => Math.Log(r.Ratio!.Value))
                ),
                6
            ),
        };

        // What tells a program from itself tells nothing of two.
        bool IsApart(string name) =>
            control[name]?.Verdict is RowVerdict.Slower or RowVerdict.Faster;
    }

    private ComparisonRow Timed(ComparisonRow row, IReadOnlyList<TurnPair> all, bool apart)
    {
        TurnPair[] turns = [.. all.Where(p => p.Name == row.Name && p.Workers > 0)];
        Found? found = _found.GetValueOrDefault(row.Name);
        bool processor = found?.Processor == true;
        RatioBounds? bounds = found?.Bounds;
        return row with
        {
            Base = Statistics.Median(
                turns.Select(t => processor ? t.BaseProcessor!.Value : t.Base)
            ),
            Head = Statistics.Median(
                turns.Select(t => processor ? t.HeadProcessor!.Value : t.Head)
            ),
            Ratio = Math.Round(
                bounds?.Ratio ?? Statistics.Median(turns.Select(t => t.Head / t.Base)),
                6
            ),
            Low = bounds is { } low ? Math.Round(low.Low, 6) : null,
            High = bounds is { } high ? Math.Round(high.High, 6) : null,
            Verdict = apart ? RowVerdict.Unclear : Of(row.Name),
            Clock = processor ? TurnClock.Processor : TurnClock.Wall,
        };
    }

    private static bool HasProcessorTime(TurnPair[] turns) =>
        turns.Length > 0
        && turns.All(t => t is { BaseProcessor: not null, HeadProcessor: not null });

    private static double[][] Ratios(TurnPair[] turns, bool processor) =>
        [
            .. turns
                .GroupBy(t => t.Workers)
                .Select(group =>
                    group
                        .Select(t =>
                            processor
                                ? t.HeadProcessor!.Value / t.BaseProcessor!.Value
                                : t.Head / t.Base
                        )
                        .ToArray()
                ),
        ];

    private sealed record Found(string Verdict, RatioBounds Bounds, bool Processor);
}
