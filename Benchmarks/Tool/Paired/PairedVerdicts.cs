using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The verdicts of turns that two programs took: a row that has one keeps it, and others wait for the next look.</summary>
internal sealed class PairedVerdicts(JudgementOptions options)
{
    private readonly Dictionary<string, string> _verdicts = [];
    private readonly Dictionary<string, RatioBounds> _bounds = [];
    private readonly Random _random = new(2);

    /// <summary>Whether there is nothing left to decide.</summary>
    public bool AreAll(IReadOnlyList<string> names) => names.All(_verdicts.ContainsKey);

    /// <summary>The verdict of a row; unclear while it has none.</summary>
    public string Of(string name) => _verdicts.GetValueOrDefault(name, RowVerdict.Unclear);

    /// <summary>Looks at the rows that have no verdict.</summary>
    /// <param name="pairs">All turns until now.</param>
    /// <param name="names">The rows.</param>
    /// <param name="share">The part of the error that this look may use, for all rows together.</param>
    public void Look(IReadOnlyList<TurnPair> pairs, IReadOnlyList<string> names, double share)
    {
        double error = options.Error * share / names.Count;
        double most = 1 + options.Threshold;
        foreach (string name in names.Where(name => !_verdicts.ContainsKey(name)))
        {
            double[][] workers =
            [
                .. pairs
                    .Where(pair => pair.Name == name && pair.Workers > 0)
                    .GroupBy(pair => pair.Workers)
                    .Select(group => group.Select(pair => pair.Head / pair.Base).ToArray()),
            ];
            if (PairedBounds.Of(workers, error, _random) is not { } bounds)
                continue;
            _bounds[name] = bounds;
            string? verdict =
                bounds.Low > most ? RowVerdict.Slower
                : bounds.High < 1 / most ? RowVerdict.Faster
                : bounds.Low >= 1 / most && bounds.High <= most ? RowVerdict.Same
                : null;
            if (verdict is not null)
                _verdicts[name] = verdict;
        }
    }

    /// <summary>The report: times by their turns, all else as the programs counted it.</summary>
    public ComparisonReport Report(
        ComparisonReport counted,
        IReadOnlyList<TurnPair> pairs,
        IReadOnlyList<string> names
    )
    {
        string[] apart = [.. names.Where(name => !Agrees(pairs, name))];
        ComparisonRow[] rows =
        [
            .. counted
                .Rows.Select(row =>
                    row.Unit == "ms" && names.Contains(row.Name)
                        ? Timed(row, pairs, apart.Contains(row.Name))
                        : row
                )
                .OrderBy(row => RowVerdict.All.ToList().IndexOf(row.Verdict)),
        ];
        return counted with
        {
            Verdict = rows[0].Verdict,
            Rows = rows,
            Pairs = pairs,
            Notes =
            [
                .. counted.Notes.Where(note =>
                    !note.Contains("too few rounds", StringComparison.Ordinal)
                ),
                .. apart.Select(name =>
                    $"two processes of BASE differ in {name} in every round, so its time has no verdict"
                ),
            ],
            GeometricMean = Math.Round(
                Math.Exp(names.Average(name => Math.Log(Middle(pairs, name)))),
                6
            ),
        };
    }

    // Where one process of a program is slower than another in every round by more than twice the threshold, processes differ
    // by more than programs may: the few that there are cannot tell which it is.
    private bool Agrees(IReadOnlyList<TurnPair> pairs, string name)
    {
        double[] ratios =
        [
            .. pairs.Where(p => p.Name == name && p.Workers == 0).Select(p => p.Head / p.Base),
        ];
        double most = 1 + (2 * options.Threshold);
        return ratios.Length == 0 || !(ratios.Min() > most || ratios.Max() < 1 / most);
    }

    private ComparisonRow Timed(ComparisonRow row, IReadOnlyList<TurnPair> pairs, bool apart)
    {
        TurnPair[] turns = [.. pairs.Where(p => p.Name == row.Name && p.Workers > 0)];
        RatioBounds? bounds = _bounds.TryGetValue(row.Name, out RatioBounds found) ? found : null;
        return row with
        {
            Base = Statistics.Median(turns.Select(p => p.Base)),
            Head = Statistics.Median(turns.Select(p => p.Head)),
            Ratio = Math.Round(bounds?.Ratio ?? Middle(pairs, row.Name), 6),
            Low = bounds is { } low ? Math.Round(low.Low, 6) : null,
            High = bounds is { } high ? Math.Round(high.High, 6) : null,
            Verdict = apart ? RowVerdict.Unclear : Of(row.Name),
        };
    }

    private static double Middle(IReadOnlyList<TurnPair> pairs, string name) =>
        Statistics.Median(
            pairs.Where(p => p.Name == name && p.Workers > 0).Select(p => p.Head / p.Base)
        );
}
