namespace Sequor.Layers;

/// <summary>N complex channels with x_t = lambda x_{t-1} + u_t, or lambda x_{t+1} + u_t in reverse, and the LRU's parameters that make lambda.</summary>
internal readonly record struct DiagonalScanDescriptor(
    int ModelSize,
    int StateSize,
    int MaxLength,
    int MaxBatch,
    int Directions = 1
);

/// <summary>
/// The parameters of an LRU, or their gradients. Shapes: nu, theta, gamma [N]; B [N, d]; C [d, directions * N].
/// </summary>
internal readonly record struct LruTensors(
    Tensor NuLog,
    Tensor ThetaLog,
    Tensor GammaLog,
    Tensor BReal,
    Tensor BImaginary,
    Tensor CReal,
    Tensor CImaginary
);

/// <summary>
/// The scan and the real matrices around it. States are interleaved (re, im) pairs, [T, B, 2N]: then u = z B' and
/// y = x C' are single real products with B' [2N, d] = interleaved gamma B and C' [d, 2N] = interleaved (C_re, -C_im), one
/// below the other for two directions.
/// </summary>
internal abstract class DiagonalScanOperation : PlannedOperation
{
    /// <summary>Writes lambda [N, 2], B' [2N, d] and C' [directions * d, 2N].</summary>
    public abstract void Prepare(in LruTensors p, Tensor lambda, Tensor b, Tensor c);

    /// <summary>Floats that passes backwards leave for <see cref="PrepareGradient"/>.</summary>
    public abstract long LambdaGradientCount { get; }

    /// <summary>
    /// Adds to the parameters' gradients what those of lambda, B' and C' give by the chain rule; dlambda is what the passes
    /// backwards left.
    /// </summary>
    public abstract void PrepareGradient(
        in LruTensors p,
        Tensor lambda,
        Tensor dlambda,
        Tensor db,
        Tensor dc,
        in LruTensors gradients
    );

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
