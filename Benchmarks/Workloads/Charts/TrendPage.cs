using static Sequor.Workloads.Figures;

namespace Sequor.Workloads.Charts;

/// <summary>A history as a page: of each machine a chart a metric over the commits, and the commits that changed something.</summary>
public static class TrendPage
{
    // More rows make a page slow; the charts and the JSON have all.
    private const int MostRows = 500;

    /// <summary>The page: HTML that needs no other file and no network.</summary>
    /// <param name="report">What a history came to.</param>
    public static string Render(TrendReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var body = new HtmlText();
        List<LineChart> charts = [];
        if (report.Damaged.Count > 0)
            body.Add(
                $"<section class=\"card\" role=\"alert\"><h2>Left out: {Several(report.Damaged.Count, "line")}</h2><p>Line {Text($"{report.Damaged[0].Line}")} {report.Damaged[0].Reason}.</p></section>\n"
            );
        foreach (TrendMachine machine in report.Machines)
        {
            body.Add($"{Changes(machine)}");
            foreach (
                IGrouping<(string Metric, string Unit), TrendSeries> metric in machine
                    .Series.Where(s => s.Unit == "ms" || s.Changes.Count > 0)
                    .GroupBy(s => (s.Metric, s.Unit))
            )
            {
                LineChart chart = Chart(
                    Text($"chart{charts.Count}"),
                    machine,
                    metric.Key,
                    [.. metric]
                );
                charts.Add(chart);
                body.Add(
                    $"{Page.Figure(chart, $"{metric.Key.Metric}: {machine.Name}", HtmlText.Of($"By commit, in the order in which they were measured first; marks: commits that changed it."), Table(machine, metric.Key, [.. metric]))}"
                );
            }
        }
        TrendCommit last = report.Machines[^1].Commits[^1];
        return Page.Render(
            "Trends of training steps",
            [
                ("History", report.File),
                ("Runs", Text($"{report.Lines - report.Damaged.Count}")),
                ("Machines", Text($"{report.Machines.Count}")),
                ("Last commit measured", last.Date),
            ],
            body,
            charts
        );
    }

    private static LineChart Chart(
        string id,
        TrendMachine machine,
        (string Metric, string Unit) metric,
        TrendSeries[] series
    ) =>
        new()
        {
            Id = id,
            X = new Axis("commit, by number", Log: false),
            Y = new Axis(
                metric.Unit.Length > 0 ? $"{metric.Metric}, {metric.Unit}" : metric.Metric,
                Log: false
            ),
            Places = [.. Enumerable.Range(1, machine.Commits.Count).Select(i => (double)i)],
            Entries =
            [
                .. series.Select(
                    (s, i) =>
                        new LegendEntry(
                            s.Name,
                            Several(s.Changes.Count, "change"),
                            StyleOf(s.Name, i)
                        )
                ),
            ],
            Lines =
            [
                .. series.Select(
                    (s, i) =>
                        new Line(
                            s.Name,
                            i,
                            0,
                            s.Values,
                            // A single point is a mark or nothing.
                            s.Values.Count == 1
                                ? null
                                : [.. s.Changes.Select(c => c.Index)]
                        )
                ),
            ],
        };

    private static int StyleOf(string name, int index)
    {
        string arch = name.Split(' ')[0];
        return Architecture.Names.Contains(arch) ? Styles.Of(arch) : index % Styles.Count;
    }

    private static HtmlText Changes(TrendMachine machine)
    {
        (TrendSeries Series, TrendChange Change)[] changes =
        [
            .. machine
                .Series.SelectMany(s => s.Changes.Select(change => (s, change)))
                .OrderByDescending(c => c.change.Index),
        ];
        HtmlText table =
            changes.Length == 0
                ? HtmlText.Of($"<p>No figure changed.</p>")
                : Page.Table(
                    "Changes, the newest first",
                    ["commit", "figure", "number", "date", "before", "after", "ratio"],
                    changes
                        .Take(MostRows)
                        .Select(c =>
                            (string[])
                                [
                                    c.Change.Commit,
                                    $"{c.Series.Name}: {c.Series.Metric}",
                                    Text($"{c.Change.Index + 1}"),
                                    machine.Commits[c.Change.Index].Date,
                                    Value(c.Change.Before, c.Series.Unit),
                                    Value(c.Change.After, c.Series.Unit),
                                    c.Change.Ratio is { } ratio ? Text($"{ratio:0.000}") : "",
                                ]
                        ),
                    texts: 2
                );
        string more =
            changes.Length > MostRows
                ? Text($"{changes.Length - MostRows} older changes are in the JSON.")
                : "";
        return HtmlText.Of(
            $"""
            <section class="card">
            <h2>{machine.Name}</h2>
            {table}<p class="note">{Several(
                machine.Commits.Count,
                "commit"
            )}. Times change by more than 1% and more than noise; counts where they are another number. {more}</p>
            </section>

            """
        );
    }

    private static HtmlText Table(
        TrendMachine machine,
        (string Metric, string Unit) metric,
        TrendSeries[] series
    )
    {
        int first = Math.Max(0, machine.Commits.Count - MostRows);
        HtmlText table = Page.Table(
            $"{metric.Metric}: {machine.Name}",
            ["commit", .. series.Select(s => s.Name)],
            Enumerable
                .Range(first, machine.Commits.Count - first)
                .Select(i =>
                    (string[])
                        [
                            machine.Commits[i].Commit,
                            .. series.Select(s =>
                                s.Values[i] is { } value ? Value(value, metric.Unit) : ""
                            ),
                        ]
                )
        );
        return first > 0
            ? HtmlText.Of(
                $"<p>The last {Text($"{MostRows}")} commits; the JSON has all.</p>{table}"
            )
            : table;
    }

    private static string Value(double value, string unit) =>
        unit == "ms" ? Milliseconds(value) : Text($"{value:#,0.####}");
}
