using System.Text.Json.Serialization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>A measurement as a file: schema sequor.bench/1.</summary>
public sealed record BenchReport() : StepsReport("sequor.bench/1")
{
    /// <summary>
    /// What the machine does at most, measured behind the steps and only of a run that finished; before those of a grid, so that one
    /// that was interrupted has it as well.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PeaksReport? Peaks { get; init; }

    /// <summary>One an architecture; of a sweep one a length and architecture, length by length.</summary>
    public required IReadOnlyList<BenchResult> Results { get; init; }

    /// <summary>One an architecture; only where steps of streams were measured, and then there are no other results.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<StreamResult>? Stream { get; init; }

    /// <summary>Widths and batch sizes; only where these were measured, and then there are no other results.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GridReport? Grid { get; init; }

    /// <summary>One an architecture; only of a sweep.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<GrowthExponents>? Exponents { get; init; }
}

/// <summary>What one architecture took.</summary>
public sealed record BenchResult
{
    /// <summary>The architecture's name.</summary>
    public required string Arch { get; init; }

    /// <summary>The device's name.</summary>
    public required string Device { get; init; }

    /// <summary>T, as the task counts it.</summary>
    public required int Length { get; init; }

    /// <summary>Steps that a sequence really has.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>Sequences a step.</summary>
    public required int Batch { get; init; }

    /// <summary>Hidden units or channels.</summary>
    public required int Hidden { get; init; }

    /// <summary>Layers, levels or blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>What of the model is not as usual for the width and the depth; null for nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Variant { get; init; }

    /// <summary>Trained values.</summary>
    public required long Parameters { get; init; }

    /// <summary>Steps that the last output can see; only for a TCN.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? ReceptiveField { get; init; }

    /// <summary>The whole step.</summary>
    public required Spread StepMs { get; init; }

    /// <summary>The whole step, each.</summary>
    public required IReadOnlyList<double> SamplesMs { get; init; }

    /// <summary>The median step of each round, a process of its own; only where rounds were asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<double>? RoundsMs { get; init; }

    /// <summary>Median of the forward pass.</summary>
    public required double ForwardMs { get; init; }

    /// <summary>Median of the loss and the backward pass.</summary>
    public required double BackwardMs { get; init; }

    /// <summary>Median of the update.</summary>
    public required double OptimizerMs { get; init; }

    /// <summary>Steps of sequences in a second.</summary>
    public required double TokensPerS { get; init; }

    /// <summary>The most memory at one time.</summary>
    public required long PeakBytes { get; init; }

    /// <summary>The least that the algorithm needs.</summary>
    public required long FloorBytes { get; init; }

    /// <summary>The peak by category.</summary>
    public required MemoryBytes MemoryBytes { get; init; }

    /// <summary>Native allocations plus managed bytes, a step: 0 where it allocates nothing.</summary>
    public required double AllocationsPerStep { get; init; }

    /// <summary>Allocations of the device's memory, a step.</summary>
    public required double NativeAllocationsPerStep { get; init; }

    /// <summary>Bytes of the managed heap that the median step takes.</summary>
    public required double ManagedBytesPerStep { get; init; }

    /// <summary>Bytes that the operations of a step must move, of those that tell them; only where a step was counted.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? BytesMoved { get; init; }

    /// <summary>Operations within vendors' libraries, whose bytes are not known; only where a step was counted.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? BytesUnknown { get; init; }

    /// <summary>Operations with floats of a step, by formula; only where a step was counted.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Flops { get; init; }

    /// <summary>Launches of kernels and calls of vendors' libraries a step; only where a step was counted, on a GPU.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Launches { get; init; }

    /// <summary>The least time of a step's operations at the machine's peaks; only where both were measured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? FloorMs { get; init; }

    /// <summary>The same of each timed part of a step; only where a step was counted.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public StepWork? Work { get; init; }

    /// <summary>Operations of the CUDA graph that a step was replayed as; 0 where steps ran as they are.</summary>
    public required long GraphNodes { get; init; }

    /// <summary>Why steps ran as they are; only where they did.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? EagerReason { get; init; }

    /// <summary>
    /// Median time of the host for a replayed step, from its batch to where the next could begin, without waiting for the device; only
    /// where steps were replayed.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? HostMs { get; init; }

    /// <summary>Of that the time on a processor, of the calling thread; only where the system tells it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? HostProcessorMs { get; init; }

    /// <summary>What was computed in another way than was asked for, and why; only where something was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Fallbacks { get; init; }

    /// <summary>What was chosen for the shapes of the model; only on a GPU.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ChoiceReport>? Choices { get; init; }

    /// <summary>The GPU's state during the measured steps; only on a GPU.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GpuConditionsReport? GpuConditions { get; init; }

