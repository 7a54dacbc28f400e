namespace Sequor.Layers;

/// <summary>
/// A source of sequences for training and evaluation: a finite set or an endless stream, with sequences of equal or differing
/// lengths, and one target per sequence or one per step.
/// </summary>
/// <remarks>
/// The sizes that a set reports must not change while it is in use, and a sequence must have the same values each time that it is
/// asked for, as training that resumes asks again. If a set changes its sizes, fills a sequence beyond its end or gives a class
/// that does not exist, the caller gets a <see cref="DatasetException"/>, and the trainer stays as it was before the step.
/// </remarks>
/// <example>
/// <code>
/// private sealed class Waves : Dataset
/// {
///     public override string Name => "waves";
///     public override int? Count => 100;
///     public override int InputSize => 1;
///     public override int OutputSize => 1;
///     public override int TargetSize => 1;
///     public override bool OneOutput => false; // a target for each step
///     public override string Metric => "mean squared error";
///
///     public override Loss CreateLoss(Plan plan) => new MeanSquaredError(plan);
///
///     public override int LengthOf(long sequence) => 20 + (int)(sequence % 10);
///
///     public override void Fill(SequenceBatch batch, int b, long sequence)
///     {
///         for (int t = 0; t &lt; LengthOf(sequence); t++)
///         {
///             batch.Input(t, b)[0] = MathF.Sin(0.1f * (t + sequence));
///             batch.Target(t, b)[0] = MathF.Sin(0.1f * (t + 1 + sequence));
///         }
///     }
/// }
/// </code>
/// </example>
public abstract class Dataset
{
    private (long Total, int Shortest, int Longest)? _steps;

    /// <summary>The name of the set in messages and reports: train, valid, or a task's name.</summary>
    public abstract string Name { get; }

    /// <summary>Number of sequences, at least 1; null for an endless stream.</summary>
    public abstract int? Count { get; }

    /// <summary>Number of input channels; 1 if the input is a class for an <see cref="Embedding"/>.</summary>
    public abstract int InputSize { get; }

    /// <summary>If the inputs are classes, whole numbers from 0 on, the number of classes; null where they are any numbers.</summary>
    public virtual int? InputClasses => null;

    /// <summary>Number of output channels that a model needs for the loss.</summary>
    public abstract int OutputSize { get; }

    /// <summary>How many numbers a target has: 1 for a class, otherwise usually as many as the output has channels.</summary>
    public abstract int TargetSize { get; }

    /// <summary>If the targets are classes, whole numbers from 0 on, the number of classes; null where they are any numbers.</summary>
    public virtual int? TargetClasses => null;

    /// <summary>A target that means that there is no class, which the loss ignores; null if every target is a class.</summary>
    public virtual int? IgnoredClass => null;

    /// <summary>Whether a sequence has one target, for one output of the model (true), or one target per step (false).</summary>
    public abstract bool OneOutput { get; }

    /// <summary>Whether steps, or sequences if there is one output, have different weights: <see cref="SequenceBatch.Weight"/>.</summary>
    public virtual bool IsWeighted => false;

    /// <summary>
    /// Whether a finite set is one sequence in windows: each begins where the one before it ends, and only the last may be shorter than the
    /// others. With <see cref="TrainingOptions.Carry"/> the windows are taken in their order and states are carried from one to the next.
    /// </summary>
    public virtual bool IsContinuous => false;

    /// <summary>
    /// Whether sequences may be filled ahead, on another thread: while a step runs, the batch of the next one is filled where that takes more
    /// than a fiftieth of a step, and meanwhile all members of the set may be called on the trainer's thread. Sets that only read what they
    /// have, and draw from numbers of their own for each sequence, can say so.
    /// </summary>
    public virtual bool CanPrepareAhead => false;

    /// <summary>The name of the loss in reports.</summary>
    public abstract string Metric { get; }

    /// <summary>The value of the metric for a model that has learned nothing from the sequences; null if it is not known.</summary>
    public virtual double? Baseline => null;

