using System.Globalization;
using static Sequor.Workloads.Figures;

namespace Sequor.Workloads;

/// <summary>What steps move and compute, beside what the machine does at most, as tables have it, on a screen and on a page.</summary>
public static class WorkFigures
{
    private const string None = "-";

    /// <summary>Whether anything was counted of a result.</summary>
    public static bool IsCounted(BenchResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return result.Flops is not null;
    }

    /// <summary>Names of the columns.</summary>
    /// <param name="launches">Whether one is of launches, which a CPU has none of.</param>
    public static IReadOnlyList<string> Columns(bool launches) =>
        [
            .. launches ? (string[])["launches"] : [],
            "MiB moved",
            "GB/s",
            "of copy",
            "GFLOP",
            "GFLOP/s",
            "of product",
            "least ms",
            "of step",
        ];

    /// <summary>The cells of a result.</summary>
    /// <param name="result">A result.</param>
    /// <param name="peaks">What the machine does at most; null where it was not measured.</param>
    /// <param name="launches">As for <see cref="Columns"/>.</param>
    public static IReadOnlyList<string> Cells(BenchResult result, PeaksReport? peaks, bool launches)
    {
        ArgumentNullException.ThrowIfNull(result);
        return Cells(
            new Work(
                result.StepMs.Median,
                result.Launches,
                result.BytesMoved,
                result.BytesUnknown,
                result.Flops,
                result.FloorMs
            ),
            peaks,
            launches
        );
    }

    /// <summary>The cells of what a benchmark takes on the device.</summary>
    /// <param name="result">A result.</param>
    /// <param name="launches">As for <see cref="Columns"/>.</param>
    public static IReadOnlyList<string> Cells(DeviceResult result, bool launches)
    {
        ArgumentNullException.ThrowIfNull(result);
        return Cells(
            new Work(
                result.Ms,
                result.Launches,
                result.BytesMoved,
                result.BytesUnknown,
                result.Flops,
                result.FloorMs
            ),
            result.Peaks,
            launches
        );
    }

    /// <summary>Whether the parts of a result's step have floors.</summary>
    public static bool HasFloors(BenchResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return result.Work?.Forward.FloorMs is not null;
    }

    /// <summary>Names of the columns of <see cref="FloorCells"/>.</summary>
    public static IReadOnlyList<string> FloorColumns { get; } =
    ["forward", "flops", "bytes", "least", "share", "backward", "flops", "bytes", "least", "share"];

    /// <summary>
    /// The cells of what forward and backward pass take, and could take at least: milliseconds of the median, of the operations with floats
    /// and of the bytes at the peaks, of the floor, and the floor's share of the median.
    /// </summary>
    /// <param name="result">A result that has floors.</param>
    /// <param name="peaks">What they are of.</param>
    public static IReadOnlyList<string> FloorCells(BenchResult result, PeaksReport? peaks)
    {
        ArgumentNullException.ThrowIfNull(result);
        return
        [
            .. PartCells(result.ForwardMs, result.Work?.Forward, peaks),
            .. PartCells(result.BackwardMs, result.Work?.Backward, peaks),
        ];
    }

    private static IEnumerable<string> PartCells(double ms, PartWork? work, PeaksReport? peaks) =>
        [
            Milliseconds(ms),
            Least(1000.0 * work?.Flops / peaks?.MostFlopsPerS),
            Least(1000.0 * work?.BytesMoved / peaks?.CopyBytesPerS),
            Least(work?.FloorMs),
            Share(work?.FloorMs, ms),
        ];

    private static string Least(double? ms) =>
        ms is { } some ? Fine(some, Milliseconds(some)) : None;

    /// <summary>What the columns of floors mean.</summary>
    public const string FloorLegend =
        "Milliseconds. flops, bytes: of all operations at these rates; least: the sum over the operations of whichever takes longer; share: least by what was measured. Forward has the batch copied in, backward the loss.";

    /// <summary>What the machine does at most.</summary>
    public static string Peaks(PeaksReport peaks)
    {
        ArgumentNullException.ThrowIfNull(peaks);
        return Text(
                $"At most, measured in this run: copy {Rate(peaks.CopyBytesPerS)} GB/s, read and written, of arrays of {peaks.CopiedBytes >> 20} MiB; product {Rate(peaks.ProductFlopsPerS)} GFLOP/s, of matrices {peaks.MatrixSize} x {peaks.MatrixSize}"
            )
            + (InRegisters(peaks) is { } most ? $"; {most}" : "")
            + ".";
    }

    /// <summary>What floors are of on a CPU; null where it was not measured.</summary>
    internal static string? InRegisters(PeaksReport peaks) =>
        peaks.MultiplyAddFlopsPerS is { } most
            ? $"multiplications with additions in registers {Rate(most)} GFLOP/s"
            : null;

    /// <summary>What the columns mean.</summary>
    /// <param name="libraries">Whether some of it happens within a vendor's library.</param>
    public static string Legend(bool libraries) =>
        "Moved: each operand and result of each operation once, in caches or not; least: the operations one after the other at these rates."
        + (
            libraries
                ? " What moves within cuDNN's recurrent networks and convolutions is not known."
                : ""
        );

    private static IReadOnlyList<string> Cells(in Work work, PeaksReport? peaks, bool launches)
    {
        double? bytes = work.BytesMoved / (work.Ms / 1000);
        double? flops = work.Flops / (work.Ms / 1000);
        // What happens within a library is not told: it is this, or more.
        string atLeast = work.BytesUnknown > 0 ? ">= " : "";
        return
        [
            .. launches ? (string[])[work.Launches is { } n ? Text($"{n:0.##}") : None] : [],
            Moved(work.BytesMoved is { } moved ? Mebibytes((long)moved) : None),
            Moved(Rate(bytes)),
            Moved(Share(bytes, peaks?.CopyBytesPerS)),
            work.Flops is { } all ? Fine(all / 1e9, Text($"{all / 1e9:0.00}")) : None,
            Rate(flops),
            Share(flops, peaks?.ProductFlopsPerS),
            work.FloorMs is { } floor ? Fine(floor, Milliseconds(floor)) : None,
            Share(work.FloorMs, work.Ms),
        ];

        string Moved(string text) => text == None ? text : atLeast + text;
    }

    // Of single operations there is little: three digits of it.
    private static string Fine(double value, string text) =>
        value >= 0.1 ? text
        : value > 0
            ? value.ToString(
                "0." + new string('0', Math.Min(9, 2 - (int)Math.Floor(Math.Log10(value)))),
                CultureInfo.InvariantCulture
            )
        : "0";

    private static string Rate(double? perSecond) =>
        perSecond is not { } rate ? None
        : rate >= 99.95e9 ? Text($"{rate / 1e9:#,0}")
        : Text($"{rate / 1e9:0.0}");

    private static string Share(double? part, double? whole) =>
        part is { } a && whole is { } b ? Text($"{100 * a / b:0}%") : None;

    private readonly record struct Work(
        double Ms,
        double? Launches,
        double? BytesMoved,
        int? BytesUnknown,
        double? Flops,
        double? FloorMs
    );
}
