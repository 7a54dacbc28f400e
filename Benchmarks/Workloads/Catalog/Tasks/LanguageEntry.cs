using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// A language model: each character or word is foretold from those before it, in a text that the user has. See <see cref="LanguageData"/>.
/// </summary>
/// <remarks>
/// Inputs are class numbers, and a model begins with an <see cref="Embedding"/>: that is one float a step to copy to the device where one-hot
/// vectors had as many as there are classes, and the product with them would read a row of the weights anyway.
/// </remarks>
public abstract class LanguageEntry : TaskEntry
{
    internal const string Loss = "cross-entropy";

    private protected LanguageEntry() { }

    /// <summary>Nats a character or word.</summary>
    public sealed override string Metric => Loss;

    /// <summary>Yes: what comes next is foretold.</summary>
    public sealed override bool NeedsCausal => true;

    /// <inheritdoc/>
    public sealed override bool HasWindows => true;

    /// <summary>Those of a vocabulary as large as is usual; a text's own is known when it has been read.</summary>
    public sealed override ModelEnds Ends => EndsFor(new WindowOptions(UsualVocabulary));

    /// <summary>Whether the output layer has the weights of the embedding.</summary>
    internal virtual bool IsTied => false;

    private protected abstract int UsualVocabulary { get; }

    private protected abstract string Unit { get; }

    /// <inheritdoc/>
    public sealed override ModelEnds EndsFor(WindowOptions? windows)
    {
        windows ??= new WindowOptions(UsualVocabulary);
        return new(
            1,
            windows.Vocabulary,
            OneOutput: false,
            Classes: windows.Vocabulary,
            Tied: IsTied
        );
    }

    /// <inheritdoc/>
    public sealed override void RequireFit(int length, TaskData? data)
    {
        base.RequireFit(length, data);
        Of(data).RequireSequences(length);
    }

    /// <inheritdoc/>
    public sealed override void RequireFit(int length, TaskData? data, WindowOptions? windows)
    {
        RequireFit(length, data);
        if (windows is not null)
            _ = Of(data).Limited(windows.Vocabulary);
    }

    /// <inheritdoc/>
    public sealed override TaskData Limit(TaskData data, int vocabulary) =>
        Of(data).Limited(vocabulary);

    /// <inheritdoc/>
    public sealed override SequenceTask CreateStream(int length, TaskData? data = null)
    {
        RequireFit(length, data);
        return new TokenTask(this, Of(data), length);
    }

    /// <inheritdoc/>
    public sealed override TaskSets CreateSets(
        int length,
        int sequences,
        ulong seed,
        TaskData? data
    ) => CreateSets(length, sequences, seed, data, null);

    /// <inheritdoc/>
    public sealed override TrainingSets CreateWindows(
        int length,
        ulong seed,
        TaskData? data,
        bool carry,
        int context
    )
    {
        RequireFit(length, data);
        if (!carry)
            return TrainingSets.Of(new TokenTask(this, Of(data), length, context), seed);
        ArgumentOutOfRangeException.ThrowIfNotEqual(context, 0);
        var windows = new WindowOptions(Of(data).Vocabulary.Count, Carry: true);
        TaskSets sets = CreateSets(length, 0, seed, data, windows);
        return new TrainingSets(sets.Train, sets.Valid);
    }

    /// <inheritdoc/>
    public sealed override TaskSets CreateSets(
        int length,
        int sequences,
        ulong seed,
        TaskData? data,
        WindowOptions? windows
    )
    {
        RequireFit(length, data, windows);
        windows ??= new WindowOptions(Of(data).Vocabulary.Count);
        LanguageData text = Of(data).Limited(windows.Vocabulary);
        int classes = text.Vocabulary.Count;
        return new TaskSets(
            Cut("train", text.Train),
            Cut("valid", text.Valid),
            Cut("test", text.Test)
        );

        Dataset Cut(string name, ReadOnlyMemory<int> part) =>
            windows.Carry
                ? new TokenSequence(name, part, classes, length, windows.Vocabulary)
                : new TokenWindows(
                    name,
                    part,
                    classes,
                    length,
                    windows.Context,
                    windows.Vocabulary
                );
    }

    private LanguageData Of(TaskData? data) =>
        data is LanguageData text && text.Unit == Unit
            ? text
            : throw new ArgumentException(
                $"The task {Name} needs a text in {Unit}s, not {data?.GetType().Name ?? "nothing"}.",
                nameof(data)
            );
}
