using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>A training run as a file: schema sequor.train/1.</summary>
public sealed record TrainReport() : DeviceRunReport("sequor.train/1")
{
    /// <summary>The device's name.</summary>
    [JsonPropertyOrder(KeyOrder.Device)]
    public required string Device { get; init; }

    /// <summary>The task's name.</summary>
    public required string Task { get; init; }

    /// <summary>The architecture's name.</summary>
    public required string Arch { get; init; }

    /// <summary>T, as the task counts it.</summary>
    public required int Length { get; init; }

    /// <summary>Whether states were carried from window to window; null where they were not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Carry { get; init; }

    /// <summary>Outputs at the beginning of a window that did not count; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Context { get; init; }

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

    /// <summary>The optimizer's name.</summary>
    public required string Optimizer { get; init; }

    /// <summary>Learning rate.</summary>
    public required float Lr { get; init; }

    /// <summary>Largest norm of the gradients; null for none.</summary>
    public required float? Clip { get; init; }

    /// <summary>Steps done, those before a resumption included.</summary>
    public long Steps { get; init; }

    /// <summary>Steps asked for.</summary>
    public required long StepsAsked { get; init; }

    /// <summary>The step that a resumed run began after; 0 for one from the beginning.</summary>
    public long ResumedAt { get; init; }

    /// <summary>Seed of parameters, data and dropout.</summary>
    public required ulong Seed { get; init; }

    /// <summary>What is measured: mse or cross-entropy.</summary>
    public required string Metric { get; init; }

    /// <summary>What the task's results are told in.</summary>
    public required string Score { get; init; }

    /// <summary>[step, loss of its batch], thinned to at most about 2,000.</summary>
    public IReadOnlyList<double[]> TrainLoss { get; init; } = [];

    /// <summary>[step, value on the held-out set] of the evaluations on the way.</summary>
    public IReadOnlyList<double[]> HeldOut { get; init; } = [];

    /// <summary>The value on the held-out set; null where the run ended before.</summary>
    public double? Final { get; init; }

    /// <summary>The same as the task's results are told; null where the run ended before.</summary>
    public double? FinalScore { get; init; }

    /// <summary>Whether the run was ended from outside.</summary>
    public bool Interrupted { get; init; }

    /// <summary>Operations of the CUDA graph that steps were replayed as; 0 where they ran as they are.</summary>
    public long GraphNodes { get; init; }

    /// <summary>Why steps ran as they are; null where they did not.</summary>
    public string? EagerReason { get; init; }

    /// <summary>What was computed in another way than was asked for, and why; only where something was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Fallbacks { get; init; }

    /// <summary>What was chosen for the shapes of the model; only on a GPU.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ChoiceReport>? Choices { get; init; }

    /// <summary>The GPU's state during the steps; only on a GPU.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GpuConditionsReport? GpuConditions { get; init; }

    /// <summary>Seconds of training and evaluation.</summary>
    public double Seconds { get; init; }
}
