using static Sequor.Workloads.Figures;

namespace Sequor.Workloads.Charts;

/// <summary>The figures of <see cref="BenchPage"/>.</summary>
internal static class BenchFigures
{
    private static readonly string[] StepParts = ["forward", "loss and backward", "update"];

    /// <summary>The categories of memory, as <see cref="Bytes(MemoryBytes)"/> has them.</summary>
    public static IReadOnlyList<string> Categories { get; } =
    ["parameters", "gradients", "optimizer", "activations", "workspace", "inputs and outputs"];

    /// <summary>Adds the charts of cost against length.</summary>
    public static void AddGrowth(
        HtmlText body,
        List<LineChart> charts,
        BenchReport report,
        IReadOnlyList<GrowthExponents> exponents,
        string prefix = ""
    )
    {
        BenchResult[][] groups = [.. report.Results.GroupBy(r => r.Arch).Select(g => g.ToArray())];
        BenchResult[] first = groups[0];
        // T as the task counts it may not be all of the steps that are paid for.
        int beyond = first[0].SequenceLength - first[0].Length;
        string steps =
            beyond == 0 ? "steps of a sequence, T" : Text($"steps of a sequence, T + {beyond}");
        body.Add($"<div class=\"pair\">\n");
        Add(
            "time",
            "Time of a training step",
            "median of a step, ms",
            r => r.StepMs.Median,
            r => Milliseconds(r.StepMs.Median),
            g => g.StepTime
        );
        Add(
            "memory",
            "Memory at its peak",
            "peak of memory, MiB",
            r => r.PeakBytes / (double)(1 << 20),
            r => Mebibytes(r.PeakBytes),
            g => g.PeakMemory
        );
        body.Add($"</div>\n");

        void Add(
            string id,
            string title,
            string unit,
            Func<BenchResult, double> value,
            Func<BenchResult, string> cell,
            Func<GrowthExponents, double> exponent
        )
        {
            var chart = new LineChart
            {
                Id = prefix + id,
                X = new Axis(steps, Log: true, Ticks: true),
                Y = new Axis(unit, Log: true),
                Places = [.. first.Select(r => (double)r.SequenceLength)],
                Entries =
                [
                    .. exponents.Select(g => new LegendEntry(
                        g.Arch,
                        "exponent " + Ratio(exponent(g)),
                        Styles.Of(g.Arch)
                    )),
                ],
                Lines =
                [
                    .. groups.Select(
                        (group, i) =>
                            new Line(group[0].Arch, i, 0, [.. group.Select(r => (double?)value(r))])
                    ),
                ],
            };
            charts.Add(chart);
            HtmlText table = Page.Table(
                $"{title}: {unit}",
                ["arch", .. first.Select(r => Text($"T = {r.Length}")), "exponent"],
                groups.Select(
                    (group, i) =>
                        (string[])
                            [group[0].Arch, .. group.Select(cell), Ratio(exponent(exponents[i]))]
                )
            );
            body.Add(
                $"{Page.Figure(chart, title + " against length", HtmlText.Of($"Both axes are logarithmic. Exponent: the power of the steps of a sequence that fits best (least squares of the logarithms); 1 is in proportion, 0 is no growth."), HtmlText.Of($"<p>{unit}</p>{table}"))}"
            );
        }
    }

    /// <summary>The parts of a step, an architecture a bar.</summary>
    public static HtmlText StepBars(IReadOnlyList<BenchResult> results)
    {
        bool marked = results.Any(r => r.FloorMs is not null);
        var bars = new StackedBars
        {
            Unit = "ms",
            Parts = StepParts,
            Format = Milliseconds,
            Bars =
            [
                .. results.Select(r => new Bar(
                    r.Arch,
                    [r.ForwardMs, r.BackwardMs, r.OptimizerMs],
                    Milliseconds(r.StepMs.Median),
                    r.FloorMs
                )),
            ],
            Mark = marked ? "least at the machine's peaks" : null,
        };
        string mark = marked
            ? " The mark: the least time of the step's operations at the rates that the machine reached in this run."
            : "";
        return HtmlText.Of(
            $"""
            <figure class="card">
            <h2>Time of a training step</h2>
            {bars.Legend()}{bars.Render()}<figcaption>Medians in milliseconds; at the right that of the whole step.{mark}</figcaption>
            </figure>

            """
        );
    }

    /// <summary>The categories of memory, an architecture a bar, a chart a length.</summary>
    public static HtmlText MemoryBars((string Title, IReadOnlyList<BenchResult> Results)[] lengths)
    {
        (string Title, StackedBars Bars)[] charts =
        [
            .. lengths.Select(length => (length.Title, Bars(length.Results))),
        ];
        string scale = charts.Length > 1 ? " Every length has a scale of its own." : "";
        IEnumerable<HtmlText> parts = charts.Select(chart =>
            HtmlText.Of(
                $"<div>{(charts.Length > 1 ? HtmlText.Of($"<h3>{chart.Title}</h3>\n") : new HtmlText())}{chart.Bars.Render()}</div>\n"
            )
        );
        return HtmlText.Of(
            $"""
            <figure class="card">
            <h2>Memory at its peak, by category</h2>
            {charts[0].Bars.Legend()}<div class="{(charts.Length > 1 ? "several" : "one")}">
            {parts}</div>
            <figcaption>Floor: the least bytes that the algorithm needs.{scale}</figcaption>
            </figure>

            """
        );

        static StackedBars Bars(IReadOnlyList<BenchResult> results) =>
            new()
            {
                Unit = "MiB",
                Parts = Categories,
                Mark = "floor",
                Format = mebibytes => Mebibytes((long)Math.Round(mebibytes * (1 << 20))),
                Bars =
                [
                    .. results.Select(r => new Bar(
                        r.Arch,
                        [.. Bytes(r).Select(bytes => bytes / (double)(1 << 20))],
                        Mebibytes(r.PeakBytes),
                        r.FloorBytes / (double)(1 << 20)
                    )),
                ],
            };
    }

    /// <summary>Bytes by category at the peak.</summary>
    public static long[] Bytes(BenchResult r) => Bytes(r.MemoryBytes);

    /// <summary>The same of any bytes.</summary>
    public static long[] Bytes(MemoryBytes bytes) =>
        [
            bytes.Parameters,
            bytes.Gradients,
            bytes.Optimizer,
            // Both are kept from forward to backward.
            bytes.Activations + bytes.Reserve,
            bytes.Workspace + bytes.Graphs,
            bytes.Io,
        ];
}
