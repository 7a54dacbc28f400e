namespace Sequor.Layers;

/// <summary>
/// A supervised task on sequences of one length: where its data come from and how outputs are judged. Sequence i of a
/// stream is always the same, whatever the batches.
/// </summary>
public abstract class SequenceTask
{
    /// <summary>The stream of held-out sequences; training streams are numbered by seed.</summary>
    public const ulong HeldOut = ulong.MaxValue;

    /// <summary>The task's name in options and reports.</summary>
    public abstract string Name { get; }

    /// <summary>What the loss is called in reports.</summary>
    public abstract string Metric { get; }

    /// <summary>Steps of a sequence.</summary>
    public abstract int Length { get; }

    /// <summary>Channels of the input.</summary>
    public abstract int InputSize { get; }

    /// <summary>Channels of the output.</summary>
    public abstract int OutputSize { get; }

    /// <summary>One output a sequence (true), or one a step.</summary>
    public abstract bool OneOutput { get; }

    /// <summary>The metric of a model that has learned nothing of the sequences; null where it is not known.</summary>
    public virtual double? Baseline => null;

    /// <summary>Targets of one sequence.</summary>
    public int TargetsPerSequence => OneOutput ? 1 : Length;

    /// <summary>The loss that judges a plan's output against this task's targets.</summary>
    public abstract Loss CreateLoss(Plan plan);

    /// <summary>Writes sequences of a stream into a batch.</summary>
    /// <param name="batch">All of its sequences are written.</param>
    /// <param name="stream">The training seed, or <see cref="HeldOut"/>.</param>
    /// <param name="first">Number of the first sequence in the stream.</param>
    public void Fill(Batch batch, ulong stream, long first)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        for (int b = 0; b < batch.Size; b++)
        {
            var random = new Philox(stream, (ulong)(first + b));
            FillSequence(batch, b, ref random);
        }
    }

    /// <summary>Writes one sequence: its inputs x[t, b, c] and its targets.</summary>
    /// <param name="batch">Where to.</param>
    /// <param name="b">Its number in the batch.</param>
    /// <param name="random">The sequence's own random numbers.</param>
    protected abstract void FillSequence(Batch batch, int b, ref Philox random);
}

/// <summary>Inputs and targets of some sequences, in host memory; made once and filled again and again.</summary>
public sealed class Batch
{
    private readonly float[] _x;
    private readonly float[] _targets;

    /// <summary>Room for sequences of a task.</summary>
    /// <param name="task">The task.</param>
    /// <param name="size">Sequences, at least 1.</param>
    public Batch(SequenceTask task, int size)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        Length = task.Length;
        Size = size;
        Channels = task.InputSize;
        _x = new float[checked(Length * size * Channels)];
        _targets = new float[checked(task.TargetsPerSequence * size)];
    }

    /// <summary>Steps.</summary>
    public int Length { get; }

    /// <summary>Sequences.</summary>
    public int Size { get; }

    /// <summary>Channels of the input.</summary>
    public int Channels { get; }

    /// <summary>Inputs [T, B, C].</summary>
    public Span<float> X => _x;

    /// <summary>Targets [T, B], or [B] where there is one output a sequence.</summary>
    public Span<float> Targets => _targets;

    /// <summary>The value of channel c at step t of sequence b.</summary>
    public ref float Input(int t, int b, int c) => ref _x[((t * Size) + b) * Channels + c];

    /// <summary>The target of step t (0 where there is one output) of sequence b.</summary>
    public ref float Target(int t, int b) => ref _targets[t * Size + b];
}
