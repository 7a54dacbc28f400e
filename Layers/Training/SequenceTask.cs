namespace Sequor.Layers;

/// <summary>
/// A dataset whose sequences are generated from random numbers and have one length. Sequence i of a stream is always the same,
/// whatever batch it is in. A task is an endless set on one stream; <see cref="Stream"/> and <see cref="Part"/> make other streams
/// and finite parts of it.
/// </summary>
public abstract class SequenceTask : Dataset
{
    /// <summary>The stream of held-out sequences; training streams are numbered by seed.</summary>
    public const ulong HeldOutStream = ulong.MaxValue;

    private ulong _stream = 1;
    private long _first;
    private int? _count;

    /// <summary>The number of steps of a sequence, at least 1.</summary>
    public abstract int Length { get; }

    /// <inheritdoc/>
    public sealed override int? Count => _count;

    /// <inheritdoc/>
    public override int TargetSize => 1;

    /// <inheritdoc/>
    public sealed override long TotalSteps =>
        (long)Length * Count
        ?? throw new InvalidOperationException(
            $"The dataset '{Name}' is endless: its steps have no number."
        );

    /// <inheritdoc/>
    public sealed override int Shortest => Length;

    /// <inheritdoc/>
    public sealed override int Longest => Length;

    /// <inheritdoc/>
    public sealed override int LengthOf(long sequence) => Length;

    /// <summary>The number of targets of one sequence.</summary>
    public int TargetsPerSequence => OneOutput ? 1 : Length;

    /// <summary>The same task, endless, on another stream. A task that was made by its constructor is on stream 1.</summary>
    /// <param name="stream">The stream's number, usually the training seed.</param>
    public SequenceTask Stream(ulong stream) => Other(stream, 0, null);

    /// <summary>Makes a finite set of consecutive sequences of a stream.</summary>
    /// <param name="stream">The training seed, or <see cref="HeldOutStream"/>.</param>
    /// <param name="first">The number of the first sequence, at least 0.</param>
    /// <param name="count">The number of sequences, at least 1.</param>
    public SequenceTask Part(ulong stream, long first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return Other(stream, first, count);
    }

    /// <summary>Makes a finite set of consecutive held-out sequences.</summary>
    /// <param name="count">The number of sequences, at least 1.</param>
    /// <param name="first">The number of the first sequence, at least 0.</param>
    public SequenceTask HeldOut(int count, long first = 0) => Part(HeldOutStream, first, count);

    /// <inheritdoc/>
    public sealed override void Fill(SequenceBatch batch, int b, long sequence)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var random = new Philox(_stream, (ulong)(_first + sequence));
        FillSequence(batch, b, ref random);
    }

    /// <summary>Writes one sequence: its inputs and its targets.</summary>
    /// <param name="batch">The batch to write to.</param>
    /// <param name="b">The sequence's index in the batch.</param>
    /// <param name="random">The sequence's own random numbers; the task must use no others.</param>
    protected abstract void FillSequence(SequenceBatch batch, int b, ref Philox random);

    private SequenceTask Other(ulong stream, long first, int? count)
    {
        var other = (SequenceTask)MemberwiseClone();
        (other._stream, other._first, other._count) = (stream, first, count);
        return other;
    }
}
