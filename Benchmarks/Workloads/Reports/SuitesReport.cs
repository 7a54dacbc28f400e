using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>Benchmarks of BenchmarkDotNet's with what they take on the device, as a file: schema sequor.suites/1.</summary>
public sealed record SuitesReport() : RunReport("sequor.suites/1")
{
    /// <summary>The run's name, with its time, as BenchmarkDotNet has it.</summary>
    [JsonPropertyOrder(KeyOrder.Title)]
    public required string Title { get; init; }

    /// <summary>One a benchmark, with its parameters and job.</summary>
    public required IReadOnlyList<SuiteResult> Results { get; init; }
}

/// <summary>What one benchmark took, each figure of one operation.</summary>
public sealed record SuiteResult
{
    /// <summary>The benchmark's full name, parameters included; with the job where several jobs ran it.</summary>
    public required string Name { get; init; }

    /// <summary>The time of an operation on the host, over the measured iterations of all launches.</summary>
    public required Spread Ms { get; init; }

    /// <summary>The median of each launch, which is a process.</summary>
    public required IReadOnlyList<double> RoundsMs { get; init; }

    /// <summary>Bytes of the managed heap; only where BenchmarkDotNet's diagnoser of memory ran.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? ManagedBytes { get; init; }

    /// <summary>What it takes on the device; only where the benchmark reported it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DeviceResult? OnDevice { get; init; }
}

/// <summary>What one operation of a benchmark takes on the device.</summary>
public sealed record DeviceResult
{
    /// <summary>The device's name.</summary>
    public required string Device { get; init; }

    /// <summary>Host threads that computed.</summary>
    public required int Threads { get; init; }

    /// <summary>Width of the vectors in bits; 0 on a GPU.</summary>
    public required int VectorBits { get; init; }

    /// <summary>The GPU; only where it is one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GpuReport? Gpu { get; init; }

    /// <summary>Time between two marks in the device's queue.</summary>
    public required double Ms { get; init; }

    /// <summary>Launches of kernels and calls of libraries; only on a GPU, where they are known.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Launches { get; init; }

    /// <summary>Bytes that it must read and write, of what tells them; only where it was counted.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? BytesMoved { get; init; }

    /// <summary>Parts of it whose bytes are not known; only where it was counted.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? BytesUnknown { get; init; }

    /// <summary>Operations with floats; only where it was counted.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Flops { get; init; }

    /// <summary>The least time at the machine's peaks; only where both are known.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? FloorMs { get; init; }

    /// <summary>The most memory of the backend at one time.</summary>
    public required long PeakBytes { get; init; }

    /// <summary>The peak by category.</summary>
    public required MemoryBytes MemoryBytes { get; init; }

    /// <summary>What the machine does at most; only where it was measured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PeaksReport? Peaks { get; init; }
}
