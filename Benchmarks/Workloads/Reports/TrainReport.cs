using System.Text.Json.Serialization;

namespace Sequor.Workloads;

/// <summary>A training run as a file: schema sequor.train/1.</summary>
public sealed record TrainReport
{
    /// <summary>Names the format.</summary>
    public string Schema { get; init; } = "sequor.train/1";

    /// <summary>What it ran on.</summary>
    public required Machine Machine { get; init; }

    /// <summary>The device's name.</summary>
    public required string Device { get; init; }

    /// <summary>Host threads that computed.</summary>
    public required int Threads { get; init; }

    /// <summary>The task's name.</summary>
    public required string Task { get; init; }

    /// <summary>The architecture's name.</summary>
    public required string Arch { get; init; }

    /// <summary>T, as the task counts it.</summary>
    public required int Length { get; init; }

    /// <summary>Sequences a step.</summary>
    public required int Batch { get; init; }

    /// <summary>Hidden units or channels.</summary>
    public required int Hidden { get; init; }

    /// <summary>Layers, levels or blocks.</summary>
    public required int Layers { get; init; }

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

    /// <summary>[step, loss of its batch], thinned to at most about 2,000.</summary>
    public IReadOnlyList<double[]> TrainLoss { get; init; } = [];

    /// <summary>[step, value on the held-out set] of the evaluations on the way.</summary>
    public IReadOnlyList<double[]> HeldOut { get; init; } = [];

    /// <summary>The value on the held-out set; null where the run was interrupted before.</summary>
    public double? Final { get; init; }

    /// <summary>Whether the run was ended from outside.</summary>
    public bool Interrupted { get; init; }

    /// <summary>Seconds of training and evaluation.</summary>
    public double Seconds { get; init; }
}

/// <summary>What this machine has, as a file: schema sequor.doctor/1.</summary>
public sealed record DoctorReport
{
    /// <summary>Names the format.</summary>
    public string Schema { get; init; } = "sequor.doctor/1";

    /// <summary>This machine.</summary>
    public required Machine Machine { get; init; }

    /// <summary>Whether there is a GPU to compute on.</summary>
    public required Availability Cuda { get; init; }

    /// <summary>Native libraries found; none are used yet.</summary>
    public required IReadOnlyList<string> Libraries { get; init; }

    /// <summary>Matrix products on one thread and on all.</summary>
    public required Throughput MatrixProduct { get; init; }
}

/// <summary>Whether something is there.</summary>
/// <param name="Available">It is.</param>
/// <param name="Reason">Why not; null where it is.</param>
public sealed record Availability(bool Available, string? Reason);

/// <summary>Speed of the CPU backend's matrix product, in 10^9 multiplications and additions a second.</summary>
/// <param name="OneThread">On one thread.</param>
/// <param name="AllThreads">On all cores.</param>
/// <param name="Threads">How many they are.</param>
public sealed record Throughput(
    [property: JsonPropertyName("one_thread_gflops")] double OneThread,
    [property: JsonPropertyName("all_threads_gflops")] double AllThreads,
    int Threads
);
