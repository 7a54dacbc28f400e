using System.Text.Json.Serialization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Profiled training steps as a file: schema sequor.profile/1.</summary>
public sealed record ProfileReport() : StepsReport("sequor.profile/1")
{
    /// <summary>What the device reached in this run, which floors are of; null where it ended before, or had no memory for it.</summary>
    public PeaksReport? Peaks { get; init; }

    /// <summary>One an architecture.</summary>
    public required IReadOnlyList<ProfileResult> Results { get; init; }
}

/// <summary>Where the time and the memory of one architecture's step go.</summary>
public sealed record ProfileResult
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
    public required int Depth { get; init; }

    /// <summary>What of the model is not as usual for the width and the depth; null for nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Variant { get; init; }

    /// <summary>Trained values.</summary>
    public required long Parameters { get; init; }

    /// <summary>The whole step without a profile.</summary>
    public required Spread StepMs { get; init; }

    /// <summary>The whole step without a profile, each.</summary>
    public required IReadOnlyList<double> SamplesMs { get; init; }

    /// <summary>The profiled step that the rows are of: the one nearest to the median step without a profile.</summary>
    public required double ProfiledMs { get; init; }

    /// <summary>The profiled steps, each.</summary>
    public required IReadOnlyList<double> ProfiledSamplesMs { get; init; }

    /// <summary>What the profile adds to a step, as a fraction of the step without one: 0.01 is a hundredth.</summary>
    public required double Overhead { get; init; }

    /// <summary>Steps of sequences in a second, without a profile.</summary>
    public required double TokensPerS { get; init; }

    /// <summary>The most memory at one time.</summary>
    public required long PeakBytes { get; init; }

    /// <summary>The memory allocated while the steps ran, to which the rows' held bytes add up.</summary>
    public required long HeldBytes { get; init; }

    /// <summary>The peak by category.</summary>
    public required MemoryBytes MemoryBytes { get; init; }

    /// <summary>Operations of the CUDA graph that a step without a profile was replayed as; 0 where steps ran as they are.</summary>
    public required long GraphNodes { get; init; }

    /// <summary>Whether the profiled step was replayed as a graph.</summary>
    public required bool ProfiledGraph { get; init; }

    /// <summary>Why steps ran as they are; only where they did.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? EagerReason { get; init; }

    /// <summary>What was computed in another way than was asked for, and why; only where something was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Fallbacks { get; init; }

    /// <summary>What was chosen for the shapes of the model; only on a GPU.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ChoiceReport>? Choices { get; init; }

    /// <summary>The GPU's state during the steps with and without a profile; only on a GPU.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GpuConditionsReport? GpuConditions { get; init; }

    /// <summary>What is not as it should be of these figures; only where something is not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Warnings { get; init; }

    /// <summary>The rows: their milliseconds add up to <see cref="ProfiledMs"/>, their held bytes to the ledger's.</summary>
    public required IReadOnlyList<LayerRow> Layers { get; init; }

    /// <summary>When the most memory is in use, and whose it is; null where the profile kept no memory.</summary>
    public required PeakOwners? Peak { get; init; }

    /// <summary>A measurement in the form of the report.</summary>
    /// <param name="profiled">The measurement.</param>
    /// <param name="length">T, as the task counts it.</param>
    /// <param name="peaks">What floors are of; null for no floors.</param>
    public static ProfileResult From(Profiled profiled, int length, MachinePeaks? peaks)
    {
        ArgumentNullException.ThrowIfNull(profiled);
        Workload workload = profiled.Workload;
        double[] samples = Round(profiled.Plain);
        return new ProfileResult
        {
            Arch = workload.Architecture.Name,
            Device = profiled.Device.Device,
            Length = length,
            SequenceLength = workload.Task.Length,
            Batch = workload.Batch,
            Hidden = workload.Width,
            Depth = workload.Depth,
            Variant = workload.Variant.InWords,
            Parameters = workload.Parameters,
            StepMs = Spread.Of(samples),
            SamplesMs = samples,
            ProfiledMs = LayerRows.Milliseconds(profiled.Step.Nanoseconds),
            ProfiledSamplesMs = Round(profiled.WithProfile),
            Overhead = Math.Round(profiled.Overhead, 4),
            TokensPerS = Math.Round(profiled.TokensPerSecond, 1),
            PeakBytes = profiled.PeakBytes,
            HeldBytes = profiled.HeldBytes,
            MemoryBytes = MemoryBytes.Of(profiled.BytesAtPeak),
            GraphNodes = profiled.GraphNodes,
            ProfiledGraph = profiled.Step.IsReplay,
            EagerReason = profiled.EagerReason,
            Fallbacks = profiled.Fallbacks.Count > 0 ? profiled.Fallbacks : null,
            Choices = ChoiceReport.Of(profiled.Choices),
            GpuConditions = GpuConditionsReport.Of(profiled.Conditions),
            Warnings = profiled.Warnings.Count > 0 ? profiled.Warnings : null,
            Layers = LayerRows.Of(profiled.Step, peaks),
            Peak = PeakOwners.Of(profiled.Step),
        };
    }

    // To the tenth of a microsecond: clocks are no finer.
    private static double[] Round(IEnumerable<double> milliseconds) =>
        [.. milliseconds.Select(ms => Math.Round(ms, 4))];
}

