using System.Globalization;
using Sequor.Workloads;
using static Sequor.Workloads.Figures;

namespace Sequor.Tool;

/// <summary>How a comparison looks to people: on a screen, and as Markdown for a pull request or the summary of a job.</summary>
internal static class ComparisonView
{
    // A pull request's comment holds 65,536 characters.
    private const int MostMarkdownRows = 200;

    private static readonly string[] Head =
    [
        "figure",
        "base",
        "head",
        "ratio",
        "bounds",
        "verdict",
    ];

    public static void Show(Screen screen, ComparisonReport report)
    {
        screen.Table(
            $"{report.Head} against {report.Base}",
            Head,
            Shown(report).Select(row => Cells(row))
        );
        foreach (string line in Lines(report))
            screen.Line(line);
    }

    public static string Markdown(ComparisonReport report)
    {
        var text = new List<string>
        {
            $"### sequor compare: {report.Verdict}",
            "",
            $"{Escaped(report.Head)} against {Escaped(report.Base)}.",
        };
        ComparisonRow[] shown = [.. Shown(report)];
        if (shown.Length > 0)
        {
            text.AddRange(["", $"| {string.Join(" | ", Head)} |", "|---|--:|--:|--:|--:|---|"]);
            text.AddRange(
                shown
                    .Take(MostMarkdownRows)
                    .Select(row => $"| {string.Join(" | ", Cells(row).Select(Escaped))} |")
            );
            if (shown.Length > MostMarkdownRows)
                text.AddRange(["", Text($"{shown.Length - MostMarkdownRows} further rows.")]);
        }
        text.AddRange(["", .. Lines(report).Select(line => $"- {Escaped(line)}")]);
        return string.Join('\n', text);
    }

    // Parts that stayed what they were are many, and say nothing.
    private static IEnumerable<ComparisonRow> Shown(ComparisonReport report)
    {
        bool many = report.Rows.Count > 60;
        return report.Rows.Where(row => !many || row.Verdict != RowVerdict.Same);
    }

    private static IEnumerable<string> Lines(ComparisonReport report)
    {
        if (report.Reason is not null)
            yield return report.Reason;
        foreach (string difference in report.Forced ?? [])
            yield return $"Forced, although BASE and HEAD differ in {difference}.";
        foreach (string note in report.Notes)
            yield return $"{char.ToUpperInvariant(note[0])}{note[1..]}.";
        string counts = string.Join(
            ", ",
            report.Rows.GroupBy(row => row.Verdict).Select(g => Text($"{g.Count()} {g.Key}"))
        );
        string mean = report.GeometricMean is { } value
            ? Text($"; times by their geometric mean: {value:0.000}")
            : "";
        yield return report.Rows.Count == 0
            ? $"Verdict: {report.Verdict}."
            : $"Verdict: {report.Verdict} ({counts}{mean}).";
    }

    private static string[] Cells(ComparisonRow row) =>
        [
            $"{row.Name}: {row.Metric}",
            Value(row.Base, row.Unit),
            Value(row.Head, row.Unit),
            row.Ratio is { } ratio ? Text($"{ratio:0.000}") : "",
            row.Low is { } low && row.High is { } high ? Text($"{low:0.000}-{high:0.000}") : "",
            row.Clock == TurnClock.Processor ? $"{row.Verdict} (processor time)" : row.Verdict,
        ];

    private static string Value(double? value, string unit) =>
        value is not { } number ? ""
        : unit is "ms" or "s" ? $"{Milliseconds(number)} {unit}"
        : $"{number.ToString("#,0.####", CultureInfo.InvariantCulture)} {unit}".TrimEnd();

    // Names come out of files, and Markdown takes HTML.
    private static string Escaped(string text) =>
        string.Concat(
            Layers
                .Printable.Of(text)
                .Select(c =>
                    "\\`*_[]<>|&#@".Contains(c, StringComparison.Ordinal)
                        ? Text($"&#{(int)c};")
                        : $"{c}"
                )
        );
}
