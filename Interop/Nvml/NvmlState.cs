namespace Sequor.Interop;

/// <summary>What NVML tells of a GPU at one moment. Null is what it does not tell.</summary>
public readonly record struct NvmlState
{
    /// <summary>When it was asked, as <see cref="System.Diagnostics.Stopwatch.GetTimestamp"/> counts.</summary>
    public long Timestamp { get; init; }

    /// <summary>Clock of the multiprocessors, MHz.</summary>
    public int? SmClock { get; init; }

    /// <summary>Clock of the memory, MHz.</summary>
    public int? MemoryClock { get; init; }

    /// <summary>Temperature of the chip, degrees Celsius.</summary>
    public int? Temperature { get; init; }

    /// <summary>Power that the board takes, watts; on some GPUs a mean over a second.</summary>
    public double? Power { get; init; }

    /// <summary>Percent of the last while, NVML's sixth of a second to a second, in which a kernel ran.</summary>
    public int? Utilization { get; init; }

    /// <summary>Why clocks are below their peak.</summary>
    public ClockReasons? Reasons { get; init; }
}
