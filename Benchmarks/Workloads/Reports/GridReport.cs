using System.Text.Json.Serialization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Training steps of many widths at many batch sizes, in reports; see <see cref="StepGrid"/>.</summary>
public sealed record GridReport
{
    /// <summary>Neighbours may differ so many times in time, whatever the count says.</summary>
    public double MostRatio { get; init; } = StepGrid.MostRatio;

    /// <summary>And so many times what the count differs by.</summary>
    public double MostOverCount { get; init; } = StepGrid.MostOverCount;

    /// <summary>The device's name.</summary>
    public required string Device { get; init; }

    /// <summary>T, as the task counts it.</summary>
    public required int Length { get; init; }

    /// <summary>Steps that a sequence really has.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>Architecture by architecture, width by width, batch size by batch size.</summary>
    public required IReadOnlyList<GridCell> Cells { get; init; }

    /// <summary>Neighbours that were compared: measured cells of the next width, or of the next batch size.</summary>
    public required int Pairs { get; init; }

    /// <summary>Those of them that differ by more.</summary>
    public required IReadOnlyList<GridCliff> Cliffs { get; init; }

    /// <summary>Cells in the form of a report.</summary>
    /// <param name="cells">What was measured.</param>
    /// <param name="task">The task of all of them.</param>
    /// <param name="length">T, as the task counts it.</param>
    /// <param name="device">Where.</param>
    /// <param name="caches">The processor's caches, where that is a CPU; null for those of this machine.</param>
    public static GridReport Of(
        IReadOnlyList<StepGrid.Cell> cells,
        SequenceTask task,
        int length,
        BackendInfo device,
        IReadOnlyList<CacheLevel>? caches = null
    )
    {
        ArgumentNullException.ThrowIfNull(cells);
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(device);
        caches = device.Device == "cpu" ? caches ?? CacheSize.Levels() : [];
        return new GridReport
        {
            Device = device.Device,
            Length = length,
            SequenceLength = task.Length,
            Pairs = StepGrid.Neighbours(cells).Count,
            Cells = [.. cells.Select(GridCell.Of)],
            Cliffs = [.. StepGrid.Cliffs(cells).Select(cliff => GridCliff.Of(cliff, caches))],
        };
    }
}

/// <summary>What a training step of a model at a batch size took.</summary>
public sealed record GridCell
{
    /// <summary>The architecture's name.</summary>
    public required string Arch { get; init; }

    /// <summary>Hidden units or channels.</summary>
    public required int Hidden { get; init; }

    /// <summary>Layers, levels or blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>Sequences a step.</summary>
    public required int Batch { get; init; }

    /// <summary>What of the model is not as usual for the width and the depth; null for nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Variant { get; init; }

    /// <summary>Trained values.</summary>
    public required long Parameters { get; init; }

    /// <summary>Measured steps; 0 where the cell was left out.</summary>
    public required int Steps { get; init; }

    /// <summary>The whole step; only where it was measured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Spread? StepMs { get; init; }

    /// <summary>Bytes that a step's operations must move; only where it was measured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? BytesMoved { get; init; }

    /// <summary>Operations with floats of a step, by formula; only where it was measured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Flops { get; init; }

    /// <summary>The least time of a step's operations at the machine's peaks; only where it was measured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? FloorMs { get; init; }

    /// <summary>Why the cell was left out; only where it was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Skipped { get; init; }

    internal static GridCell Of(StepGrid.Cell cell) =>
        new()
        {
            Arch = cell.Workload.Architecture.Name,
            Hidden = cell.Workload.Width,
            Layers = cell.Workload.Depth,
            Batch = cell.Workload.Batch,
            Variant = cell.Workload.Variant.InWords,
            Parameters = cell.Workload.Parameters,
            Steps = cell.Measured?.Steps.Count ?? 0,
            StepMs = cell.Measured is { } measured
                ? Spread.Of([.. measured.Steps.Select(step => step.Whole)])
                : null,
            BytesMoved = cell.Measured?.Work?.BytesMoved,
            Flops = cell.Measured?.Work?.Flops,
            // Of the smallest models a tenth of a microsecond is too coarse.
            FloorMs = cell.Measured is null ? null : Math.Round(cell.Floor, 7),
            Skipped = cell.Skipped,
        };
}

/// <summary>Two neighbours of which one takes longer than the count says.</summary>
/// <param name="Arch">The architecture's name.</param>
/// <param name="FastHidden">Hidden units or channels of the faster one.</param>
/// <param name="FastBatch">Sequences a step of the faster one.</param>
/// <param name="SlowHidden">Hidden units or channels of the slower one.</param>
/// <param name="SlowBatch">Sequences a step of the slower one.</param>
/// <param name="TimeRatio">How many times as long the slower one's step takes.</param>
/// <param name="CountRatio">How many times as long it takes by the count.</param>
public sealed record GridCliff(
    string Arch,
    int FastHidden,
    int FastBatch,
    int SlowHidden,
    int SlowBatch,
    double TimeRatio,
    double CountRatio
)
{
    /// <summary>The cache that the slower one leaves, of which the count knows nothing; null where it leaves none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LeftCache? LeavesCache { get; init; }

    internal static GridCliff Of(StepGrid.Cliff cliff, IReadOnlyList<CacheLevel> caches) =>
        new(
            cliff.Fast.Workload.Architecture.Name,
            cliff.Fast.Workload.Width,
            cliff.Fast.Workload.Batch,
            cliff.Slow.Workload.Width,
            cliff.Slow.Workload.Batch,
            Math.Round(cliff.TimeRatio, 3),
            Math.Round(cliff.CountRatio, 3)
        )
        {
            LeavesCache = LeftCache.Between(cliff, caches),
        };
}
