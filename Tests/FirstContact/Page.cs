using System.Globalization;
using System.Text;
using Sequor.Layers;

namespace Sequor.FirstContact;

/// <summary>The report as a page of text.</summary>
internal static class Page
{
    // Of the figures of a check; the JSON has all.
    private const int MostFigures = 8;

    public static string Of(FirstContactReport report)
    {
        var page = new StringBuilder();
        Line(
            report.DryRun
                ? "First contact: a dry run on the virtual GPU; its times mean nothing"
                : $"First contact with {report.Gpu?.Name ?? "no GPU"}"
        );
        Line(
            $"Sequor {report.Machine.Describe()}, {report.Machine.Os}, {report.Machine.Cpu}; {report.Date}"
        );
        if (report is { DryRun: false, Gpu: { } gpu })
            Line(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"compute capability {gpu.ComputeCapability}, {gpu.MemoryBytes / (double)(1L << 30):0.0} GiB, driver {gpu.Driver ?? "unknown"}"
                )
            );
        foreach (LibrarySummary library in report.Libraries)
            Line(
                library.Reason is { } reason
                    ? $"{library.Name}: {reason}"
                    : $"{library.Name} {library.Version}: {library.Path}"
            );
        Line("");
        foreach (CheckResult check in report.Checks)
        {
            Line(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{check.Outcome.Verdict, -9} {check.Seconds, 6:0.0} s  {check.Name, -14} {check.Proves}"
                )
            );
            if (check.Outcome.Reason is { } reason)
                Line($"                     {reason}");
            if (check.Outcome.Figures.Length > 0)
                Line(
                    "                     "
                        + string.Join("; ", check.Outcome.Figures.Take(MostFigures).Select(Text))
                        + (
                            check.Outcome.Figures.Length > MostFigures
                                ? $"; {check.Outcome.Figures.Length - MostFigures} more in {FirstContactReport.JsonName}"
                                : ""
                        )
                );
        }
        Line("");
        int held = report.Checks.Count(c => c.Outcome.Verdict == CheckOutcome.IsHeld);
        int skipped = report.Checks.Count(c => c.Outcome.Verdict == CheckOutcome.IsSkipped);
        Line(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{held} held, {report.Checks.Length - held - skipped} did not, {skipped} skipped; {report.Seconds:0} s in all"
            )
        );
        return page.ToString();

        // What drivers and files say may have control characters.
        void Line(string text) => page.Append(Printable.Of(text)).Append('\n');
    }

    // Four digits of what is no whole number.
    private static string Number(double value) =>
        value == Math.Floor(value) && Math.Abs(value) < 1e15
            ? value.ToString("0", CultureInfo.InvariantCulture)
            : value.ToString("G4", CultureInfo.InvariantCulture);

    private static string Text(Figure figure) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{figure.Name} {Number(figure.Value)}{(figure.Unit.Length > 0 ? " " + figure.Unit : "")}"
        );
}
