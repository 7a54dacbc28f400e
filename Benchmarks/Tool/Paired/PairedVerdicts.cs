using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// The verdicts of turns that two programs took: a row that has one keeps it, and others wait for the next look. A row has wall
/// time and, where that is a measure of its step, processor time, which tells nothing of waiting but is not longer where another
/// program had the processor. It decides where wall time does not. A verdict is one that the bounds and the exact test of signed
/// ranks over the pairs of processes both give, each with the look's whole error, and of ten pairs at least. Turns of processes
/// whose code had not settled do not count.
/// </summary>
internal sealed class PairedVerdicts(JudgementOptions options)
{
    // A pair that had fewer was hardly measured.
    private const int LeastRounds = 3;

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
        // Whether there are enough depends on no time, and what a look does not use is left to the next.
        if (
            names.All(name =>
                Settled(turns, name).Length < PairedPlan.PairsOfVerdict(options.Error, names.Count)
            )
        )
            return;
        double spent = PairedPlan.Spent(options.Error, part);
        double error = (spent - _spent) / names.Count;
        _spent = spent;
        foreach (string name in names.Where(name => Of(name) == RowVerdict.Unclear))
        {
            TurnPair[][] settled = Settled(turns, name);
            if (settled.Length < PairedPlan.PairsOfVerdict(options.Error, names.Count))
                continue;
            Found? found = Judge([.. settled.SelectMany(pair => pair)], error);
            if (found is not null)
                _found[name] = found;
        }
    }

    // The turns that count of each pair of processes that counts.
    private static TurnPair[][] Settled(IReadOnlyList<TurnPair> turns, string name) =>
        [
            .. turns
                .Where(t => t.Name == name && t.Workers > 0 && t.Settled != false)
                .GroupBy(t => t.Workers)
                .Select(pair => pair.ToArray())
                .Where(pair => pair.Length >= LeastRounds),
        ];

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
        double[][] ratios = Ratios(turns, processor);
        if (PairedBounds.Of(ratios, error) is not { } bounds)
            return null;
        double most = 1 + options.Threshold;
        double[] logs = [.. ratios.Select(PairedBounds.Estimate)];
        string verdict =
            bounds.Low > most && IsAbove(most) ? RowVerdict.Slower
            : bounds.High < 1 / most && IsBelow(1 / most) ? RowVerdict.Faster
            : bounds.Low >= 1 / most && bounds.High <= most && IsAbove(1 / most) && IsBelow(most)
                ? RowVerdict.Same
            : RowVerdict.Unclear;
        return new Found(verdict, bounds, processor);

        bool IsAbove(double ratio) =>
            SignedRanks.Above([.. logs.Select(log => log - Math.Log(ratio))]) <= error / 2;

        bool IsBelow(double ratio) =>
            SignedRanks.Above([.. logs.Select(log => Math.Log(ratio) - log)]) <= error / 2;
    }

    /// <summary>The report: times by their turns, all else as the programs counted it.</summary>
    public ComparisonReport Report(
        ComparisonReport counted,
        IReadOnlyList<TurnPair> turns,
        IReadOnlyList<string> names
    )
    {
        Dictionary<string, RatioBounds?> control = names.ToDictionary(
            name => name,
            name =>
                Apart(
                    [.. turns.Where(t => t.Name == name && t.Workers <= 0 && t.Settled != false)],
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
                        $"processes of one program differ in {name} by more than the threshold ({control[name]!.Value.Text}), so its time has no verdict"
                    ),
                .. names.Select(name => TooFew(turns, name, names.Count)).OfType<string>(),
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
        bool IsApart(string name) => control[name] is not null;
    }

    // The bounds of processes of one program if these are told apart by either clock: by fewer pairs than a verdict needs, since
    // this only takes one away.
    private RatioBounds? Apart(TurnPair[] turns, double error)
    {
        double most = 1 + options.Threshold;
        bool both = HasProcessorTime(turns);
        foreach (bool processor in both ? (bool[])[false, true] : [false])
        {
            if (
                PairedBounds.Of(Ratios(turns, processor), both ? error / 2 : error) is { } bounds
                && (bounds.Low > most || bounds.High < 1 / most)
            )
                return bounds;
        }
        return null;
    }

    // Why there can be no verdict, if that is so.
    private string? TooFew(IReadOnlyList<TurnPair> turns, string name, int rows)
    {
        int pairs = turns
            .Where(t => t.Name == name && t.Workers > 0)
            .DistinctBy(t => t.Workers)
            .Count();
        int settled = Settled(turns, name).Length;
        int needed = PairedPlan.PairsOfVerdict(options.Error, rows);
        return settled >= needed ? null
            : pairs >= needed || settled < pairs
                ? FormattableString.Invariant(
                    $"{name} has no verdict: the code of {pairs - settled} of {pairs} pairs of processes had not settled for {LeastRounds} rounds, and a verdict needs {needed} pairs that have; --minutes gives them more time"
                )
            : FormattableString.Invariant(
                $"{name} has no verdict: there was time or memory for {pairs} pairs of processes, and a verdict needs {needed}; --minutes gives more time"
            );
    }

    private ComparisonRow Timed(ComparisonRow row, IReadOnlyList<TurnPair> all, bool apart)
    {
        TurnPair[] turns = [.. Settled(all, row.Name).SelectMany(pair => pair)];
        // Without any that counts they are shown all the same.
        if (turns.Length == 0)
            turns = [.. all.Where(p => p.Name == row.Name && p.Workers > 0)];
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
