using System.Text.Json.Serialization;
using Sequor.Interop;

namespace Sequor.Workloads;

/// <summary>The state of the GPU while a result was measured, as a file has it. Null is what NVML did not tell.</summary>
public sealed record GpuConditionsReport
{
    /// <summary>Why there is nothing but this; only where NVML told nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>Samples that hold during the steps.</summary>
    public required int Samples { get; init; }

    /// <summary>The time between two samples.</summary>
    public required double PeriodMs { get; init; }

    /// <summary>Clock of the multiprocessors.</summary>
    public required Extent? SmMhz { get; init; }

    /// <summary>The fastest that it goes.</summary>
    public required int? SmMhzMax { get; init; }

    /// <summary>Clock of the memory.</summary>
    public required Extent? MemoryMhz { get; init; }

    /// <summary>The fastest that it goes.</summary>
    public required int? MemoryMhzMax { get; init; }

    /// <summary>Degrees Celsius.</summary>
    public required Extent? TemperatureC { get; init; }

    /// <summary>Watts.</summary>
    public required Extent? PowerW { get; init; }

    /// <summary>Watts that the board may take.</summary>
    public required double? PowerLimitW { get; init; }

    /// <summary>Percent of the time in which a kernel ran.</summary>
    public required Extent? UtilizationPercent { get; init; }

    /// <summary>Why clocks were below their peak, see <see cref="GpuConditions.Names"/>.</summary>
    public required IReadOnlyList<string>? Reasons { get; init; }

    /// <summary>Steps that are flagged.</summary>
    public required int? FlaggedSteps { get; init; }

    /// <summary>Whether more of them are than is tolerated.</summary>
    public required bool Spoilt { get; init; }

    /// <summary>What NVML does not tell, each with the reason.</summary>
    public required IReadOnlyList<string> Unknown { get; init; }

    /// <summary>Puts it together; null of a CPU.</summary>
    public static GpuConditionsReport? Of(GpuConditions? conditions) =>
        conditions is null
            ? null
            : new GpuConditionsReport
            {
                Reason = conditions.Missing,
                Samples = conditions.Samples,
                PeriodMs = conditions.Period.TotalMilliseconds,
                SmMhz = conditions.SmClock,
                SmMhzMax = conditions.MaxSmClock,
                MemoryMhz = conditions.MemoryClock,
                MemoryMhzMax = conditions.MaxMemoryClock,
                TemperatureC = conditions.Temperature,
                PowerW = conditions.Power,
                PowerLimitW = conditions.PowerLimit,
                UtilizationPercent = conditions.Utilization,
                Reasons = conditions.Reasons is { } reasons ? GpuConditions.Names(reasons) : null,
                FlaggedSteps = conditions.FlaggedSteps,
                Spoilt = conditions.IsSpoilt,
                Unknown = conditions.Unknown,
            };

    /// <summary>That of several measurements together; null where there are none.</summary>
    /// <param name="several">One of each.</param>
    /// <param name="steps">The steps of all.</param>
    public static GpuConditionsReport? Merge(IReadOnlyList<GpuConditionsReport?> several, int steps)
    {
        ArgumentNullException.ThrowIfNull(several);
        GpuConditionsReport[] all = [.. several.OfType<GpuConditionsReport>()];
        if (all.Length == 0)
            return null;
        int? flagged = all.Sum(c => c.FlaggedSteps);
        if (all.All(c => c.FlaggedSteps is null))
            flagged = null;
        return all[0] with
        {
            Samples = all.Sum(c => c.Samples),
            PeriodMs = all.Max(c => c.PeriodMs),
            SmMhz = Extent.Of(all.Select(c => c.SmMhz)),
            MemoryMhz = Extent.Of(all.Select(c => c.MemoryMhz)),
            TemperatureC = Extent.Of(all.Select(c => c.TemperatureC)),
            PowerW = Extent.Of(all.Select(c => c.PowerW)),
            UtilizationPercent = Extent.Of(all.Select(c => c.UtilizationPercent)),
            Reasons = all.All(c => c.Reasons is null)
                ? null
                : [.. all.SelectMany(c => c.Reasons ?? []).Distinct()],
            FlaggedSteps = flagged,
            Spoilt = flagged > GpuConditions.Tolerated * steps,
            Unknown = [.. all.SelectMany(c => c.Unknown).Distinct()],
        };
    }
}
