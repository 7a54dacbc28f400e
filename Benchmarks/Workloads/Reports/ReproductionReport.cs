using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>Reproduced experiments as a file: schema sequor.reproduce/1.</summary>
public sealed record ReproductionReport
{
    /// <summary>Names the format.</summary>
    public string Schema { get; init; } = "sequor.reproduce/1";

    /// <summary>How it ended; where it is not <see cref="RunStatus.Finished"/> the report is a partial one.</summary>
    public string Status { get; init; } = RunStatus.Finished;

    /// <summary>Why it did not end as it should; only where it did not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>What it ran on.</summary>
    public required Machine Machine { get; init; }

    /// <summary>When it began, UTC.</summary>
    public required string Date { get; init; }

    /// <summary>The GPU that it ran on; only where it did.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GpuReport? Gpu { get; init; }

    /// <summary>The device's name.</summary>
    public required string Device { get; init; }

    /// <summary>Host threads that runs begin with; those that are resumed go on with theirs, see <see cref="ReproductionRun.Threads"/>.</summary>
    public required int Threads { get; init; }

    /// <summary>Minutes of training and validation that each run had at most; null for no limit.</summary>
    public double? BudgetMinutes { get; init; }

    /// <summary>One a preset, each over its seeds; in the order in which they ran.</summary>
    public required IReadOnlyList<ReproductionResult> Results { get; init; }

    /// <summary>Runs that came to no result; only where there are some.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<FailedRun>? Failed { get; init; }
}

/// <summary>One seed of a preset that came to no result.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Arch">The architecture's name.</param>
/// <param name="Preset">The preset's name.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Status">What happened, see <see cref="RunStatus"/>.</param>
/// <param name="Reason">The same in words.</param>
/// <param name="Curve">The epochs that ended before, since the run began or was resumed.</param>
public sealed record FailedRun(
    string Task,
    string Arch,
    string Preset,
    ulong Seed,
    string Status,
    string Reason,
    IReadOnlyList<CurvePoint> Curve
);
