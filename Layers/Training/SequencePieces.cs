namespace Sequor.Layers;

/// <summary>Some sequences of a task's endless stream as a set of pieces, drawn anew each time they are asked for.</summary>
public sealed class SequencePieces : PieceSet
{
    private readonly SequenceTask _task;
    private readonly Batch _one;
    private readonly ulong _stream;
    private readonly long _first;

    /// <summary>Sequences of a stream.</summary>
    /// <param name="name">What messages call the set.</param>
    /// <param name="task">The task.</param>
    /// <param name="stream">The training seed, or <see cref="SequenceTask.HeldOut"/>.</param>
    /// <param name="first">Number of the first one, at least 0.</param>
    /// <param name="count">How many, at least 1.</param>
    public SequencePieces(string name, SequenceTask task, ulong stream, long first, int count)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Name = name;
        _task = task;
        (_stream, _first) = (stream, first);
        Count = count;
        _one = new Batch(task, 1);
        TargetSize = _one.Targets.Length / task.TargetsPerSequence;
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override int Count { get; }

    /// <inheritdoc/>
    public override int InputSize => _task.InputSize;

    /// <inheritdoc/>
    public override int TargetSize { get; }

    /// <inheritdoc/>
    public override bool OneTarget => _task.OneOutput;

    /// <inheritdoc/>
    public override int StepsOf(int piece) => _task.Length;

    /// <inheritdoc/>
    public override void Fill(PieceBatch batch, int b, int piece)
    {
        ArgumentNullException.ThrowIfNull(batch);
        _task.Fill(_one, _stream, _first + piece);
        for (int t = 0; t < _task.Length; t++)
            _one.X.Slice(t * InputSize, InputSize).CopyTo(batch.Input(t, b));
        for (int t = 0; t < _task.TargetsPerSequence; t++)
            _one.Targets.Slice(t * TargetSize, TargetSize).CopyTo(batch.Target(t, b));
    }
}
