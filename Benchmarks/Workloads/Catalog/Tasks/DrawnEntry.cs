using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>A task whose data are drawn.</summary>
public abstract class DrawnEntry : TaskEntry
{
    // Enough that a mean over them has two digits.
    private const int HeldOut = 1000;

    private protected DrawnEntry() { }

    /// <inheritdoc/>
    public override string Metric => Shortest.Metric;

    /// <inheritdoc/>
    public override ModelEnds Ends => ModelEnds.Of(Shortest);

    // What does not go by the length is the same in all.
    private SequenceTask Shortest => Create(LeastLength);

    /// <inheritdoc/>
    public override SequenceTask CreateStream(int length, TaskData? data = null)
    {
        RequireFit(length, data);
        return Create(length);
    }

    /// <inheritdoc/>
    public override TaskSets CreateSets(int length, int sequences, ulong seed, TaskData? data)
    {
        SequenceTask task = CreateStream(length, data);
        return new TaskSets(task.Part(seed, 0, sequences), task.HeldOut(HeldOut), Test(task));
    }

    /// <summary>The part of a task that results are measured on.</summary>
    private protected static SequenceTask Test(SequenceTask task) =>
        task.HeldOut(HeldOut, first: HeldOut);

    private protected abstract SequenceTask Create(int length);
}
