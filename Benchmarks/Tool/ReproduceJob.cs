using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>Runs that are ready to begin: all data are read, and all files that are named have been tried.</summary>
internal sealed class ReproduceJob : IDisposable
{
    /// <summary>In the order in which they run; the seeds of a preset follow each other.</summary>
    public required IReadOnlyList<ReproduceRun> Runs { get; init; }

    public required int Seeds { get; init; }

    /// <summary>Time of training and validation of each run; null for no limit.</summary>
    public required TimeSpan? Budget { get; init; }

    /// <summary>Time of all runs together, which then come in the order of what they take; null for no limit.</summary>
    public required TimeSpan? TotalBudget { get; init; }

    /// <summary>Runs that cannot be begun for want of data.</summary>
    public IReadOnlyList<LeftRun> Left { get; init; } = [];

    /// <summary>The folder of checkpoints, or null.</summary>
    public required string? Checkpoint { get; init; }

    public required TimeSpan SaveEvery { get; init; }

    /// <summary>How many older checkpoints are kept of each run.</summary>
    public required int Keep { get; init; }

    /// <summary>Where it runs.</summary>
    public required BackendInfo Device { get; init; }

    /// <summary>The CPU's threads, where they are asked for.</summary>
    public required int? Threads { get; init; }

    /// <summary>Makes the backend of a run.</summary>
    public required Func<ReproduceRun, Backend> CreateBackend { get; init; }

    public required OutputFile? Json { get; init; }

    public required OutputFile? Html { get; init; }

    public void Dispose()
    {
        foreach (ReproduceRun run in Runs)
            run.Lock?.Dispose();
    }
}

/// <summary>One seed of a preset.</summary>
/// <param name="Preset">What is trained.</param>
/// <param name="Data">Its data; null where they are drawn.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Checkpoint">Its file, or null.</param>
/// <param name="Saved">What the file says where it is there already.</param>
/// <param name="SavedThreads">The CPU's threads of the run that the file is of; null where there is none, or none is told.</param>
/// <param name="Lock">The right to save to the file; null where there is none.</param>
internal sealed record ReproduceRun(
    Preset Preset,
    TaskData? Data,
    ulong Seed,
    string? Checkpoint,
    CheckpointInfo? Saved,
    int? SavedThreads,
    CheckpointLock? Lock
)
{
    public override string ToString() =>
        FormattableString.Invariant($"{Preset.Task} {Preset.Arch} {Preset.Name}, seed {Seed}");
}
