using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>What a step of one architecture's stream took.</summary>
public sealed record StreamResult
{
    /// <summary>The architecture's name.</summary>
    public required string Arch { get; init; }

    /// <summary>The device's name.</summary>
    public required string Device { get; init; }

    /// <summary>Hidden units or channels.</summary>
    public required int Hidden { get; init; }

    /// <summary>Layers, levels or blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>What of the model is not as usual for the width and the depth; null for nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Variant { get; init; }

    /// <summary>Trained values.</summary>
    public required long Parameters { get; init; }

    /// <summary>Steps before the measured ones.</summary>
    public required int Warmup { get; init; }

    /// <summary>Measured steps.</summary>
    public required int Steps { get; init; }

    /// <summary>A step, values in and out included.</summary>
    public required Spread StepUs { get; init; }

    /// <summary>Steps in a second, at the median.</summary>
    public required double StepsPerS { get; init; }

    /// <summary>Bytes of trained values that a step reads.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>Bytes of states that a step reads and writes.</summary>
    public required long StateBytes { get; init; }

    /// <summary>How fast a thread reads so many bytes again and again.</summary>
    public required double CacheBytesPerS { get; init; }

    /// <summary>The least time in which a step's weights and states can be read at that rate.</summary>
    public required double FloorUs { get; init; }

    /// <summary>Of the median step.</summary>
    public required double FloorShare { get; init; }

    /// <summary>Native allocations plus managed bytes, a step: 0 where it allocates nothing.</summary>
    public required double AllocationsPerStep { get; init; }

    /// <summary>Allocations of the device's memory, a step.</summary>
    public required double NativeAllocationsPerStep { get; init; }

    /// <summary>Bytes of the managed heap that the median step takes.</summary>
    public required double ManagedBytesPerStep { get; init; }

    /// <summary>How often something that depends on parameters alone was prepared in the measured steps.</summary>
    public required long Preparations { get; init; }

    /// <summary>A measurement in the form of the report.</summary>
    public static StreamResult From(StreamMeasured measured)
    {
        ArgumentNullException.ThrowIfNull(measured);
        Workload workload = measured.Workload;
        var step = Spread.Of(measured.Microseconds);
        double floor = Math.Round(measured.Floor, 4);
        return new StreamResult
        {
            Arch = workload.Architecture.Name,
            Device = measured.Device.Device,
            Hidden = workload.Width,
            Layers = workload.Depth,
            Variant = workload.Variant.InWords,
            Parameters = workload.Parameters,
            Warmup = measured.Warmup,
            Steps = measured.Microseconds.Count,
            StepUs = step,
            StepsPerS = Math.Round(1e6 / step.Median, 1),
            WeightBytes = measured.WeightBytes,
            StateBytes = measured.StateBytes,
            CacheBytesPerS = Math.Round(measured.CacheBytesPerSecond),
            FloorUs = floor,
            FloorShare = Math.Round(floor / step.Median, 4),
            AllocationsPerStep = measured.NativeAllocations + measured.ManagedBytes,
            NativeAllocationsPerStep = measured.NativeAllocations,
            ManagedBytesPerStep = measured.ManagedBytes,
            Preparations = measured.Preparations,
        };
    }
}
