using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>Reproduced experiments as a file: schema sequor.reproduce/1.</summary>
public sealed record ReproductionReport
{
    /// <summary>Names the format.</summary>
    public string Schema { get; init; } = "sequor.reproduce/1";

    /// <summary>What it ran on.</summary>
    public required Machine Machine { get; init; }

    /// <summary>When it began, UTC.</summary>
    public required string Date { get; init; }

    /// <summary>The GPU that it ran on; only where it did.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GpuReport? Gpu { get; init; }

    /// <summary>One a preset, each over its seeds; in the order in which they ran.</summary>
    public required IReadOnlyList<ReproductionResult> Results { get; init; }
}
