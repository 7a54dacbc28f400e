using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>
/// A measurement as a line of a history: schema sequor.history/1, the keys of sequor.bench/1 that a trend is drawn from.
/// </summary>
public sealed record HistoryLine
{
    /// <summary>Names the format.</summary>
    public string Schema { get; init; } = "sequor.history/1";

    /// <summary>What it ran on, and the commit that it was built from.</summary>
    public required Machine Machine { get; init; }

    /// <summary>When it began, UTC.</summary>
    public required string Date { get; init; }

    /// <summary>The GPU that it ran on; only where it did.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GpuReport? Gpu { get; init; }

    /// <summary>Host threads that computed.</summary>
    public required int Threads { get; init; }

    /// <summary>The task's name.</summary>
    public required string Task { get; init; }

    /// <summary>One an architecture and length.</summary>
    public required IReadOnlyList<HistoryResult> Results { get; init; }

    /// <summary>The line of a report.</summary>
    public static HistoryLine Of(BenchReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return new HistoryLine
        {
            Machine = report.Machine,
            Date = report.Date,
            Gpu = report.Gpu,
            Threads = report.Threads,
            Task = report.Task,
            Results =
            [
                .. report.Results.Select(r => new HistoryResult
                {
                    Arch = r.Arch,
                    Device = r.Device,
                    Length = r.Length,
                    Batch = r.Batch,
                    Hidden = r.Hidden,
                    Layers = r.Layers,
                    Parameters = r.Parameters,
                    StepMs = r.StepMs,
                    RoundsMs = r.RoundsMs,
                    PeakBytes = r.PeakBytes,
                    NativeAllocationsPerStep = r.NativeAllocationsPerStep,
                    ManagedBytesPerStep = r.ManagedBytesPerStep,
                    GraphNodes = r.GraphNodes,
                }),
            ],
        };
    }
}

/// <summary>What one architecture took, in a line of a history; each key is that of <see cref="BenchResult"/>.</summary>
public sealed record HistoryResult
{
    /// <summary>The architecture's name.</summary>
    public required string Arch { get; init; }

    /// <summary>The device's name.</summary>
    public required string Device { get; init; }

    /// <summary>T, as the task counts it.</summary>
    public required int Length { get; init; }

    /// <summary>Sequences a step.</summary>
    public required int Batch { get; init; }

    /// <summary>Hidden units or channels.</summary>
    public required int Hidden { get; init; }

    /// <summary>Layers, levels or blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>Trained values.</summary>
    public required long Parameters { get; init; }

    /// <summary>The whole step.</summary>
    public required Spread StepMs { get; init; }

    /// <summary>The median step of each round; only where rounds were asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<double>? RoundsMs { get; init; }

    /// <summary>The most memory at one time.</summary>
    public required long PeakBytes { get; init; }

    /// <summary>Allocations of the device's memory, a step.</summary>
    public required double NativeAllocationsPerStep { get; init; }

    /// <summary>Bytes of the managed heap, a step.</summary>
    public required double ManagedBytesPerStep { get; init; }

    /// <summary>Operations of the CUDA graph that a step was replayed as; 0 where steps ran as they are.</summary>
    public required long GraphNodes { get; init; }
}
