using Sequor.Layers;
using static Sequor.Workloads.Figures;

namespace Sequor.Workloads.Charts;

/// <summary>Reproductions of papers as a page: learning curves, and the results beside the papers' figures.</summary>
public static class ReproductionPage
{
    private const string Missing = "–";

    // Losses that differ more than so many times are drawn on a logarithmic axis.
    private const double WideRange = 20;

    private static readonly string[] Kinds = ["validation", "training"];

    /// <summary>The page: HTML that needs no other file and no network.</summary>
    /// <param name="report">What presets came to, with their runs.</param>
    /// <param name="date">When; null for now.</param>
    /// <exception cref="ArgumentException">The report of a finished run has no results.</exception>
    public static string Render(ReproductionReport report, DateTimeOffset? date = null)
    {
        ArgumentNullException.ThrowIfNull(report);
        IReadOnlyList<ReproductionResult> results = report.Results;
        if (results.Count == 0 && report.Status == RunStatus.Finished)
            throw new ArgumentException("The report has no results.", nameof(report));
        var body = new HtmlText();
        body.Add($"{Page.Notice(report.Status, report.Reason)}");
        if (results.Count > 0)
            body.Add($"{Table(results)}");
        List<LineChart> charts = [];
        // Models of different size in one chart would have the same colour.
        foreach (var group in results.GroupBy(r => (r.Task, r.Preset)))
            body.Add($"{Curves(charts, [.. group])}");
        return Page.Render(
            "Results beside those of the papers",
            [
                .. Page.Facts(report.Machine, date ?? DateTimeOffset.Now),
                ("Device", $"{report.Device}, {Several(report.Threads, "thread")}"),
                ("Tasks", string.Join(", ", results.Select(r => r.Task).Distinct())),
                ("Data", DataOf(results)),
                (
                    "Limit",
                    report.BudgetMinutes is { } minutes
                        ? Text($"{minutes:0.####} min of training and validation a run")
                        : "none: runs end with their epochs"
                ),
                ("Time", Duration(results.Sum(r => r.Seconds)) + " in all"),
            ],
            body,
            charts
        );
    }

    private static string DataOf(IEnumerable<ReproductionResult> results) =>
        string.Join(", ", results.Select(r => $"{r.Task} {r.Data}").Distinct());

    private static HtmlText Table(IReadOnlyList<ReproductionResult> results)
    {
        HtmlText table = Page.Table(
            "Results beside those of the papers",
            [
                "task",
                "arch",
                "preset",
                "parameters",
                "budget",
                "metric",
                "paper",
                "test",
                "against paper",
                "validation",
                "seeds",
                "epochs",
                "time",
                "peak, MiB",
                "finished",
            ],
            results.Select(r =>
                (string[])
                    [
                        r.Task,
                        r.Arch,
                        r.Preset,
                        Count(r.Parameters),
                        Count(r.Budget),
                        r.Metric,
                        Published(r.Paper),
                        Loss(r.Test),
                        AgainstPaper(r),
                        Loss(r.Valid),
                        Text($"{r.Seeds}"),
                        Text($"{r.Epochs}"),
                        Duration(r.Seconds),
                        Mebibytes(r.PeakBytes),
                        r.Finished ? "yes" : "no",
                    ]
            ),
            texts: 3
        );
        return HtmlText.Of(
            $"""
            <section class="card">
            <h2>Results</h2>
            {table}<p class="note">Means over the seeds; test: on the test set with the parameters of the epoch whose loss on the validation set is the least. Budget: the parameters that the preset was to have. Less is better, but of accuracy, in percent of right answers, more is; nll is in nats a frame. Finished: all seeds came to the end that the preset sets, not to that of the time.</p>
            </section>

            """
        );
    }

