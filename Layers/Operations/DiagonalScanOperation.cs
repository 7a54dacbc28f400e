namespace Sequor.Layers;

/// <summary>A scan of N complex channels, for its largest shape.</summary>
/// <param name="StateSize">N.</param>
/// <param name="MaxLength">Most steps.</param>
/// <param name="MaxBatch">Most sequences.</param>
internal readonly record struct DiagonalScanDescriptor(int StateSize, int MaxLength, int MaxBatch)
{
    /// <summary>There is a backward pass.</summary>
    public bool Training { get; init; } = true;

    /// <summary>The rows may be packed.</summary>
    public bool VariableLengths { get; init; }
}

/// <summary>
/// A linear recurrence with a complex diagonal: x_t = lambda x_{t-1} + u_t, or lambda x_{t+1} + u_t in reverse. It is that of
/// an LRU, an S4D or an S5, whatever their lambda and u are made of. States and inputs are interleaved (re, im) pairs,
/// [T, B, 2N]; lambda is [N, 2]. What scales u, and what makes real values of x, are matrices around it: see
/// <see cref="LruMatrices"/>.
/// </summary>
internal abstract class DiagonalScanOperation : PlannedOperation
{
    /// <summary>Floats that passes backwards leave for <see cref="LambdaGradient"/>.</summary>
    public abstract long LambdaGradientCount { get; }

    /// <summary>
    /// In place over a range of steps: states [T, B, 2N], or packed rows [N, 1, 2N], hold u and then x. Ranges follow each
    /// other in the recurrence's direction; the steps before a range hold x, of this pass, or step 0 what a stream carries on.
    /// </summary>
    public abstract void Forward(
        Tensor lambda,
        Tensor states,
        SequenceLayout? layout,
        in ScanRange range,
        Tensor workspace
    );

    /// <summary>
    /// In place: gradient holds dx of the range's steps and then du. Ranges follow each other against the recurrence's
    /// direction. What the gradient by lambda is made of goes to dlambda, of <see cref="LambdaGradientCount"/>: of this pass
    /// alone, or <paramref name="adds"/> to that of passes before, which were of the same batch.
    /// </summary>
    public abstract void Backward(
        Tensor lambda,
        Tensor states,
        SequenceLayout? layout,
        Tensor gradient,
        in ScanRange range,
        Tensor dlambda,
        bool adds,
        Tensor workspace
    );

    /// <summary>
    /// What the last passes backwards left in dlambda, as a matrix [rows, 2N]: the gradient by lambda, (re, im) pairs, is the sum
    /// of its rows, which whoever reads it takes. How many there are goes by the backend and the batch.
    /// </summary>
    public abstract Tensor LambdaGradient(Tensor dlambda);
}

/// <summary>Steps first .. first + count - 1 of a recurrence.</summary>
/// <param name="First">The first step.</param>
/// <param name="Count">Number of steps.</param>
/// <param name="Reverse">The recurrence runs from each sequence's end to its beginning.</param>
internal readonly record struct ScanRange(int First, int Count, bool Reverse = false)
{
    /// <summary>The step after the last one.</summary>
    public int End => First + Count;
}
