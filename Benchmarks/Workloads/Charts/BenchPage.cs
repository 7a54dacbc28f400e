using static Sequor.Workloads.Figures;

namespace Sequor.Workloads.Charts;

/// <summary>A measurement as a page: cost against length where it is a sweep, memory by category, all figures.</summary>
public static class BenchPage
{
    /// <summary>The page: HTML that needs no other file and no network.</summary>
    /// <param name="report">What was measured.</param>
    /// <param name="date">When.</param>
    /// <exception cref="ArgumentException">The report of a finished run has no results.</exception>
    public static string Render(BenchReport report, DateTimeOffset date)
    {
        ArgumentNullException.ThrowIfNull(report);
        HtmlText notice = Page.Notice(report.Status, report.Reason);
        if (report.Results.Count == 0 && report.Status != RunStatus.Finished)
        {
            return Page.Render(
                Text($"Training steps: {report.Task}"),
                Page.Facts(report.Machine, date),
                notice,
                []
            );
        }
        if (report.Results.Count == 0)
            throw new ArgumentException("The report has no results.", nameof(report));
        (string Title, IReadOnlyList<BenchResult> Results)[] lengths =
        [
            .. report
                .Results.GroupBy(r => r.Length)
                .Select(g => (Text($"T = {g.Key}"), (IReadOnlyList<BenchResult>)[.. g])),
        ];
        var body = new HtmlText();
        body.Add($"{notice}");
        List<LineChart> charts = [];
        if (report.Exponents is { } exponents)
            BenchFigures.AddGrowth(body, charts, report, exponents);
        else
            body.Add($"{BenchFigures.StepBars(report.Results)}");
        body.Add($"{BenchFigures.MemoryBars(lengths)}{Tables(lengths, report.Peaks)}");
        return Page.Render(
            Text($"Training steps: {report.Task}, {Lengths(report)}"),
            Facts(report, date),
            body,
            charts,
            System.Text.Encoding.UTF8.GetString(ReportWriter.ToUtf8(report))
        );
    }

    private static string Lengths(BenchReport report)
    {
        int first = report.Results[0].Length;
        int last = report.Results[^1].Length;
        // No line breaks within.
        return first == last
            ? Text($"T\u00a0=\u00a0{first}")
            : Text($"T\u00a0=\u00a0{first} to\u00a0{last}");
    }

    private static IEnumerable<(string Name, string Value)> Facts(
        BenchReport report,
        DateTimeOffset date
    )
    {
        IReadOnlyList<BenchResult> results = report.Results;
        string lengths = string.Join(", ", results.Select(r => r.Length).Distinct());
        long least = results.Min(r => r.Parameters);
        long most = results.Max(r => r.Parameters);
        int fewest = results.Min(r => r.SamplesMs.Count);
        int all = results.Max(r => r.SamplesMs.Count);
        return
        [
            .. Page.Facts(report.Machine, date),
            ("Device", $"{results[0].Device}, {Several(report.Threads, "thread")}"),
            (
                "Task",
                Text(
                    $"{report.Task}, T = {lengths}; B = {Several(results[0].Batch, "sequence")} a step"
                )
            ),
            (
                "Models",
                least == most
                    ? Text($"{Count(least)} {(least == 1 ? "parameter" : "parameters")}")
                    : $"{Count(least)} to {Count(most)} parameters"
            ),
            (
                "Steps",
                Text($"{report.Warmup} of warm-up, ")
                    + (fewest == all ? Text($"{all}") : Text($"{fewest} to {all}"))
                    + Text($" measured; Adam; seed {report.Seed}")
            ),
            ("Time", Text($"{report.Seconds:0.0} s in all")),
        ];
    }

