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

    /// <summary>
    /// What results are told in, and compared with papers in; the loss stays what is trained on, and what decides which epoch is the best.
    /// </summary>
    public virtual TaskScore Score => TaskScore.OfLoss(Metric);

    /// <summary>The files that data are read from; none where they are always drawn.</summary>
    public virtual IReadOnlyList<DataFile> Files => [];

    /// <summary>Whether data are drawn where no files are given.</summary>
    public virtual bool IsDrawn => Files.Count == 0;

    /// <summary>Whether a step may be answered by what comes before it alone, as where what comes next is to be foretold.</summary>
    public virtual bool NeedsCausal => false;

    /// <summary>
    /// Whether its sequences are windows of a text, whose characters or words are the classes of a model: <see cref="WindowOptions"/>.
    /// </summary>
    public virtual bool HasWindows => false;

    /// <summary>Whether its sequences can have any length; else the data decide their lengths.</summary>
    public virtual bool IsStream => true;

    /// <summary>The least T, where <see cref="IsStream"/>.</summary>
    public virtual int LeastLength => 1;

    /// <summary>The largest T of sequences that are drawn.</summary>
    public virtual int MostDrawnLength => Limits.Length;

    /// <summary>Whether there are sequences of a T, where <see cref="IsStream"/>.</summary>
    /// <param name="length">T.</param>
    /// <param name="drawn">Whether they are drawn.</param>
    public bool Allows(int length, bool drawn) =>
        length >= LeastLength && (!drawn || length <= MostDrawnLength);

    /// <summary>What <see cref="Allows"/> allows, in words.</summary>
    public string Lengths(bool drawn) =>
        drawn && MostDrawnLength < Limits.Length
            ? FormattableString.Invariant($"{LeastLength} to {MostDrawnLength}")
            : FormattableString.Invariant($"at least {LeastLength}");

    /// <summary>What T is where it is not the steps of a sequence; null where it is.</summary>
    public virtual string? LengthNote => null;

    /// <summary>Reads the data.</summary>
    /// <param name="path">Where there is one of <see cref="Files"/>, that file; else, or as well, a folder that has them all.</param>
    /// <exception cref="TaskDataException">Files are missing, or have not these data.</exception>
    /// <exception cref="IOException">A file is not there or cannot be read.</exception>
    /// <exception cref="InvalidOperationException">The data are always drawn.</exception>
    public virtual TaskData Load(string path) =>
        throw new InvalidOperationException($"The task {Name} takes no data: they are drawn.");

    /// <summary>Endless sequences of one length, to be measured step by step.</summary>
    /// <param name="length">T as the papers count it, at least <see cref="LeastLength"/>; 0 without <see cref="IsStream"/>.</param>
    /// <param name="data">What <see cref="Load"/> gave; null where the data are drawn.</param>
    /// <exception cref="ArgumentException">It does not come in this length, or data are missing or too few.</exception>
    public abstract SequenceTask CreateStream(int length, TaskData? data = null);

    /// <summary>What is trained on step by step, in epochs or without end, and what the model is judged by meanwhile.</summary>
    /// <param name="length">As for <see cref="CreateStream"/>.</param>
    /// <param name="seed">Decides what is drawn to train on.</param>
    /// <param name="data">What <see cref="Load"/> gave; null where the data are drawn.</param>
    /// <exception cref="ArgumentException">As for <see cref="CreateStream"/>.</exception>
    public virtual TrainingSets CreateTraining(int length, ulong seed, TaskData? data = null) =>
        TrainingSets.Of(CreateStream(length, data), seed);

    /// <summary>
    /// The same of a text: window after window in its order, for states that are carried, or windows that begin anywhere, whose first
    /// steps are context for the others and do not count.
    /// </summary>
    /// <param name="length">As for <see cref="CreateStream"/>.</param>
    /// <param name="seed">As for <see cref="CreateTraining"/>.</param>
    /// <param name="data">What <see cref="Load"/> gave.</param>
    /// <param name="carry">Whether states are carried.</param>
    /// <param name="context">Steps that do not count, 0 to T - 1; 0 where states are carried.</param>
    /// <exception cref="ArgumentException">As for <see cref="CreateStream"/>, or the context is out of range.</exception>
    /// <exception cref="InvalidOperationException">The task has no windows.</exception>
    public virtual TrainingSets CreateWindows(
        int length,
        ulong seed,
        TaskData? data,
        bool carry,
        int context
    ) => throw NoWindows();

    /// <summary>Finite sets to train on epoch by epoch.</summary>
    /// <param name="length">T, where <see cref="IsStream"/>.</param>
    /// <param name="sequences">Sequences of an epoch, where the data are drawn.</param>
    /// <param name="seed">Decides what is drawn.</param>
    /// <param name="data">What <see cref="Load"/> gave; null where the data are drawn.</param>
    public abstract TaskSets CreateSets(int length, int sequences, ulong seed, TaskData? data);

    /// <summary>The same of a task that may have windows.</summary>
    /// <param name="length">As for the other overload.</param>
    /// <param name="sequences">As for the other overload.</param>
    /// <param name="seed">As for the other overload.</param>
    /// <param name="data">As for the other overload.</param>
    /// <param name="windows">How a text is cut; null for a task that <see cref="HasWindows">has none</see>.</param>
    /// <exception cref="TaskDataException">The text has more characters than the model.</exception>
    public virtual TaskSets CreateSets(
        int length,
        int sequences,
        ulong seed,
        TaskData? data,
        WindowOptions? windows
    ) => windows is null ? CreateSets(length, sequences, seed, data) : throw NoWindows();

    /// <summary>What it asks of the two ends of a model that knows so many characters or words.</summary>
    /// <param name="windows">As for <see cref="CreateSets(int, int, ulong, TaskData?, WindowOptions?)"/>.</param>
    public virtual ModelEnds EndsFor(WindowOptions? windows) =>
        windows is null ? Ends : throw NoWindows();

    /// <summary>The same text with at most so many words.</summary>
    /// <param name="data">What <see cref="Load"/> gave.</param>
    /// <param name="vocabulary">The largest number, at least 2.</param>
    /// <exception cref="TaskDataException">There are more characters.</exception>
    /// <exception cref="InvalidOperationException">The task has no windows.</exception>
    public virtual TaskData Limit(TaskData data, int vocabulary) => throw NoWindows();

    /// <summary>
    /// The files that <see cref="Load"/> reads of a folder, where <see cref="Files"/> are called as their owner likes; null where it takes
    /// no folder then.
    /// </summary>
    /// <exception cref="TaskDataException">The folder lacks some.</exception>
    public virtual IReadOnlyList<string>? FilesIn(string folder) => null;

    private InvalidOperationException NoWindows() =>
        new($"The task {Name} has no windows of a text.");

    /// <summary>
    /// The test sequences, of which those answers alone count that had to be remembered: the share of right ones is told beside the
    /// score. Null where all answers count alike.
    /// </summary>
    /// <param name="length">As for <see cref="CreateStream"/>.</param>
    public virtual Dataset? CreateRecall(int length) => null;

    /// <summary>
    /// Whether data of files are given where the task needs them, and none where they are always drawn; and whether they have sequences
    /// of a length.
    /// </summary>
    /// <param name="length">T, where <see cref="IsStream"/>.</param>
    /// <param name="data">What <see cref="Load"/> gave; null where the data are drawn.</param>
    /// <exception cref="ArgumentException">Data are missing, or there are some too many.</exception>
    /// <exception cref="TaskDataException">They are too few.</exception>
    public virtual void RequireFit(int length, TaskData? data)
    {
        if (data is null ? !IsDrawn : Files.Count == 0)
            throw new ArgumentException(
                data is null
                    ? $"The task {Name} needs data."
                    : $"The task {Name} takes no data: they are drawn.",
                nameof(data)
            );
    }

    /// <summary>The same, and whether a model knows as many characters.</summary>
    /// <param name="length">As for the other overload.</param>
    /// <param name="data">As for the other overload.</param>
    /// <param name="windows">As for <see cref="CreateSets(int, int, ulong, TaskData?, WindowOptions?)"/>.</param>
    /// <exception cref="ArgumentException">As for the other overload.</exception>
    /// <exception cref="TaskDataException">As for the other overload, or there are too many characters.</exception>
    public virtual void RequireFit(int length, TaskData? data, WindowOptions? windows) =>
        RequireFit(length, data);

    /// <summary>Refuses a length where the data decide it.</summary>
    /// <exception cref="ArgumentException">It is not 0.</exception>
    private protected void RequireNoLength(int length)
    {
        if (length != 0)
            throw new ArgumentException(
                $"The data of the task {Name} decide how long its sequences are, and T is 0, not {length}.",
                nameof(length)
            );
    }

    /// <summary>The only one of <see cref="Files"/>, which a path names or has in it.</summary>
    /// <exception cref="TaskDataException">It is a folder without the file.</exception>
    private protected string OnlyFile(string path)
    {
        DataFile file = Files.Single();
        if (!Directory.Exists(path))
            return path;
        return file.Name is null
            ? throw new TaskDataException(
                $"'{path}' is a folder, and the task {Name} needs a file: {file}"
            )
            : DataFile.FindAll(Files, path)[0];
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>Finite sets of a task.</summary>
/// <param name="Train">To train on.</param>
/// <param name="Valid">By which the best epoch is chosen.</param>
/// <param name="Test">That the result is measured on.</param>
public sealed record TaskSets(Dataset Train, Dataset Valid, Dataset Test);

/// <summary>What is trained on step by step.</summary>
/// <param name="Train">To train on: finite, which makes epochs, or endless.</param>
/// <param name="HeldOut">A finite set that the model is judged by.</param>
public sealed record TrainingSets(Dataset Train, Dataset HeldOut)
{
    private const int HeldOutCount = 1000;

    /// <summary>An endless stream, and sequences that are held out of it.</summary>
    internal static TrainingSets Of(SequenceTask task, ulong seed) =>
        new(task.Stream(seed), task.HeldOut(HeldOutCount));
}
