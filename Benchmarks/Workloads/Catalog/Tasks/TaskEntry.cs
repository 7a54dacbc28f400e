using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>A task of the catalogue: where its data come from, what a model for it looks like and how it is judged.</summary>
public abstract class TaskEntry : IEntry
{
    private protected TaskEntry() { }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public abstract int Order { get; }

    /// <summary>What the loss is called in reports.</summary>
    public abstract string Metric { get; }

    /// <summary>What it asks of a model's two ends.</summary>
    public abstract ModelEnds Ends { get; }

    /// <summary>The file that the data come from; null where they are drawn.</summary>
    public virtual DataFile? File => null;

    /// <summary>Whether it has endless sequences of any length, to be measured and trained on step by step.</summary>
    public virtual bool IsStream => true;

    /// <summary>The least T, where <see cref="IsStream"/>.</summary>
    public virtual int LeastLength => 1;

    /// <summary>What T is where it is not the steps of a sequence; null where it is.</summary>
    public virtual string? LengthNote => null;

    /// <summary>Reads the data.</summary>
    /// <param name="path">A <see cref="File"/>.</param>
    /// <exception cref="TaskDataException">The file has not these data.</exception>
    /// <exception cref="IOException">The file is not there or cannot be read.</exception>
    /// <exception cref="InvalidOperationException">The data are drawn.</exception>
    public virtual TaskData Load(string path) =>
        throw new InvalidOperationException($"The task {Name} takes no data: they are drawn.");

    /// <summary>Endless sequences of one length.</summary>
    /// <param name="length">T as the papers count it, at least <see cref="LeastLength"/>.</param>
    /// <param name="data">What <see cref="Load"/> gave; null where the data are drawn.</param>
    /// <exception cref="ArgumentException">It does not come in this length, or data are missing or too few.</exception>
    /// <exception cref="InvalidOperationException">The task has none: see <see cref="IsStream"/>.</exception>
    public abstract SequenceTask CreateStream(int length, TaskData? data = null);

    /// <summary>Finite sets to train on epoch by epoch.</summary>
    /// <param name="length">T, where <see cref="IsStream"/>.</param>
    /// <param name="sequences">Sequences of an epoch, where the data are drawn.</param>
    /// <param name="seed">Decides what is drawn.</param>
    /// <param name="data">What <see cref="Load"/> gave; null where the data are drawn.</param>
    public abstract TaskSets CreateSets(int length, int sequences, ulong seed, TaskData? data);

    /// <summary>
    /// Whether data of a file are given where the task needs them, and none where they are drawn; and whether they have sequences
    /// of a length.
    /// </summary>
    /// <param name="length">T, where <see cref="IsStream"/>.</param>
    /// <param name="data">What <see cref="Load"/> gave; null where the data are drawn.</param>
    /// <exception cref="ArgumentException">Data are missing, or there are some too many.</exception>
    /// <exception cref="TaskDataException">They are too few.</exception>
    public virtual void RequireFit(int length, TaskData? data)
    {
        if (File is not null != data is not null)
            throw new ArgumentException(
                File is not null
                    ? $"The task {Name} needs data."
                    : $"The task {Name} takes no data: they are drawn.",
                nameof(data)
            );
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A file that the data of a task come from. Sequor has none of them.</summary>
/// <param name="Name">Its name, by which it is found in a folder; null where it is called as its owner likes.</param>
/// <param name="Source">Where it is to be had.</param>
public sealed record DataFile(string? Name, string Source)
{
    /// <summary>Name and source, for messages.</summary>
    public override string ToString() => Name is null ? Source : $"{Name}, from {Source}";
}

/// <summary>Finite sets of a task.</summary>
/// <param name="Train">To train on.</param>
/// <param name="Valid">By which the best epoch is chosen.</param>
/// <param name="Test">That the result is measured on.</param>
public sealed record TaskSets(Dataset Train, Dataset Valid, Dataset Test);