    private static HtmlText Tables(
        (string Title, IReadOnlyList<BenchResult> Results)[] lengths,
        PeaksReport? peaks
    )
    {
        HtmlText time = Page.Table(
            "One training step",
            [
                "arch",
                "width × depth",
                "parameters",
                "step, ms",
                "5–95%, ms",
                "forward, ms",
                "backward, ms",
                "update, ms",
                "tokens/s",
                "peak, MiB",
                "× floor",
                "allocations",
            ],
            Rows(r =>
                [
                    r.Arch,
                    Size(r.Hidden, r.Layers, r.Variant).Replace('x', '×'),
                    Count(r.Parameters),
                    Milliseconds(r.StepMs.Median),
                    $"{Milliseconds(r.StepMs.P05)}–{Milliseconds(r.StepMs.P95)}",
                    Milliseconds(r.ForwardMs),
                    Milliseconds(r.BackwardMs),
                    Milliseconds(r.OptimizerMs),
                    Count(r.TokensPerS),
                    Mebibytes(r.PeakBytes),
                    Ratio((double)r.PeakBytes / r.FloorBytes),
                    Allocations(r.NativeAllocationsPerStep, r.ManagedBytesPerStep),
                ]
            )
        );
        HtmlText memory = Page.Table(
            "Memory at its peak, MiB",
            ["arch", .. BenchFigures.Categories, "sum", "floor", "× floor"],
            Rows(r =>
                [
                    r.Arch,
                    .. BenchFigures.Bytes(r).Select(Mebibytes),
                    Mebibytes(r.PeakBytes),
                    Mebibytes(r.FloorBytes),
                    Ratio((double)r.PeakBytes / r.FloorBytes),
                ]
            )
        );
        return HtmlText.Of(
            $"""
            <section class="card">
            <h2>One training step</h2>
            {time}<p class="note">Medians; the 5th and 95th percentiles are of whole steps. Depth: layers, levels of the TCN or blocks of the LRU. × floor: peak of memory over the least bytes that the algorithm needs. Allocations: native ones and managed bytes, a step.</p>
            <h2>Memory at its peak, MiB</h2>
            {memory}{Work(lengths, peaks)}</section>

            """
        );

        IEnumerable<(string, IEnumerable<string[]>)> Rows(Func<BenchResult, string[]> row) =>
            lengths.Select(length =>
                (lengths.Length > 1 ? length.Title : "", length.Results.Select(row))
            );
    }

    // Nothing of a report of before steps were counted.
    private static HtmlText Work(
        (string Title, IReadOnlyList<BenchResult> Results)[] lengths,
        PeaksReport? peaks
    )
    {
        BenchResult[] counted =
        [
            .. lengths.SelectMany(length => length.Results).Where(WorkFigures.IsCounted),
        ];
        if (counted.Length == 0)
            return new HtmlText();
        bool launches = counted.Any(r => r.Launches is not null);
        HtmlText table = Page.Table(
            "What a step moves and computes",
            ["arch", .. WorkFigures.Columns(launches)],
            lengths.Select(length =>
                (
                    lengths.Length > 1 ? length.Title : "",
                    length
                        .Results.Where(WorkFigures.IsCounted)
                        .Select(r => (string[])[r.Arch, .. WorkFigures.Cells(r, peaks, launches)])
                )
            )
        );
        string most = peaks is null ? "" : WorkFigures.Peaks(peaks) + " ";
        return HtmlText.Of(
            $"""
            <h2>What a step moves and computes</h2>
            {table}<p class="note">{most}{WorkFigures.Legend(
                counted.Any(r => r.BytesUnknown > 0)
            )}</p>
            {Floors(lengths, peaks)}
            """
        );
    }

    // Nothing of a report of before the parts of a step were counted.
    private static HtmlText Floors(
        (string Title, IReadOnlyList<BenchResult> Results)[] lengths,
        PeaksReport? peaks
    )
    {
        if (!lengths.SelectMany(length => length.Results).Any(WorkFigures.HasFloors))
            return new HtmlText();
        HtmlText table = Page.Table(
            "Forward and backward pass, and the least that they take",
            ["arch", .. WorkFigures.FloorColumns],
            lengths.Select(length =>
                (
                    lengths.Length > 1 ? length.Title : "",
                    length
                        .Results.Where(WorkFigures.HasFloors)
                        .Select(r => (string[])[r.Arch, .. WorkFigures.FloorCells(r, peaks)])
                )
            )
        );
        return HtmlText.Of($"""{table}<p class="note">{WorkFigures.FloorLegend}</p>""");
    }
}
