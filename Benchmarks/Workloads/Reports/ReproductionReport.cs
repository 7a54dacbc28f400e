using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>Reproduced experiments as a file: schema sequor.reproduce/1.</summary>
public sealed record ReproductionReport() : DeviceRunReport("sequor.reproduce/1")
{
    /// <summary>The device's name.</summary>
    [JsonPropertyOrder(KeyOrder.Device)]
    public required string Device { get; init; }

    /// <summary>Minutes of training and validation that each run had at most; null for no limit.</summary>
    public double? BudgetMinutes { get; init; }

    /// <summary>Seconds that all runs had together; null for no limit.</summary>
    public double? TotalBudgetSeconds { get; init; }

    /// <summary>One a preset, each over its seeds; in the order in which they ran.</summary>
    public required IReadOnlyList<ReproductionResult> Results { get; init; }

    /// <summary>Runs that came to no result; only where there are some.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<FailedRun>? Failed { get; init; }

    /// <summary>Runs that were not begun for want of time, memory or data; only where there are some.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<LeftRun>? Left { get; init; }
}

/// <summary>One seed of a preset that was not begun.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Arch">The architecture's name.</param>
/// <param name="Preset">The preset's name.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Reason">Why not, in words.</param>
/// <param name="Seconds">The time that it would take with all of its epochs; null where it is not known.</param>
/// <param name="Measured">Whether a few of its steps were measured; else it takes that long at the least.</param>
public sealed record LeftRun(
    string Task,
    string Arch,
    string Preset,
    ulong Seed,
    string Reason,
    double? Seconds,
    bool Measured
);

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
