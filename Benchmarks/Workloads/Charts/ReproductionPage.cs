using static Sequor.Workloads.Figures;

namespace Sequor.Workloads.Charts;

/// <summary>
/// Reproductions of papers as a page: a table for each task with the papers' figures, the ladder of the LRU, what is recalled against
/// length, cost against length where it was measured, and learning curves.
/// </summary>
public static class ReproductionPage
{
    private const string Title = "Results beside those of the papers";

    /// <summary>The page: HTML that needs no other file and no network.</summary>
    /// <param name="report">What presets came to, with their runs.</param>
    /// <param name="date">When; null for now.</param>
    /// <param name="differences">How sure the order of models is, where it is known.</param>
    /// <exception cref="ArgumentException">The report of a finished run has no results.</exception>
    public static string Render(
        ReproductionReport report,
        DateTimeOffset? date = null,
        IReadOnlyList<AnswerDifferences>? differences = null
    )
    {
        ArgumentNullException.ThrowIfNull(report);
        IReadOnlyList<ReproductionResult> results = report.Results;
        if (
            results.Count == 0
            && report.Status == RunStatus.Finished
            && report.Left is not { Count: > 0 }
        )
            throw new ArgumentException("The report has no results.", nameof(report));
        return Render(
            ReproductionBook.Of(report) with
            {
                Differences = differences ?? [],
            },
            [
                .. Page.Facts(report.Machine, date ?? DateTimeOffset.Now),
                ("Device", $"{report.Device}, {Several(report.Threads, "thread")}"),
                .. FactsOf(results),
                ("Limit", Limit(report)),
            ]
        );
    }

    /// <summary>The page of several reports, with measured steps beside them.</summary>
    /// <param name="book">The results.</param>
    /// <exception cref="ArgumentException">There are none, and nothing was left.</exception>
    public static string Render(ReproductionBook book)
    {
        ArgumentNullException.ThrowIfNull(book);
        if (book.Results.Count == 0 && book.Left.Count == 0 && book.Sweeps.Count == 0)
            throw new ArgumentException("The book has no results.", nameof(book));
        return Render(
            book,
            [
                .. book
                    .Sources.Select(source => source.ToString())
                    .Distinct()
                    .Select((source, i) => (i == 0 ? "Measured on" : "and", source)),
                .. FactsOf(book.Results),
            ]
        );
    }

    private static string Render(ReproductionBook book, (string Name, string Value)[] facts)
    {
        var body = new HtmlText();
        List<LineChart> charts = [];
        body.Add($"{Page.Notice(book.Status, book.Reason)}");
        body.Add($"{ReproductionTables.Results(book)}");
        body.Add($"{ReproductionTables.Ladders(book)}");
        foreach (ResultGroup recalled in book.Recalls)
            body.Add($"{ReproductionCurves.Recalled(charts, recalled)}");
        foreach (BenchReport sweep in book.Sweeps)
        {
            body.Add(
                $"<section class=\"card\"><h2>Cost of a training step: {sweep.Task}</h2><p>{ReproductionTables.Sweep(sweep)}</p></section>\n"
            );
            BenchFigures.AddGrowth(
                body,
                charts,
                sweep,
                sweep.Exponents!,
                Text($"{sweep.Task}-{charts.Count}-")
            );
        }
        // Models of different size in one chart would have the same colour.
        foreach (ResultGroup group in book.Groups)
            body.Add($"{ReproductionCurves.Losses(charts, group)}");
        body.Add($"{ReproductionTables.Left(book)}");
        return Page.Render(Title, facts, body, charts);
    }

    private static string Limit(ReproductionReport report) =>
        (report.BudgetMinutes, report.TotalBudgetSeconds) switch
        {
            (null, null) => "none: runs end with their epochs",
            ({ } minutes, null) => Text($"{minutes:0.####} min of training and validation a run"),
            (null, { } seconds) => $"{ReproductionTables.Duration(seconds)} for all runs together",
            ({ } minutes, { } seconds) => Text(
                $"{minutes:0.####} min of training and validation a run, {ReproductionTables.Duration(seconds)} for all of them together"
            ),
        };

    private static (string Name, string Value)[] FactsOf(
        IReadOnlyList<ReproductionResult> results
    ) =>
        results.Count == 0
            ? []
            :
            [
                ("Tasks", string.Join(", ", results.Select(r => r.Task).Distinct())),
                ("Data", string.Join(", ", results.Select(r => $"{r.Task} {r.Data}").Distinct())),
                ("Time", ReproductionTables.Duration(results.Sum(r => r.Seconds)) + " in all"),
            ];
}
