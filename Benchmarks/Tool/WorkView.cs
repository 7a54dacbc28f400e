using Sequor.Workloads;
using static Sequor.Workloads.Figures;

namespace Sequor.Tool;

/// <summary>What steps move and compute, beside what the machine does at most, as people read it.</summary>
internal static class WorkView
{
    private const string None = "-";

    /// <summary>A table of the results that were counted, and the peaks; nothing where none was.</summary>
    public static void Results(Screen screen, BenchReport report)
    {
        BenchResult[] counted = [.. report.Results.Where(r => r.Flops is not null)];
        if (counted.Length == 0)
            return;
        bool launches = counted.Any(r => r.Launches is not null);
        screen.Table(
            "What a step moves and computes",
            [
                "arch",
                .. launches ? (string[])["launches"] : [],
                "MiB moved",
                "GB/s",
                "of copy",
                "GFLOP",
                "GFLOP/s",
                "of product",
                "least ms",
                "of step",
            ],
            counted.Select(r =>
                (string[])
                    [
                        r.Arch,
                        .. launches ? (string[])[r.Launches is { } n ? Text($"{n}") : None] : [],
                        Moved(r, Mebibytes(r.BytesMoved ?? 0)),
                        Moved(r, Rate(BytesPerSecond(r))),
                        Moved(r, Share(BytesPerSecond(r), report.Peaks?.CopyBytesPerS)),
                        Text($"{r.Flops / 1e9:0.00}"),
                        Rate(FlopsPerSecond(r)),
                        Share(FlopsPerSecond(r), report.Peaks?.ProductFlopsPerS),
                        r.FloorMs is { } floor ? Milliseconds(floor) : None,
                        Share(r.FloorMs, r.StepMs.Median),
                    ]
            )
        );
        screen.Line(Peaks(report.Peaks, counted.Any(r => r.BytesUnknown > 0)));
    }

    private static double? BytesPerSecond(BenchResult r) => r.BytesMoved / (r.StepMs.Median / 1000);

    private static double? FlopsPerSecond(BenchResult r) => r.Flops / (r.StepMs.Median / 1000);

    // What happens within a library is not told: it is this, or more.
    private static string Moved(BenchResult r, string text) =>
        r.BytesUnknown > 0 && text != None ? $">= {text}" : text;

    private static string Rate(double? perSecond) =>
        perSecond is not { } rate ? None
        : rate >= 99.95e9 ? Text($"{rate / 1e9:#,0}")
        : Text($"{rate / 1e9:0.0}");

    private static string Share(double? part, double? whole) =>
        part is { } a && whole is { } b ? Text($"{100 * a / b:0}%") : None;

    private static string Peaks(PeaksReport? peaks, bool libraries)
    {
        string here = peaks is null
            ? "There was no memory to measure what the machine does at most. "
            : Text(
                $"At most, measured in this run: copy {Rate(peaks.CopyBytesPerS)} GB/s, read and written, of arrays of {peaks.CopiedBytes >> 20} MiB; product {Rate(peaks.ProductFlopsPerS)} GFLOP/s, of matrices {peaks.MatrixSize} x {peaks.MatrixSize}. "
            );
        return here
            + "Moved: each operand and result of each operation once, in caches or not; least: the operations one after the other at these rates."
            + (
                libraries
                    ? " What moves within cuDNN's recurrent networks and convolutions is not known."
                    : ""
            );
    }
}
