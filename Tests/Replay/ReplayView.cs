using System.Globalization;
using Sequor.Layers;

namespace Sequor.Replay;

/// <summary>The table of a replay, a line a kernel.</summary>
internal static class ReplayView
{
    public static void Show(ReplayReport report, TextWriter to)
    {
        string[] titles = ["kernel", "launches", "bytes", "differing", "largest", "verdict"];
        string[][] rows =
        [
            titles,
            .. report.Kernels.Select(k =>
                new[]
                {
                    k.Name,
                    Number(k.Launches),
                    Number(k.ComparedBytes),
                    Number(k.Differing),
                    k.LargestDifference?.ToString("0.0e+0", CultureInfo.InvariantCulture) ?? "",
                    k.Verdict,
                }
            ),
        ];
        int[] widths = [.. titles.Select((_, i) => rows.Max(r => r[i].Length))];
        foreach (string[] row in report.Kernels.Length > 0 ? rows : [])
            to.WriteLine(
                string.Join(
                        "  ",
                        row.Select(
                            (cell, i) =>
                                i is 0 or 5 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i])
                        )
                    )
                    .TrimEnd()
            );
        if (report.Kernels.Length > 0)
            to.WriteLine();
        foreach (KernelResult kernel in report.Kernels.Where(k => k.Reason is not null))
            to.WriteLine(Printable.Of($"{kernel.Name} {kernel.Verdict}: {kernel.Reason}"));
        if (report.Reason is { } reason)
            to.WriteLine(Printable.Of($"replay failed: {reason}"));
        int right = report.Kernels.Count(k => k.IsRight);
        to.WriteLine(
            Printable.Of(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{right} of {report.Kernels.Length} kernels left what was recorded, on the {report.Device ?? "GPU"}: {report.Kernels.Sum(k => k.Launches)} launches, {report.Kernels.Sum(k => k.ComparedBytes)} bytes, {report.Seconds:0.0} s"
                )
            )
        );
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
