using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>What every report of a run begins with: the format, how it ended, and where and when it ran.</summary>
public abstract record RunReport
{
    private protected RunReport(string schema) => Schema = schema;

    /// <summary>Names the format.</summary>
    [JsonPropertyOrder(KeyOrder.Ending)]
    public string Schema { get; init; }

    /// <summary>How it ended; where it is not <see cref="RunStatus.Finished"/> the report is a partial one.</summary>
    [JsonPropertyOrder(KeyOrder.Ending)]
    public string Status { get; init; } = RunStatus.Finished;

    /// <summary>Why it did not end as it should; only where it did not.</summary>
    [JsonPropertyOrder(KeyOrder.Ending)]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>What it ran on.</summary>
    [JsonPropertyOrder(KeyOrder.Place)]
    public required Machine Machine { get; init; }

    /// <summary>When it began, UTC; of <see cref="SuitesReport"/> when it ended.</summary>
    [JsonPropertyOrder(KeyOrder.Place)]
    public required string Date { get; init; }
}

/// <summary>What the report of a run on one device has besides: the device.</summary>
public abstract record DeviceRunReport : RunReport
{
    private protected DeviceRunReport(string schema)
        : base(schema) { }

    /// <summary>The GPU that it ran on; only where it did.</summary>
    [JsonPropertyOrder(KeyOrder.Gpu)]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GpuReport? Gpu { get; init; }

    /// <summary>Host threads that computed; of <see cref="ReproductionReport"/> those that runs begin with.</summary>
    [JsonPropertyOrder(KeyOrder.Threads)]
    public required int Threads { get; init; }
}

/// <summary>What the report of measured steps has besides: of which task, and how many.</summary>
public abstract record StepsReport : DeviceRunReport
{
    private protected StepsReport(string schema)
        : base(schema) { }

    /// <summary>The task's name.</summary>
    [JsonPropertyOrder(KeyOrder.Steps)]
    public required string Task { get; init; }

    /// <summary>Seed of parameters and data.</summary>
    [JsonPropertyOrder(KeyOrder.Steps)]
    public required ulong Seed { get; init; }

    /// <summary>Steps of each before the measured ones, the fewest.</summary>
    [JsonPropertyOrder(KeyOrder.Steps)]
    public required int Warmup { get; init; }

    /// <summary>
    /// Measured steps of each, the fewest: every length of a sweep has a time limit of its own. Of a profile those without one; as many
    /// have one.
    /// </summary>
    [JsonPropertyOrder(KeyOrder.Steps)]
    public required int Steps { get; init; }

    /// <summary>Seconds that all of it took.</summary>
    [JsonPropertyOrder(KeyOrder.Steps)]
    public required double Seconds { get; init; }
}

/// <summary>
/// Where the keys of a base record come in the JSON of those that derive from it, which is otherwise written first. Keys with one place
/// keep the order of their declarations.
/// </summary>
internal static class KeyOrder
{
    /// <summary>Format and ending.</summary>
    public const int Ending = -7;

    /// <summary>What a report adds between ending and machine.</summary>
    public const int Title = -6;

    /// <summary>Machine and date.</summary>
    public const int Place = -5;

    /// <summary>The GPU.</summary>
    public const int Gpu = -4;

    /// <summary>What a report adds between GPU and threads.</summary>
    public const int Device = -3;

    /// <summary>The threads.</summary>
    public const int Threads = -2;

    /// <summary>What steps are of, and how many.</summary>
    public const int Steps = -1;
}