    private static HtmlText Curves(
        List<LineChart> charts,
        IReadOnlyList<ReproductionResult> results
    )
    {
        ReproductionResult first = results[0];
        string title = $"{first.Task}, {first.Preset}: loss against epoch";
        (ReproductionResult Result, ReproductionRun Run)[] runs =
        [
            .. results.SelectMany(r => r.Runs.Select(run => (r, run))),
        ];
        int[] epochs =
        [
            .. runs.SelectMany(r => r.Run.Epochs.Select(e => e.Epoch)).Distinct().Order(),
        ];
        if (epochs.Length == 0)
        {
            return HtmlText.Of(
                $"<section class=\"card\"><h2>{title}</h2><p>No run came to the end of its first epoch.</p></section>\n"
            );
        }
        IEnumerable<double?> values = runs.SelectMany(r => r.Run.Epochs)
            .SelectMany(e => (double?[])[Finite(e.Train), Finite(e.Valid)]);
        double least = values.Min() ?? 1;
        var chart = new LineChart
        {
            Id = $"curves-{charts.Count}",
            X = new Axis("epoch", Log: false),
            Y = new Axis(
                first.Loss == "nll" ? "loss, nats a frame" : $"loss ({first.Loss})",
                Log: least > 0 && values.Max() / least > WideRange
            ),
            Places = [.. epochs.Select(e => (double)e)],
            Kinds = Kinds,
            Entries =
            [
                .. results.Select(r => new LegendEntry(
                    r.Arch,
                    r.Test is null ? "" : $"test {Loss(r.Test)}",
                    Styles.Of(r.Arch)
                )),
            ],
            Lines =
            [
                .. results.SelectMany(
                    (r, entry) => r.Runs.SelectMany(run => Lines(r, entry, run, epochs))
                ),
            ],
        };
        charts.Add(chart);
        return Page.Figure(
            chart,
            title,
            HtmlText.Of(
                $"One line a seed: solid for the validation set, without dropout; dashed for training, averaged over the epoch and with dropout. Marked: the epoch that is best on the validation set, whose parameters are tested."
            ),
            Page.Table(
                title,
                ["epoch", "training", "validation", "learning rate", "seconds"],
                runs.Select(r =>
                    (
                        Text($"{r.Result.Arch}, seed {r.Run.Seed}"),
                        r.Run.Epochs.Select(e =>
                            (string[])
                                [
                                    Text($"{e.Epoch}"),
                                    Loss(e.Train),
                                    Loss(e.Valid),
                                    Text($"{e.LearningRate:0.####e+0}"),
                                    Text($"{e.Seconds:0.0}"),
                                ]
                        )
                    )
                )
            )
        );
    }

    private static IEnumerable<Line> Lines(
        ReproductionResult result,
        int entry,
        ReproductionRun run,
        int[] epochs
    )
    {
        Dictionary<int, EpochRecord> records = run.Epochs.ToDictionary(e => e.Epoch);
        string name = result.Seeds > 1 ? Text($"{result.Arch}, seed {run.Seed}") : result.Arch;
        int best = Array.IndexOf(epochs, run.BestEpoch);
        for (int kind = 0; kind < Kinds.Length; kind++)
        {
            bool valid = kind == 0;
            yield return new Line(
                $"{name}, {Kinds[kind]}",
                entry,
                kind,
                [
                    .. epochs.Select(e =>
                        records.TryGetValue(e, out EpochRecord? record)
                            ? Finite(valid ? record.Valid : record.Train)
                            : null
                    ),
                ],
                valid && best >= 0 ? [best] : []
            );
        }
    }

    private static double? Finite(double? value) =>
        value is { } number && double.IsFinite(number) ? number : null;

    // Losses of the papers span 5e-5 to 9.
    private static string Loss(double? loss) =>
        loss is not { } value ? Missing
        : Math.Abs(value) >= 0.1 ? Text($"{value:0.000}")
        : Math.Abs(value) >= 0.01 ? Text($"{value:0.0000}")
        : Text($"{value:0.00e+0}");

    // With no more digits than the paper has.
    private static string Published(double? loss) =>
        loss is not { } value ? Missing
        : Math.Abs(value) >= 0.01 ? Text($"{value:0.00##}")
        : Text($"{value:0.0##e+0}");

    private static string AgainstPaper(ReproductionResult result)
    {
        if (result is not { Paper: > 0 and { } paper, Test: { } test })
            return Missing;
        if (result.HigherIsBetter)
            return Text($"{test - paper:+0.0;\u22120.0;0.0} points");
        double ratio = test / paper;
        return ratio is > 0.5 and < 2
            ? Text($"{ratio - 1:+0.0%;\u22120.0%;0.0%}")
            : Text($"\u00d7 {ratio:0.###}");
    }

    private static string Duration(double seconds) =>
        seconds < 120 ? Text($"{seconds:0.0} s")
        : seconds < 7200 ? Text($"{seconds / 60:0} min")
        : Text($"{seconds / 3600:0.0} h");
}