/// <summary>One operation of a layer in one pass; if it ran several times with the same shapes, all of them.</summary>
public sealed record LayerRow
{
    /// <summary>The layer's full name, as parameters have it; loss, optimizer, copies or other for what is no layer's.</summary>
    public required string Name { get; init; }

    /// <summary>What the layer is, such as Gru; empty for what is no layer's.</summary>
    public required string Kind { get; init; }

    /// <summary>What was computed.</summary>
    public required string Operation { get; init; }

    /// <summary>forward, loss, backward, update, copy or other.</summary>
    public required string Pass { get; init; }

    /// <summary>The shapes that it worked on.</summary>
    public required string Shapes { get; init; }

    /// <summary>How often it ran.</summary>
    public required int Calls { get; init; }

    /// <summary>Its own time, to the nanosecond.</summary>
    public required double Ms { get; init; }

    /// <summary>Bytes that it has to move; null within a vendor's library, which does not tell.</summary>
    public required long? BytesMoved { get; init; }

    /// <summary>Bytes of memory that the layer holds, in the first of its rows; 0 in the others.</summary>
    public required long BytesHeld { get; init; }

    /// <summary>Operations with floats; null where nothing is known of them.</summary>
    public required long? Flops { get; init; }

    /// <summary>The least time for its bytes and operations at the device's peaks; null where neither is known, or no peak.</summary>
    public required double? FloorMs { get; init; }

    /// <summary>Kernels and library calls, 0 on a CPU; null where it is not known.</summary>
    public required int? Launches { get; init; }
}

/// <summary>The moment of a step at which most bytes are in use.</summary>
public sealed record PeakOwners
{
    /// <summary>Bytes in use then, at most the bytes that are allocated.</summary>
    public required long Bytes { get; init; }

    /// <summary>The layer whose operation runs then.</summary>
    public required string Name { get; init; }

    /// <summary>That operation.</summary>
    public required string Operation { get; init; }

    /// <summary>Its pass.</summary>
    public required string Pass { get; init; }

    /// <summary>Whose bytes they are, the largest first; they add up to <see cref="Bytes"/>.</summary>
    public required IReadOnlyList<PeakOwner> Owners { get; init; }

    /// <summary>The peak of a step; null where its profile kept no memory.</summary>
    public static PeakOwners? Of(ProfiledStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        if (step.Memory.MaxBy(memory => memory.Bytes) is not { } most)
            return null;
        ProfiledOperation operation = step.Operations[most.Operation];
        return new PeakOwners
        {
            Bytes = most.Bytes,
            Name = LayerRows.NameOf(operation.Layer),
            Operation = operation.Operation,
            Pass = LayerRows.NameOf(operation.Pass),
            Owners =
            [
                .. step.PeakOwners.Select(owner => new PeakOwner(
                    LayerRows.NameOf(owner.Layer),
                    LayerRows.NameOf(owner.Category),
                    owner.Bytes
                )),
            ],
        };
    }
}

/// <summary>A layer's share of the memory at the peak.</summary>
/// <param name="Name">The layer's full name, or what stands for what is no layer's.</param>
/// <param name="Category">The category of memory.</param>
/// <param name="Bytes">How much.</param>
public sealed record PeakOwner(string Name, string Category, long Bytes);
