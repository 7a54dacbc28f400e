using Sequor.Interop;

namespace Sequor.Workloads;

/// <summary>
/// The state of the GPU while steps were measured, and which of them it spoilt. Null is what NVML did not tell.
/// </summary>
/// <remarks>
/// A sample holds until the next one. A step is flagged where a sample that holds during it says that the GPU slowed itself
/// (<see cref="ClockReasons.Throttled"/>), or has a clock below <see cref="SlowClock"/> of the fastest sampled in the measurement. Flagged
/// steps are counted, and stay among the others.
/// </remarks>
public sealed record GpuConditions
{
    /// <summary>A clock below this part of the fastest is a slow one.</summary>
    public const double SlowClock = 0.9;

    /// <summary>Figures are those of a GPU that slowed itself where more than this part of the steps is flagged: the 95th percentile then is.</summary>
    public const double Tolerated = 0.05;

    /// <summary>Why there are no samples; null where there are.</summary>
    public string? Missing { get; init; }

    /// <summary>Samples that hold during the steps.</summary>
    public int Samples { get; init; }

    /// <summary>The time between two samples.</summary>
    public TimeSpan Period { get; init; }

    /// <summary>Clock of the multiprocessors, MHz.</summary>
    public Extent? SmClock { get; init; }

    /// <summary>The fastest that it goes.</summary>
    public int? MaxSmClock { get; init; }

    /// <summary>Clock of the memory, MHz.</summary>
    public Extent? MemoryClock { get; init; }

    /// <summary>The fastest that it goes.</summary>
    public int? MaxMemoryClock { get; init; }

    /// <summary>Degrees Celsius.</summary>
    public Extent? Temperature { get; init; }

    /// <summary>Watts.</summary>
    public Extent? Power { get; init; }

    /// <summary>Watts that the board may take.</summary>
    public double? PowerLimit { get; init; }

    /// <summary>Percent of the time in which a kernel ran.</summary>
    public Extent? Utilization { get; init; }

    /// <summary>Why clocks were below their peak, of all samples together.</summary>
    public ClockReasons? Reasons { get; init; }

    /// <summary>Steps that were measured.</summary>
    public int Steps { get; init; }

    /// <summary>Those that are flagged; null where NVML tells neither clock nor reasons.</summary>
    public int? FlaggedSteps { get; init; }

    /// <summary>What NVML does not tell, each with the reason.</summary>
    public IReadOnlyList<string> Unknown { get; init; } = [];

    /// <summary>Whether more steps are flagged than is tolerated.</summary>
    public bool IsSpoilt => FlaggedSteps > Tolerated * Steps;

    /// <summary>Sets samples and steps side by side.</summary>
    /// <param name="samples">In order; the first is from before the first step.</param>
    /// <param name="steps">When each began and ended, in order, as samples tell time.</param>
    public static GpuConditions Of(
        ReadOnlySpan<NvmlState> samples,
        IEnumerable<(long Begin, long End)> steps
    )
    {
        ArgumentNullException.ThrowIfNull(steps);
        int fastest = 0;
        foreach (NvmlState sample in samples)
            fastest = Math.Max(fastest, sample.SmClock ?? 0);
        var used = new List<NvmlState>(samples.Length);
        int count = 0;
        int flagged = 0;
        bool isKnown = false;
        int at = 0;
        int next = 0;
        foreach ((long begin, long end) in steps)
        {
            count++;
            while (at + 1 < samples.Length && samples[at + 1].Timestamp <= begin)
                at++;
            bool isSlow = false;
            for (int i = at; i < samples.Length && (i == at || samples[i].Timestamp < end); i++)
            {
                NvmlState sample = samples[i];
                isSlow |=
                    (sample.Reasons & ClockReasons.Throttled) > 0
                    || sample.SmClock < SlowClock * fastest;
                isKnown |= sample.Reasons is not null || sample.SmClock is not null;
                if (i < next)
                    continue;
                used.Add(sample);
                next = i + 1;
            }
            if (isSlow)
                flagged++;
        }
        ClockReasons? reasons = null;
        foreach (NvmlState sample in used)
            reasons = sample.Reasons is { } some ? some | (reasons ?? 0) : reasons;
        return new GpuConditions
        {
            Samples = used.Count,
            SmClock = Extent.Of(used.Select(s => (double?)s.SmClock)),
            MemoryClock = Extent.Of(used.Select(s => (double?)s.MemoryClock)),
            Temperature = Extent.Of(used.Select(s => (double?)s.Temperature)),
            Power = Extent.Of(used.Select(s => s.Power)),
            Utilization = Extent.Of(used.Select(s => (double?)s.Utilization)),
            Reasons = reasons,
            Steps = count,
            FlaggedSteps = isKnown ? flagged : null,
        };
    }

    /// <summary>Names of reasons, such as "power limit"; those that have none as their number.</summary>
    public static IReadOnlyList<string> Names(ClockReasons reasons)
    {
        var names = new List<string>();
        for (ulong bit = 1, left = (ulong)reasons; left != 0; bit <<= 1)
        {
            if ((left & bit) == 0)
                continue;
            left &= ~bit;
            names.Add(
                (ClockReasons)bit switch
                {
                    ClockReasons.Idle => "idle",
                    ClockReasons.ApplicationsClocks => "clocks set by someone",
                    ClockReasons.PowerLimit => "power limit",
                    ClockReasons.HardwareSlowdown => "hardware slowdown",
                    ClockReasons.SyncBoost => "tied to another GPU",
                    ClockReasons.Temperature => "temperature",
                    ClockReasons.HardwareTemperature => "temperature, by the hardware",
                    ClockReasons.PowerBrake => "power supply",
                    ClockReasons.DisplayClock => "display",
                    _ => FormattableString.Invariant($"0x{bit:x}"),
                }
            );
        }
        return names;
    }
}

/// <summary>A median, and the least and the most.</summary>
/// <param name="Median">50th percentile.</param>
/// <param name="Min">The least.</param>
/// <param name="Max">The most.</param>
public sealed record Extent(double Median, double Min, double Max)
{
    /// <summary>That of the values that are known; null where none is.</summary>
    public static Extent? Of(IEnumerable<double?> values)
    {
        double[] known = [.. values.OfType<double>()];
        return known.Length == 0
            ? null
            : new Extent(Statistics.Median(known), known.Min(), known.Max());
    }

    /// <summary>That of several: the median of the medians, and the least and the most of all; null where there are none.</summary>
    public static Extent? Of(IEnumerable<Extent?> extents)
    {
        Extent[] known = [.. extents.OfType<Extent>()];
        return known.Length == 0
            ? null
            : new Extent(
                Statistics.Median(known.Select(e => e.Median)),
                known.Min(e => e.Min),
                known.Max(e => e.Max)
            );
    }
}
