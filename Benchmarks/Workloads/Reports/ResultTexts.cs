using static Sequor.Workloads.Figures;

namespace Sequor.Workloads;

/// <summary>How results of reproductions are written, the same on pages and in documents.</summary>
internal static class ResultTexts
{
    /// <summary>What is not there.</summary>
    public const string Missing = "\u2013";

    /// <summary>The name of a table: "adding, 70k, T = 600".</summary>
    public static string Title(ResultGroup group) =>
        $"{group.Task}, {group.Preset}"
        + (group.Length is { } length ? Text($", T\u00a0=\u00a0{length}") : "");

    /// <summary>What the figures of a table mean.</summary>
    public static string Meaning(ResultGroup group)
    {
        ReproductionResult first = group.Results[0];
        string better = first.HigherIsBetter ? "more is better" : "less is better";
        string marked = group.Results.Any(r => r.Paper is null)
            ? $" Where the papers have no such model, their figure is {Missing}."
            : "";
        return $"Test: {Unit(first)}, {better}; with the parameters of the epoch whose loss on the validation set is the least"
            + (group.Results.Any(r => r.Seeds > 1) ? "; means over the seeds" : "")
            + $".{marked} How far: epochs of those that were asked for, of each seed, and what ended them.";
    }

    /// <summary>What figures are in: nats a frame.</summary>
    public static string Unit(ReproductionResult result) =>
        result.Metric switch
        {
            "nll" => "nats a frame",
            "accuracy" => "percent of right answers",
            var other => other,
        };

    /// <summary>The same where there is room for a word.</summary>
    public static string ShortUnit(ReproductionResult result) =>
        result.Metric switch
        {
            "nll" => "nats",
            "accuracy" => "%",
            "bits a character" => "bits",
            _ => "",
        };

    /// <summary>A figure of ours: losses of the papers span 5e-5 to 100, accuracies are percents.</summary>
    public static string Score(double? score) =>
        score is not { } value ? Missing
        : Math.Abs(value) >= 20 ? Text($"{value:0.00}")
        : Math.Abs(value) >= 0.1 ? Text($"{value:0.000}")
        : Math.Abs(value) >= 0.01 ? Text($"{value:0.0000}")
        : Text($"{value:0.00e+0}");

    /// <summary>Milliseconds of a training step.</summary>
    public static string Step(double? milliseconds) =>
        milliseconds is { } value ? Milliseconds(value) : Missing;

    /// <summary>A paper's figure, with no more digits than the paper has.</summary>
    public static string Published(double? score) =>
        score is not { } value ? Missing
        : Math.Abs(value) >= 10 ? Text($"{value:0.0#}")
        : Math.Abs(value) >= 0.01 ? Text($"{value:0.00##}")
        : Text($"{value:0.0##e+0}");

    /// <summary>Ours against the paper's: a percentage, a multiple where they are far apart, points of an accuracy.</summary>
    public static string AgainstPaper(ReproductionResult result)
    {
        if (result is not { Paper: > 0 and { } paper, Test: { } test })
            return Missing;
        if (result.HigherIsBetter)
            return $"{Points(test - paper)} points";
        double ratio = test / paper;
        return ratio is > 0.5 and < 2
            ? Text($"{ratio - 1:+0.0%;\u22120.0%;0.0%}")
            : Text($"\u00d7 {ratio:0.###}");
    }

    /// <summary>What <see cref="Differences"/> has.</summary>
    public static string Meaning(AnswerDifferences differences) =>
        Text(
            $"Right answers of the row's model less those of the column's, in points, to the same {Count(differences.Answers)} questions{(differences.Seeds > 1 ? Text($", over {differences.Seeds} seeds") : "")}; in brackets intervals that hold together with 95% for all {Several(differences.Pairs.Count, "pair")}. Open: the interval has 0, and the order is not settled. How far another seed would come is not in them."
        );

    /// <summary>A table of each two models of differences: the models of the columns, and the rows.</summary>
    public static (string[] Head, IEnumerable<string[]> Rows) Differences(
        AnswerDifferences differences
    )
    {
        string[] columns = [.. differences.Pairs.Select(p => p.Second).Distinct()];
        return (
            ["model", .. columns],
            differences
                .Pairs.GroupBy(p => p.First)
                .Select(row =>
                    (string[])
                        [
                            row.Key,
                            .. columns.Select(column =>
                                row.FirstOrDefault(p => p.Second == column) is { } pair
                                    ? Difference(pair)
                                    : ""
                            ),
                        ]
                )
        );
    }

    private static string Difference(AnswerDifference pair) =>
        (pair.IsResolved ? Points(pair.Points) : "open")
        + $" ({Points(pair.Low)} to {Points(pair.High)})";

    private static string Points(double points) => Text($"{points:+0.0;\u22120.0;0.0}");

    /// <summary>Epochs of those asked for, and what ended them: "64 of 200, patience".</summary>
    public static string HowFar(ReproductionResult result)
    {
        int seeds = Math.Max(1, result.Seeds);
        string epochs = Text($"{(double)result.Epochs / seeds:0.#} of {result.EpochsAsked}");
        string[] ends = [.. result.Runs.Select(run => run.StoppedText).Distinct()];
        return ends is ["epochs"] or [] ? epochs : $"{epochs}, {string.Join(" or ", ends)}";
    }
}
