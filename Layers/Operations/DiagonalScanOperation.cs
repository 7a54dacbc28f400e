namespace Sequor.Layers;

/// <summary>The sizes of a scan of N complex channels, at most.</summary>
/// <param name="StateSize">N, the number of complex channels.</param>
/// <param name="MaxLength">The most steps of a sequence.</param>
/// <param name="MaxBatch">The most sequences of a batch.</param>
internal readonly record struct DiagonalScanDescriptor(int StateSize, int MaxLength, int MaxBatch)
{
    /// <summary>Whether there is a backward pass.</summary>
    public bool Training { get; init; } = true;

    /// <summary>Whether the rows may be packed.</summary>
    public bool VariableLengths { get; init; }

    /// <summary>Whether step 0 of the states is the one carried over from the call before, so that passes begin at step 1 and end there.</summary>
    public bool Carries { get; init; }

    /// <summary>Whether steps may be marked that begin anew.</summary>
    public bool Resets { get; init; }

    /// <summary>The first step that passes compute.</summary>
    public int FirstStep => Carries ? 1 : 0;
}

/// <summary>
/// A linear recurrence with a complex diagonal: x_t = lambda x_{t-1} + u_t, or x_t = lambda x_{t+1} + u_t in reverse. LRU, S4D and S5 share
/// it and differ in how lambda and u are computed. States and inputs are interleaved (re, im) pairs, [T, B, 2N]; lambda is [N, 2]. The
/// matrices that compute u, and that turn x into real outputs, are outside the scan: see <see cref="DiagonalMatrices"/>.
/// </summary>
internal abstract class DiagonalScanOperation(Backend backend) : PlannedOperation(backend)
{
    /// <summary>The number of floats that backward passes leave for <see cref="LambdaGradient"/>.</summary>
    public abstract long LambdaGradientCount { get; }

    /// <summary>
    /// Turns u into x, in place, over a range of steps of the states, [T, B, 2N] or packed rows [rows, 1, 2N]. Ranges follow each other in
    /// the recurrence's direction, so the steps before a range already hold this pass's x. With
    /// <see cref="DiagonalScanDescriptor.Carries"/>, step 0 holds the state carried over from the call before, and
    /// <paramref name="sameLambda"/> says that lambda is that of the last call and that no one has written to the workspace since. Where
    /// <paramref name="resets"/> has marks, nothing passes between a marked step and the one before it: x_t = u_t at a marked step, and in
    /// reverse at the step before one.
    /// </summary>
    public void Forward(
        Tensor lambda,
        Tensor states,
        SequenceLayout? layout,
        in ScanRange range,
        Tensor workspace,
        bool sameLambda = false,
        StepResets? resets = null
    )
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.Scan)
                ?.Reads(lambda, resets?.Words ?? default)
                .Updates(range.Of(states, layout))
                .Scratch(workspace)
                // A complex product and sum.
                .Costs(4 * range.Of(states, layout).Count)
        );
        ForwardCore(lambda, states, layout, range, workspace, sameLambda, resets);
    }

    /// <inheritdoc cref="Forward"/>
    protected abstract void ForwardCore(
        Tensor lambda,
        Tensor states,
        SequenceLayout? layout,
        in ScanRange range,
        Tensor workspace,
        bool sameLambda,
        StepResets? resets
    );

    /// <summary>
    /// Turns dx into du, in place, over a range of steps of the gradient. Ranges follow each other against the recurrence's direction. The
    /// parts of the gradient of lambda go to dlambda, which holds <see cref="LambdaGradientCount"/> floats: those of this pass alone, or,
    /// where <paramref name="adds"/>, in addition to those of earlier passes over the same batch. The marks of
    /// <paramref name="resets"/> are those of the forward pass; nothing passes there either, and no part of the gradient of lambda joins
    /// two steps between which they cut.
    /// </summary>
    public void Backward(
        Tensor lambda,
        Tensor states,
        SequenceLayout? layout,
        Tensor gradient,
        in ScanRange range,
        Tensor dlambda,
        bool adds,
        Tensor workspace,
        StepResets? resets = null
    )
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.ScanGradient)
                ?.Reads(lambda, range.Of(states, layout), resets?.Words ?? default)
                // Which is that of these steps alone.
                .Updates(gradient)
                .Results(dlambda, adds)
                .Scratch(workspace)
                // The same in reverse, and one for the gradient of lambda.
                .Costs(8 * range.Of(states, layout).Count)
        );
        BackwardCore(lambda, states, layout, gradient, range, dlambda, adds, workspace, resets);
    }

    /// <inheritdoc cref="Backward"/>
    protected abstract void BackwardCore(
        Tensor lambda,
        Tensor states,
        SequenceLayout? layout,
        Tensor gradient,
        in ScanRange range,
        Tensor dlambda,
        bool adds,
        Tensor workspace,
        StepResets? resets
    );

    /// <summary>
    /// What the last backward passes left in dlambda, as a matrix [rows, 2N]. The gradient of lambda, in (re, im) pairs, is the sum of its
    /// rows, which the caller computes. The number of rows depends on the backend and the batch.
    /// </summary>
    public abstract Tensor LambdaGradient(Tensor dlambda);
}

/// <summary>The steps First to First + Count - 1 of a recurrence.</summary>
/// <param name="First">The first step.</param>
/// <param name="Count">The number of steps.</param>
/// <param name="Reverse">Whether the recurrence runs from each sequence's end to its beginning.</param>
internal readonly record struct ScanRange(int First, int Count, bool Reverse = false)
{
    /// <summary>The step after the last one.</summary>
    public int End => First + Count;

    /// <summary>The rows of these steps in [T, B, C], or in packed rows [rows, 1, C].</summary>
    public Tensor Of(Tensor all, SequenceLayout? layout)
    {
        bool packed = layout is { IsPacked: true };
        long first = packed ? layout!.Row(First) : (long)First * all.Shape[1];
        long end = packed ? layout!.Row(End) : (long)End * all.Shape[1];
        return all.RowRange(first, end - first);
    }
}
