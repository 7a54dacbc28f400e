using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>Two sets of figures side by side, as a file: schema sequor.compare/1.</summary>
public sealed record ComparisonReport
{
    /// <summary>Names the format.</summary>
    public string Schema { get; init; } = "sequor.compare/1";

    /// <summary>The worst of the rows' verdicts, see <see cref="RowVerdict"/>, or refused.</summary>
    public required string Verdict { get; init; }

    /// <summary>Why nothing was compared; only where it was refused.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>Where the figures came from that the others are measured against.</summary>
    public required string Base { get; init; }

    /// <summary>Where the figures came from that are judged.</summary>
    public required string Head { get; init; }

    /// <summary>What differs and was compared all the same; only where a comparison was forced.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Forced { get; init; }

    /// <summary>What else is to be known of the two.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Geometric mean of the ratios of times of wholes; null where there is none.</summary>
    public double? GeometricMean { get; init; }

    /// <summary>One a subject and metric, the worst first.</summary>
    public IReadOnlyList<ComparisonRow> Rows { get; init; } = [];

    /// <summary>Every turn that two programs took; only where they were measured in pairs.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<TurnPair>? Pairs { get; init; }

    /// <summary>What the order of the turns was drawn by; only where two programs were measured in pairs.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? OrderSeed { get; init; }

    /// <summary>The GPU's state during the turns; only where they were taken on one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GpuConditionsReport? GpuConditions { get; init; }
}

/// <summary>Two turns that followed each other, one of each program.</summary>
/// <param name="Name">What took the turns.</param>
/// <param name="Workers">Number of the two processes, from 1; 0 and below for two of the same program.</param>
/// <param name="Base">Median step of the base's turn, ms.</param>
/// <param name="Head">Median step of the head's turn, ms.</param>
public sealed record TurnPair(string Name, int Workers, double Base, double Head)
{
    /// <summary>Mean processor time of a step of the base's turn, ms; null where that is no measure of it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? BaseProcessor { get; init; }

    /// <summary>The head's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? HeadProcessor { get; init; }

    /// <summary>
    /// Whether the code of both processes was what it will stay, and the turns count; null where a program does not tell.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Settled { get; init; }
}

/// <summary>What a time of turns was taken by.</summary>
public static class TurnClock
{
    /// <summary>The time that went by.</summary>
    public const string Wall = "wall";

    /// <summary>The time that the process had the processor.</summary>
    public const string Processor = "processor";
}

/// <summary>One figure on both sides.</summary>
/// <param name="Name">What it is of.</param>
/// <param name="Metric">What it tells.</param>
/// <param name="Unit">Such as ms; empty for a mere number.</param>
/// <param name="Base">The base's figure, the median of its rounds; null where it has none.</param>
/// <param name="Head">The head's.</param>
/// <param name="Ratio">Head to base; null where there is none, as to 0.</param>
/// <param name="Low">Lower bound of the ratio of times; null where rounds allow none, and for counts.</param>
/// <param name="High">Upper bound.</param>
/// <param name="Verdict">See <see cref="RowVerdict"/>.</param>
public sealed record ComparisonRow(
    string Name,
    string Metric,
    string Unit,
    double? Base,
    double? Head,
    double? Ratio,
    double? Low,
    double? High,
    string Verdict
)
{
    /// <summary>What the times were taken by that the row is judged by, see <see cref="TurnClock"/>; only of turns.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Clock { get; init; }
}

/// <summary>What is said of a row, the worst first.</summary>
public static class RowVerdict
{
    /// <summary>A time has grown beyond the threshold.</summary>
    public const string Slower = "slower";

    /// <summary>A count, or a loss, has grown.</summary>
    public const string More = "more";

    /// <summary>The base has it and the head does not.</summary>
    public const string Missing = "missing";

    /// <summary>The rounds allow no verdict.</summary>
    public const string Unclear = "unclear";

    /// <summary>A time has shrunk beyond the threshold.</summary>
    public const string Faster = "faster";

    /// <summary>A count, or a loss, has shrunk.</summary>
    public const string Less = "less";

    /// <summary>A count is what it was or within what is allowed; a time differs by less than the threshold.</summary>
    public const string Same = "same";

    /// <summary>The head has it and the base does not.</summary>
    public const string New = "new";

    /// <summary>Of a whole comparison: unlike things were not compared.</summary>
    public const string Refused = "refused";

    /// <summary>All verdicts of rows, the worst first.</summary>
    public static IReadOnlyList<string> All { get; } =
    [Slower, More, Missing, Unclear, Faster, Less, Same, New];

    /// <summary>Whether it is one that a gate stays shut for.</summary>
    public static bool IsWorse(string verdict) => verdict is Slower or More or Missing;
}