    /// <summary>Makes the loss that compares a plan's output with the targets.</summary>
    public abstract Loss CreateLoss(Plan plan);

    /// <summary>Number of steps of a sequence, at least 1.</summary>
    /// <param name="sequence">Its number, from 0.</param>
    public abstract int LengthOf(long sequence);

    /// <summary>
    /// Writes the inputs and targets of a sequence, and its weights if the set has weights. Before the call, inputs and targets are 0 and
    /// weights are 1.
    /// </summary>
    /// <param name="batch">The batch to write to, through <see cref="SequenceBatch.Input"/> and <see cref="SequenceBatch.Target"/>.</param>
    /// <param name="b">The sequence's index in the batch.</param>
    /// <param name="sequence">The sequence's number, from 0.</param>
    public abstract void Fill(SequenceBatch batch, int b, long sequence);

    /// <summary>Number of steps of all sequences together.</summary>
    /// <exception cref="InvalidOperationException">The set is endless, or empty, or has a sequence without steps.</exception>
    public virtual long TotalSteps => Steps.Total;

    /// <summary>Number of steps of the shortest sequence. An endless set has to override this.</summary>
    /// <exception cref="InvalidOperationException">The set is empty or has a sequence without steps; or is endless and does not say.</exception>
    public virtual int Shortest => Steps.Shortest;

    /// <summary>Number of steps of the longest sequence. An endless set has to override this.</summary>
    /// <exception cref="InvalidOperationException">As for <see cref="Shortest"/>.</exception>
    public virtual int Longest => Steps.Longest;

    /// <summary>Throws for a set from which nothing can be learned, or which does not fit a model.</summary>
    /// <exception cref="ArgumentException">The set is empty, a size is below 1, or sizes or classes differ from the model's.</exception>
    internal void RequireFit(Layer model, string name)
    {
        try
        {
            RequireSound();
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException(e.Message, name, e);
        }
        if (model.InputSize != InputSize || model.OutputSize != OutputSize)
            throw new ArgumentException(
                $"The dataset '{Name}' has {InputSize} channels in and {OutputSize} out, the model {model.InputSize} and {model.OutputSize}.",
                nameof(model)
            );
        if (model.InputClasses is { } classes && InputClasses is { } given && given > classes)
            throw new ArgumentException(
                $"The dataset '{Name}' has {given} classes of input, the model {classes}.",
                nameof(model)
            );
    }

    private void RequireSound()
    {
        if (Count < 1)
            throw new InvalidOperationException(
                $"The dataset '{Name}' is empty: it has no sequences."
            );
        Require(InputSize, nameof(InputSize));
        Require(OutputSize, nameof(OutputSize));
        Require(TargetSize, nameof(TargetSize));
        Require(Shortest, nameof(Shortest));
        if (Longest < Shortest)
            throw new InvalidOperationException(
                $"The dataset '{Name}' has {Longest} for Longest and {Shortest} for Shortest."
            );
    }

    private void Require(int size, string what)
    {
        if (size < 1)
            throw new InvalidOperationException(
                $"The dataset '{Name}' has {size} for {what}; at least 1 is needed."
            );
    }

    private (long Total, int Shortest, int Longest) Steps => _steps ??= CountSteps();

    private (long, int, int) CountSteps()
    {
        int count =
            Count
            ?? throw new InvalidOperationException(
                $"The dataset '{Name}' is endless: it has to say Shortest and Longest itself."
            );
        if (count < 1)
            throw new InvalidOperationException(
                $"The dataset '{Name}' is empty: it has no sequences."
            );
        long total = 0;
        int shortest = int.MaxValue;
        int longest = 0;
        for (int i = 0; i < count; i++)
        {
            int steps = LengthOf(i);
            if (steps < 1)
                throw new InvalidOperationException(
                    $"Sequence {i} of the dataset '{Name}' has {Amount.Of(steps, "step")}; at least 1 is needed."
                );
            total += steps;
            shortest = Math.Min(shortest, steps);
            longest = Math.Max(longest, steps);
        }
        return (total, shortest, longest);
    }
}
