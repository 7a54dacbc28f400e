using System.Text;
using Sequor.Layers;
using static Sequor.Workloads.Figures;

namespace Sequor.Workloads;

/// <summary>Results of reproductions as Markdown: the tables of the page, without its charts.</summary>
public static class ResultsDocument
{
    private const string Legend =
        $"Test: with the parameters of the epoch whose loss on the validation set is the least, the mean over the seeds; less is better, but for accuracies. Paper: {ResultTexts.Missing} where the papers have no such model. How far: epochs of those that were asked for, of each seed, and what ended them if not their number.";

    /// <summary>The document, without a title of its own: sections of the second level.</summary>
    /// <param name="book">The results.</param>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static string Render(ReproductionBook book)
    {
        ArgumentNullException.ThrowIfNull(book);
        if (book.Results.Count == 0 && book.Sweeps.Count == 0)
            throw new ArgumentException("The book has no results.", nameof(book));
        var text = new StringBuilder();
        text.Append("Measured on:\n\n");
        foreach (string source in book.Sources.Select(s => s.ToString()).Distinct())
            text.Append("- ").Append(Cell(source)).Append('\n');
        if (book.Results.Count > 0)
            text.Append('\n').Append(Legend).Append('\n');
        foreach (ResultGroup group in book.Groups)
        {
            Head(text, ResultTexts.Title(group));
            Table(
                text,
                [
                    "model",
                    "parameters",
                    $"test: {ResultTexts.Unit(group.Results[0])}",
                    "paper",
                    "against paper",
                    "seeds",
                    "how far",
                    "seconds",
                    "peak, MiB",
                ],
                group.Results.Select(r =>
                    (string[])
                        [
                            r.Arch,
                            Count(r.Parameters),
                            ResultTexts.Score(r.Test),
                            ResultTexts.Published(r.Paper),
                            ResultTexts.AgainstPaper(r),
                            Text($"{r.Seeds}"),
                            ResultTexts.HowFar(r),
                            Count(Math.Round(r.Seconds)),
                            Mebibytes(r.PeakBytes),
                        ]
                )
            );
            if (book.DifferencesOf(group) is not { } differences)
                continue;
            text.Append('\n').Append(ResultTexts.Meaning(differences)).Append("\n\n");
            (string[] head, IEnumerable<string[]> rows) = ResultTexts.Differences(differences);
            Table(text, head, rows, blank: false);
        }
        foreach (ResultGroup ladder in book.Ladders)
        {
            bool timed = ladder.Results.Any(r => book.StepOf(r) is not null);
            Head(text, $"From a tanh network to the LRU: {ResultTexts.Title(ladder)}");
            Table(
                text,
                [
                    "rung",
                    "what changes",
                    $"test: {ResultTexts.Unit(ladder.Results[0])}",
                    "paper",
                    .. timed ? ["ms a step"] : (string[])[],
                ],
                ladder.Results.Select(r =>
                    (string[])
                        [
                            r.Arch,
                            Architecture.Get(r.Arch).OnLadder!.Change,
                            ResultTexts.Score(r.Test),
                            ResultTexts.Published(r.Paper),
                            .. timed ? [ResultTexts.Step(book.StepOf(r))] : (string[])[],
                        ]
                )
            );
        }
        foreach (ResultGroup recalled in book.Recalls)
        {
            int[] lengths = [.. recalled.Results.Select(r => r.Length!.Value).Distinct().Order()];
            Head(text, $"{recalled.Task}: right answers in percent, {recalled.Preset}");
            Table(
                text,
                ["model", .. lengths.Select(l => Text($"T = {l}"))],
                recalled
                    .Results.GroupBy(r => r.Arch)
                    .OrderBy(g => Architecture.Find(g.Key)?.Order ?? int.MaxValue)
                    .Select(g =>
                        (string[])
                            [
                                g.Key,
                                .. lengths.Select(l =>
                                    g.LastOrDefault(r => r.Length == l)?.Recalled is { } share
                                        ? Text($"{share:0.0}")
                                        : ResultTexts.Missing
                                ),
                            ]
                    )
            );
        }
        foreach (BenchReport sweep in book.Sweeps)
            Growth(text, sweep);
        return text.ToString();
    }

    private static void Growth(StringBuilder text, BenchReport sweep)
    {
        int[] lengths = [.. sweep.Results.Select(r => r.Length).Distinct()];
        Head(text, $"Cost of a training step against length: {sweep.Task}");
        foreach (
            (
                string unit,
                Func<BenchResult, string> cell,
                Func<GrowthExponents, double> exponent
            ) in ((string, Func<BenchResult, string>, Func<GrowthExponents, double>)[])
                [
                    ("ms a step", r => Milliseconds(r.StepMs.Median), g => g.StepTime),
                    ("peak, MiB", r => Mebibytes(r.PeakBytes), g => g.PeakMemory),
                ]
        )
        {
            text.Append('\n');
            Table(
                text,
                [unit, .. lengths.Select(l => Text($"T = {l}")), "exponent"],
                sweep.Exponents!.Select(g =>
                    (string[])
                        [
                            g.Arch,
                            .. lengths.Select(l =>
                                sweep.Results.FirstOrDefault(r => r.Arch == g.Arch && r.Length == l)
                                    is { } result
                                    ? cell(result)
                                    : ResultTexts.Missing
                            ),
                            Ratio(exponent(g)),
                        ]
                ),
                blank: false
            );
        }
    }

    private static void Head(StringBuilder text, string title) =>
        text.Append("\n## ").Append(Cell(title)).Append('\n');

    private static void Table(
        StringBuilder text,
        IReadOnlyList<string> head,
        IEnumerable<string[]> rows,
        bool blank = true
    )
    {
        if (blank)
            text.Append('\n');
        Row(head);
        Row([.. head.Select((_, i) => i == 0 ? "---" : "---:")]);
        foreach (string[] row in rows)
            Row(row);

        void Row(IReadOnlyList<string> cells) =>
            text.Append("| ").AppendJoin(" | ", cells.Select(Cell)).Append(" |\n");
    }

    // What stands in a file that somebody gave stays a text of its cell.
    private static string Cell(string text) =>
        Printable
            .Of(text)
            .Replace('\u00a0', ' ')
            .Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("|", "\\|", StringComparison.Ordinal)
            .Replace("<", "&lt;", StringComparison.Ordinal);
}