    /// <summary>A measurement in the form of the report.</summary>
    /// <param name="measured">The measurement.</param>
    /// <param name="length">T, as the task counts it.</param>
    /// <param name="peaks">What the machine does at most; null where it was not measured.</param>
    public static BenchResult From(Measured measured, int length, MachinePeaks? peaks = null)
    {
        ArgumentNullException.ThrowIfNull(measured);
        Workload workload = measured.Workload;
        double[] samples = [.. measured.Steps.Select(s => Round(s.Whole))];
        return new BenchResult
        {
            Arch = workload.Architecture.Name,
            Device = measured.Device.Device,
            Length = length,
            SequenceLength = workload.Task.Length,
            Batch = workload.Batch,
            Hidden = workload.Width,
            Layers = workload.Depth,
            Variant = workload.Variant.InWords,
            Parameters = workload.Parameters,
            ReceptiveField = workload.ReceptiveField,
            StepMs = Spread.Of(samples),
            SamplesMs = samples,
            ForwardMs = Round(Statistics.Median(measured.Steps.Select(s => s.Forward))),
            BackwardMs = Round(Statistics.Median(measured.Steps.Select(s => s.Backward))),
            OptimizerMs = Round(Statistics.Median(measured.Steps.Select(s => s.Optimizer))),
            TokensPerS = Math.Round(measured.TokensPerSecond, 1),
            PeakBytes = measured.PeakBytes,
            FloorBytes = workload.FloorBytes,
            MemoryBytes = MemoryBytes.Of(measured.BytesAtPeak),
            AllocationsPerStep = measured.NativeAllocations + measured.ManagedBytes,
            NativeAllocationsPerStep = measured.NativeAllocations,
            ManagedBytesPerStep = measured.ManagedBytes,
            BytesMoved = measured.Work?.BytesMoved,
            BytesUnknown = measured.Work?.BytesUnknown,
            Flops = measured.Work?.Flops,
            Launches = measured.Device.Gpu is null ? null : measured.Work?.Launches,
            FloorMs =
                peaks is not null && measured.Work is { } work
                    ? Round(work.FloorMilliseconds(peaks))
                    : null,
            Work = StepWork.Of(measured.Work, peaks),
            GraphNodes = measured.GraphNodes,
            EagerReason = measured.EagerReason,
            HostMs = Round(measured.Host?.Wall),
            HostProcessorMs = Round(measured.Host?.Processor),
            Fallbacks = measured.Fallbacks.Count > 0 ? measured.Fallbacks : null,
            Choices = ChoiceReport.Of(measured.Choices),
            GpuConditions = GpuConditionsReport.Of(measured.Conditions),
        };
    }

    // To the tenth of a microsecond: clocks are no finer.
    private static double Round(double milliseconds) => Math.Round(milliseconds, 4);

    private static double? Round(double? milliseconds) =>
        milliseconds is { } time ? Round(time) : null;
}

/// <summary>A median with what lies around it.</summary>
/// <param name="Median">50th percentile.</param>
/// <param name="P05">5th percentile.</param>
/// <param name="P95">95th percentile.</param>
public sealed record Spread(double Median, double P05, double P95)
{
    /// <summary>The spread of samples, see <see cref="Statistics.Percentile"/>.</summary>
    public static Spread Of(IReadOnlyList<double> samples) =>
        new(
            Math.Round(Statistics.Median(samples), 4),
            Math.Round(Statistics.Percentile(samples, 0.05), 4),
            Math.Round(Statistics.Percentile(samples, 0.95), 4)
        );
}

/// <summary>Bytes by category.</summary>
public sealed record MemoryBytes
{
    /// <summary>A model's weights.</summary>
    public required long Parameters { get; init; }

    /// <summary>Gradients of the weights.</summary>
    public required long Gradients { get; init; }

    /// <summary>An optimizer's state.</summary>
    public required long Optimizer { get; init; }

    /// <summary>What forward keeps for backward.</summary>
    public required long Activations { get; init; }

    /// <summary>What a vendor's library keeps from forward to backward; 0 in reports that did not tell it apart.</summary>
    public long Reserve { get; init; }

    /// <summary>Scratch.</summary>
    public required long Workspace { get; init; }

    /// <summary>Inputs, targets and losses.</summary>
    public required long Io { get; init; }

    /// <summary>What the driver took for recorded steps, as far as the device's free memory tells.</summary>
    public long Graphs { get; init; }

    /// <summary>Bytes of categories; those that are left out are 0.</summary>
    public static MemoryBytes Of(IReadOnlyDictionary<MemoryCategory, long> bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        return new MemoryBytes
        {
            Parameters = In(MemoryCategory.Parameters),
            Gradients = In(MemoryCategory.Gradients),
            Optimizer = In(MemoryCategory.Optimizer),
            Activations = In(MemoryCategory.Activations),
            Reserve = In(MemoryCategory.Reserve),
            Workspace = In(MemoryCategory.Workspace),
            Io = In(MemoryCategory.InputOutput),
            Graphs = In(MemoryCategory.Graphs),
        };

        long In(MemoryCategory category) => bytes.GetValueOrDefault(category);
    }
}
