using Sequor.Layers;
using static Sequor.Workloads.Figures;

namespace Sequor.Workloads.Charts;

/// <summary>The charts of <see cref="ReproductionPage"/>.</summary>
internal static class ReproductionCurves
{
    // Losses that differ more than so many times are drawn on a logarithmic axis.
    private const double WideRange = 20;

    private static readonly string[] Kinds = ["validation", "training"];

    /// <summary>The losses of the models of a task and preset, epoch by epoch.</summary>
    public static HtmlText Losses(List<LineChart> charts, ResultGroup group)
    {
        IReadOnlyList<ReproductionResult> results = group.Results;
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
                    r.Test is null ? "" : $"test {ResultTexts.Score(r.Test)}",
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
                                    ResultTexts.Score(e.Train),
                                    ResultTexts.Score(e.Valid),
                                    float.IsFinite(e.LearningRate)
                                        ? Text($"{e.LearningRate:0.####e+0}")
                                        : ResultTexts.Missing,
                                    Text($"{e.Seconds:0.0}"),
                                ]
                        )
                    )
                )
            )
        );
    }

    /// <summary>What models of one size recall, against the length of the task.</summary>
    public static HtmlText Recalled(List<LineChart> charts, ResultGroup group)
    {
        string title = $"{group.Task}: right answers against length, {group.Preset}";
        int[] lengths = [.. group.Results.Select(r => r.Length!.Value).Distinct().Order()];
        (string Arch, ReproductionResult?[] Results)[] models =
        [
            .. group
                .Results.GroupBy(r => r.Arch)
                .OrderBy(g => Architecture.Find(g.Key)?.Order ?? int.MaxValue)
                .Select(g =>
                    (g.Key, lengths.Select(l => g.LastOrDefault(r => r.Length == l)).ToArray())
                ),
        ];
        var chart = new LineChart
        {
            Id = $"recalled-{charts.Count}",
            X = new Axis("T", Log: false, Ticks: true),
            Y = new Axis("right answers, %", Log: false, Ends: [0, 100]),
            Places = [.. lengths.Select(l => (double)l)],
            Entries = [.. models.Select(m => new LegendEntry(m.Arch, "", Styles.Of(m.Arch)))],
            Lines =
            [
                .. models.Select(
                    (m, i) => new Line(m.Arch, i, 0, [.. m.Results.Select(r => r?.Recalled)])
                ),
            ],
        };
        charts.Add(chart);
        return Page.Figure(
            chart,
            title,
            HtmlText.Of(
                $"The share of answers that had to be remembered, as the ten digits of copy memory, and are right on the test set; who guesses has one of eight. Models of about the same size (Bai et al. 2018, figure 5)."
            ),
            Page.Table(
                title,
                ["arch", .. lengths.Select(l => Text($"T = {l}"))],
                models.Select(m =>
                    (string[])
                        [
                            m.Arch,
                            .. m.Results.Select(r =>
                                r?.Recalled is { } share
                                    ? Text($"{share:0.0}")
                                    : ResultTexts.Missing
                            ),
                        ]
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
}
