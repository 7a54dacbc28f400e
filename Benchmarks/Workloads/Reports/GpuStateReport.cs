using System.Text.Json.Serialization;
using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Workloads;

/// <summary>The state of a GPU at one moment, as NVML tells it. Null is what it does not tell.</summary>
public sealed record GpuStateReport
{
    /// <summary>Why there is nothing but this; only where NVML told nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>Clock of the multiprocessors.</summary>
    public int? SmMhz { get; init; }

    /// <summary>The fastest that it goes.</summary>
    public int? SmMhzMax { get; init; }

    /// <summary>Clock of the memory.</summary>
    public int? MemoryMhz { get; init; }

    /// <summary>The fastest that it goes.</summary>
    public int? MemoryMhzMax { get; init; }

    /// <summary>Degrees Celsius.</summary>
    public int? TemperatureC { get; init; }

    /// <summary>Watts.</summary>
    public double? PowerW { get; init; }

    /// <summary>Watts that the board may take.</summary>
    public double? PowerLimitW { get; init; }

    /// <summary>Percent of the time in which a kernel ran.</summary>
    public int? UtilizationPercent { get; init; }

    /// <summary>Why clocks are below their peak, see <see cref="GpuConditions.Names"/>.</summary>
    public IReadOnlyList<string>? Reasons { get; init; }

    /// <summary>Whether the driver stays loaded with no one using it (Linux).</summary>
    public bool? PersistenceMode { get; init; }

    /// <summary>What NVML does not tell, each with the reason.</summary>
    public IReadOnlyList<string> Unknown { get; init; } = [];

    /// <summary>The state of the GPU of a PCI address now.</summary>
    public static GpuStateReport Read(NativeLibraries libraries, string pciBusId)
    {
        using NvmlDevice? device = NvmlDevice.Open(libraries, pciBusId, out string? reason);
        if (device is null)
            return new GpuStateReport { Reason = reason };
        NvmlState now = device.Read();
        return new GpuStateReport
        {
            SmMhz = now.SmClock,
            SmMhzMax = device.MaxSmClock,
            MemoryMhz = now.MemoryClock,
            MemoryMhzMax = device.MaxMemoryClock,
            TemperatureC = now.Temperature,
            PowerW = now.Power,
            PowerLimitW = device.PowerLimit,
            UtilizationPercent = now.Utilization,
            Reasons = now.Reasons is { } reasons ? GpuConditions.Names(reasons) : null,
            PersistenceMode = device.PersistenceMode,
            Unknown = device.Unknown,
        };
    }
}
