using System.Runtime.CompilerServices;

namespace Sequor.Layers;

/// <summary>
/// Sequences of a dataset side by side in host memory, the shorter ones padded with zeros to the length of the longest. The memory
/// is allocated once and filled with batch after batch.
/// </summary>
public sealed partial class SequenceBatch
{
    private readonly float[] _x;
    private readonly float[] _targets;
    private readonly float[] _weights;
    private readonly int[] _lengths;
    private readonly long[] _numbers;
    private readonly DatasetShape _shape;
    private readonly int _maxLength;
    private bool _padded;

    /// <summary>Allocates memory for sequences of a dataset.</summary>
    /// <param name="data">The dataset, whose sizes and longest sequence decide how much.</param>
    /// <param name="most">The largest number of sequences, at least 1.</param>
    /// <exception cref="InvalidOperationException">The set is empty, or endless without saying its lengths.</exception>
    public SequenceBatch(Dataset data, int most)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        _shape = DatasetShape.Of(data);
        _maxLength = data.Longest;
        int rows = checked(_maxLength * most);
        int answers = data.OneOutput ? most : rows;
        _x = new float[checked(rows * data.InputSize)];
        _targets = new float[checked(answers * data.TargetSize)];
        // The batch may also be filled by another set of these sizes, whose sequences are padded.
        _weights = new float[data.OneOutput && !data.IsWeighted ? 0 : answers];
        _lengths = new int[most];
        _numbers = new long[most];
    }

    /// <summary>T: the number of steps of the longest sequence in the batch.</summary>
    public int Length { get; private set; }

    /// <summary>B: the number of sequences in the batch.</summary>
    public int Size { get; private set; }

    /// <summary>The largest number of sequences.</summary>
    internal int Capacity => _lengths.Length;

    /// <summary>Inputs [T, B, C].</summary>
    public ReadOnlySpan<float> X => _x.AsSpan(0, Length * Size * _shape.InputSize);

    /// <summary>Targets [T, B, K], or [B, K] if each sequence has one; K is <see cref="Dataset.TargetSize"/>.</summary>
    public ReadOnlySpan<float> Targets => _targets.AsSpan(0, Answers * _shape.TargetSize);

    /// <summary>
    /// The weight in the loss of each step [T, B], or of each sequence [B] if there is one target: 1 unless the set says otherwise, and 0
    /// after a sequence's end. Empty where all weights are equal.
    /// </summary>
    public ReadOnlySpan<float> Mask =>
        _shape.IsWeighted || (_padded && !_shape.OneOutput) ? _weights.AsSpan(0, Answers) : default;

    /// <summary>The number of steps of each sequence; empty if all have T.</summary>
    public ReadOnlySpan<int> Lengths => _padded ? _lengths.AsSpan(0, Size) : default;

    private int Answers => (_shape.OneOutput ? 1 : Length) * Size;

    /// <summary>The input channels of step t of sequence b.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such step or sequence.</exception>
    /// <exception cref="DatasetException">A set that fills one sequence asks for another one, or for steps after its end.</exception>
    public Span<float> Input(int t, int b)
    {
        Require(t, b, Length, "inputs");
        return _x.AsSpan(((t * Size) + b) * _shape.InputSize, _shape.InputSize);
    }

    /// <summary>The numbers of the target of step t of sequence b; t is 0 if each sequence has one target.</summary>
    /// <exception cref="ArgumentOutOfRangeException">As for <see cref="Input"/>.</exception>
    /// <exception cref="DatasetException">As for <see cref="Input"/>.</exception>
    public Span<float> Target(int t, int b)
    {
        Require(t, b, _shape.OneOutput ? 1 : Length, "targets");
        return _targets.AsSpan(((t * Size) + b) * _shape.TargetSize, _shape.TargetSize);
    }

    /// <summary>
    /// The weight of step t of sequence b in the loss, at least 0 and initially 1; t is 0 if each sequence has one target.
    /// </summary>
    /// <exception cref="InvalidOperationException">The set has no weights (<see cref="Dataset.IsWeighted"/>).</exception>
    /// <exception cref="ArgumentOutOfRangeException">As for <see cref="Input"/>.</exception>
    /// <exception cref="DatasetException">As for <see cref="Input"/>.</exception>
    public ref float Weight(int t, int b)
    {
        if (!_shape.IsWeighted)
            throw new InvalidOperationException(
                "The batch is of a dataset without weights: its IsWeighted is false."
            );
        Require(t, b, _shape.OneOutput ? 1 : Length, "weights");
        return ref _weights[(t * Size) + b];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Require(int t, int b, int steps, string what)
    {
        if (
            (uint)b >= (uint)Size
            || (uint)t >= (uint)steps
            || (_filling is not null && !Owns(t, b))
        )
            throw Outside(t, b, steps, what);
    }
}
