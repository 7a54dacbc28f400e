using static Sequor.Workloads.Figures;

namespace Sequor.Workloads;

/// <summary>A profile's figures as people read them, for the command's text and for the page.</summary>
public static class ProfileFigures
{
    /// <summary>Milliseconds without the unit; what is short has digits enough.</summary>
    public static string Milliseconds(double value) =>
        value == 0 ? "0"
        : value is < 0.00005 and > 0 ? "<0.0001"
        : value is < 0.01 and > 0 ? Text($"{value:0.0000}")
        : value is < 1 and > 0 ? Text($"{value:0.000}")
        : Figures.Milliseconds(value);

    /// <summary>Most of the samples of a spread, in milliseconds.</summary>
    public static string Range(Spread spread)
    {
        ArgumentNullException.ThrowIfNull(spread);
        return $"{Milliseconds(spread.P05)}-{Milliseconds(spread.P95)}";
    }

    /// <summary>MiB without the unit; what is small has digits enough.</summary>
    public static string Mebibytes(long bytes) =>
        bytes == 0 ? "0"
        : bytes is > 0 and < 100 << 10 ? Text($"{bytes / (double)(1 << 20):0.0000}")
        : Figures.Mebibytes(bytes);

    /// <summary>The columns of what rows took together, behind that of its time.</summary>
    public static IReadOnlyList<string> Columns { get; } =
    ["share", "launches", "GFLOP/s", "GB/s", "floor ms", "of floor"];

    /// <summary>Their values; a dash for what is not known.</summary>
    /// <param name="sum">What rows took.</param>
    /// <param name="all">Milliseconds of the whole step.</param>
    public static IReadOnlyList<string> Cells(LayerSum sum, double all)
    {
        ArgumentNullException.ThrowIfNull(sum);
        return
        [
            Text($"{(all > 0 ? sum.Ms / all : 0):0.0%}"),
            sum.Launches is { } launches ? Count(launches) : "-",
            Rate(sum.FlopsPerS),
            Rate(sum.BytesPerS),
            sum.FloorMs is > 0 and var floor ? Milliseconds(floor) : "-",
            sum.FloorShare is { } share ? Text($"{share:0%}") : "-",
        ];
    }

    /// <summary>What the columns mean.</summary>
    public const string Legend =
        "GFLOP/s and GB/s are of the operations that have such a count; what a vendor's library moves is not known. Floor: the least time for the bytes and operations at what the device reached in this run; of floor: floor / time of the operations that have one, above 100% where data lay in a cache.";

    /// <summary>Columns of an operation, one a line.</summary>
    public static IReadOnlyList<string> OperationColumns { get; } =
    ["operation", "layer", "pass", "calls", "ms", .. Columns, "shapes"];

    /// <summary>Their values.</summary>
    public static string[] OperationCells(LayerRow row, double all)
    {
        ArgumentNullException.ThrowIfNull(row);
        return
        [
            row.Operation,
            row.Name,
            row.Pass,
            Text($"{row.Calls}"),
            Milliseconds(row.Ms),
            .. Cells(LayerSum.Of([row]), all),
            row.Shapes,
        ];
    }

    /// <summary>The columns of the layers as a tree.</summary>
    public static IReadOnlyList<string> TreeColumns { get; } =
    ["layer", "kind", "forward", "backward", "ms", .. Columns, "MiB"];

    /// <summary>
    /// The layers, those within a layer below it, in the order in which the step comes to them; then what is no layer's, and the step.
    /// </summary>
    /// <param name="result">A profile.</param>
    /// <param name="indent">What stands before the name of a layer for each that it lies in.</param>
    public static IEnumerable<string[]> TreeRows(ProfileResult result, string indent)
    {
        ArgumentNullException.ThrowIfNull(result);
        var step = LayerTree.Of(result.Layers);
        foreach (LayerTree layer in step.All.Skip(1).Append(step))
        {
            LayerSum sum = layer.Sum();
            yield return
            [
                layer == step
                    ? "step"
                    : string.Concat(Enumerable.Repeat(indent, layer.Depth)) + layer.Name,
                layer.Kind,
                Milliseconds(layer.Sum("forward").Ms),
                Milliseconds(layer.Sum("backward").Ms),
                Milliseconds(sum.Ms),
                .. Cells(sum, result.ProfiledMs),
                Mebibytes(sum.BytesHeld),
            ];
        }
    }

    /// <summary>When most memory is in use, in a line.</summary>
    public static string PeakLine(PeakOwners peak)
    {
        ArgumentNullException.ThrowIfNull(peak);
        return Text(
            $"Most memory in use: {Mebibytes(peak.Bytes)} MiB, at {peak.Operation} of {peak.Name} ({peak.Pass})"
        );
    }

    /// <summary>Whose it is: layer, category, MiB, share; the largest first.</summary>
    public static IEnumerable<string[]> OwnerRows(PeakOwners peak)
    {
        ArgumentNullException.ThrowIfNull(peak);
        return peak.Owners.Select(owner =>
            (string[])
                [
                    owner.Name,
                    owner.Category,
                    Mebibytes(owner.Bytes),
                    Text($"{(double)owner.Bytes / Math.Max(peak.Bytes, 1):0.0%}"),
                ]
        );
    }

    /// <summary>What the device reached, in a line.</summary>
    public static string Peaks(PeaksReport peaks)
    {
        ArgumentNullException.ThrowIfNull(peaks);
        string registers = WorkFigures.InRegisters(peaks) is { } most ? most + ", " : "";
        return Text(
                $"copies {peaks.CopyBytesPerS / 1e9:0.0} GB/s, products {peaks.ProductFlopsPerS / 1e9:#,0} GFLOP/s, "
            ) + $"{registers}measured in this run";
    }

    private static string Rate(double? perSecond) =>
        perSecond is not { } rate ? "-"
        : rate < 1e9 ? Text($"{rate / 1e9:0.000}")
        : Text($"{rate / 1e9:#,0.0}");
}
