using System.Globalization;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>A training run that is ready to begin.</summary>
internal sealed class TrainJob : IDisposable
{
    private const string ThreadsKey = "threads";
    private const string DeviceKey = "device";
    private const string VersionKey = "version";

    public required TrainingSetup Setup { get; init; }

    public required Backend Backend { get; init; }

    /// <summary>Where the run that the checkpoint to resume is from ran; null where it does not say.</summary>
    public required string? ResumeDevice { get; init; }

    /// <summary>Threads of that run; null where it ran on no CPU.</summary>
    public required int? ResumeThreads { get; init; }

    public required long Steps { get; init; }

    public required string? Resume { get; init; }

    public required string? Checkpoint { get; init; }

    public required long CheckpointEvery { get; init; }

    /// <summary>How many older checkpoints are kept.</summary>
    public required int Keep { get; init; }

    public required long? EvaluateEvery { get; init; }

    /// <summary>The most steps whose losses are read together.</summary>
    public required int LogEvery { get; init; }

    public required OutputFile? Json { get; init; }

    public required OutputFile? CheckpointFile { get; init; }

    /// <summary>The right to save to the checkpoint; null where there is none.</summary>
    public required CheckpointLock? Lock { get; init; }

    /// <summary>What a checkpoint of this run says of it.</summary>
    public Dictionary<string, string> Metadata()
    {
        Dictionary<string, string> texts = Setup.ToMetadata();
        texts[DeviceKey] = Backend.Info.Device;
        texts[ThreadsKey] = Backend.Info.Threads.ToString(CultureInfo.InvariantCulture);
        texts[VersionKey] = Machine.Version;
        return texts;
    }

    public void Dispose()
    {
        Lock?.Dispose();
        Backend.Dispose();
    }
}
