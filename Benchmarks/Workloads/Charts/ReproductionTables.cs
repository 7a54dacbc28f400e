using Sequor.Layers;
using static Sequor.Workloads.Figures;

namespace Sequor.Workloads.Charts;

/// <summary>The tables of <see cref="ReproductionPage"/>.</summary>
internal static class ReproductionTables
{
    private static readonly string[] Head =
    [
        "model",
        "parameters",
        "test",
        "paper",
        "against paper",
        "validation",
        "seeds",
        "how far",
        "time",
        "peak, MiB",
    ];

    /// <summary>A table for each task and preset, with the papers' figures.</summary>
    public static HtmlText Results(ReproductionBook book)
    {
        var html = new HtmlText();
        foreach (ResultGroup group in book.Groups)
        {
            string title = ResultTexts.Title(group);
            string[] notes =
            [
                .. group.Results.Where(r => r.Note is not null).Select(r => $"{r.Arch}: {r.Note}"),
            ];
            html.Add(
                $"""
                <section class="card">
                <h2>{title}</h2>
                {Page.Table(
                    title,
                    Head,
                    group.Results.Select(Row)
                )}<p class="note">{ResultTexts.Meaning(group)}</p>

                """
            );
            if (book.DifferencesOf(group) is { } differences)
            {
                (string[] head, IEnumerable<string[]> rows) = ResultTexts.Differences(differences);
                html.Add(
                    $"""
                    {Page.Table($"{title}: differences", head, rows)}<p class="note">{ResultTexts.Meaning(
                        differences
                    )}</p>

                    """
                );
            }
            if (notes.Length > 0)
            {
                html.Add(
                    $"<details><summary>What differs from the papers</summary><ul>{notes.Select(note => HtmlText.Of($"<li>{note}</li>"))}</ul></details>\n"
                );
            }
            html.Add($"</section>\n");
        }
        return html;
    }

    /// <summary>The rungs from a tanh network to the LRU, with bars where all of them are accuracies.</summary>
    public static HtmlText Ladders(ReproductionBook book)
    {
        var html = new HtmlText();
        foreach (ResultGroup ladder in book.Ladders)
        {
            string title = $"From a tanh network to the LRU: {ResultTexts.Title(ladder)}";
            bool timed = ladder.Results.Any(r => book.StepOf(r) is not null);
            html.Add(
                $"""
                <section class="card">
                <h2>{title}</h2>
                {Scores(ladder)}{(timed ? Steps(book, ladder) : new HtmlText())}{Page.Table(
                    title,
                    ["rung", "what changes", "parameters", "test", "paper", "against paper", "how far", "time", "ms a step"],
                    ladder.Results.Select(r =>
                        (string[])
                            [
                                r.Arch,
                                Architecture.Get(r.Arch).OnLadder!.Change,
                                Count(r.Parameters),
                                ResultTexts.Score(r.Test),
                                ResultTexts.Published(r.Paper),
                                ResultTexts.AgainstPaper(r),
                                ResultTexts.HowFar(r),
                                Duration(r.Seconds),
                                ResultTexts.Step(book.StepOf(r)),
                            ]
                    ),
                    texts: 2
                )}<p class="note">The blocks are the same but for the recurrence, which comes nearer to the LRU's rung by rung (Orvieto et al. 2023, figure 1). {ResultTexts.Meaning(
                    ladder
                )}</p>
                </section>

                """
            );
        }
        return html;
    }

    /// <summary>What was not begun, and what came to no result.</summary>
    public static HtmlText Left(ReproductionBook book)
    {
        var html = new HtmlText();
        if (book.Left.Count > 0)
        {
            html.Add(
                $"""
                <section class="card">
                <h2>Not begun</h2>
                {Page.Table(
                    "Not begun",
                    ["run", "why", "would take"],
                    book.Left.Select(l =>
                        (string[])
                            [
                                Text($"{l.Task} {l.Arch} {l.Preset}, seed {l.Seed}"),
                                l.Reason,
                                l.Seconds is { } seconds
                                    ? $"{(l.Measured ? "about" : "at least")} {Duration(seconds)}"
                                    : ResultTexts.Missing,
                            ]
                    ),
                    texts: 3
                )}</section>

                """
            );
        }
        if (book.Failed.Count > 0)
        {
            html.Add(
                $"""
                <section class="card">
                <h2>Without a result</h2>
                {Page.Table(
                    "Without a result",
                    ["run", "what happened", "epochs before"],
                    book.Failed.Select(f =>
                        (string[])
                            [
                                Text($"{f.Task} {f.Arch} {f.Preset}, seed {f.Seed}"),
                                $"{f.Status}: {f.Reason}",
                                Text($"{f.Curve.Count}"),
                            ]
                    ),
                    texts: 2
                )}</section>

                """
            );
        }
        return html;
    }

    /// <summary>What a sweep was measured on.</summary>
    public static string Sweep(BenchReport sweep)
    {
        BenchResult first = sweep.Results[0];
        return Text(
            $"{sweep.Machine.Cpu}, {first.Device}, {Several(sweep.Threads, "thread")}; B = {Several(first.Batch, "sequence")} a step, {Count(sweep.Results.Min(r => r.Parameters))} to {Count(sweep.Results.Max(r => r.Parameters))} parameters, Adam; Sequor {sweep.Machine.Describe()}, {sweep.Date}"
        );
    }

    public static string Duration(double seconds) =>
        seconds < 120 ? Text($"{seconds:0.0} s")
        : seconds < 7200 ? Text($"{seconds / 60:0} min")
        : Text($"{seconds / 3600:0.0} h");

    private static string[] Row(ReproductionResult r) =>
        [
            r.Arch,
            Count(r.Parameters),
            ResultTexts.Score(r.Test),
            ResultTexts.Published(r.Paper),
            ResultTexts.AgainstPaper(r),
            ResultTexts.Score(r.Valid),
            Text($"{r.Seeds}"),
            ResultTexts.HowFar(r),
            Duration(r.Seconds),
            Mebibytes(r.PeakBytes),
        ];

    // Losses over decades are no bars.
    private static HtmlText Scores(ResultGroup ladder)
    {
        double[] scores = [.. ladder.Results.Select(r => r.Test).OfType<double>()];
        if (scores.Length == 0 || !(scores.Max() <= 10 * scores.Min()))
            return new HtmlText();
        var bars = new StackedBars
        {
            Unit = ResultTexts.ShortUnit(ladder.Results[0]),
            Parts = [ladder.Metric],
            Format = value => Text($"{value:0.0}"),
            Mark = ladder.Results.Any(r => r.Paper is not null) ? "the paper's" : null,
            Bars =
            [
                .. ladder.Results.Select(r => new Bar(
                    r.Arch,
                    [r.Test ?? 0],
                    ResultTexts.Score(r.Test),
                    r.Paper
                )),
            ],
        };
        return HtmlText.Of($"{bars.Legend()}{bars.Render()}");
    }

    private static HtmlText Steps(ReproductionBook book, ResultGroup ladder)
    {
        var bars = new StackedBars
        {
            Unit = "ms",
            Parts = ["a training step"],
            Format = Milliseconds,
            Bars =
            [
                .. ladder
                    .Results.Where(r => book.StepOf(r) is not null)
                    .Select(r => new Bar(
                        r.Arch,
                        [book.StepOf(r)!.Value],
                        ResultTexts.Step(book.StepOf(r))
                    )),
            ],
        };
        return HtmlText.Of($"{bars.Legend()}{bars.Render()}");
    }
}
