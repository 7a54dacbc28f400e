using System.Runtime.InteropServices;

namespace Sequor.Layers;

// The marks of steps that begin anew, in plans with PlanOptions.Resets.
public sealed partial class Plan
{
    private readonly StepResets? _resets;
    private int _resetWrites;

    /// <summary>
    /// Marks the steps of a batch at which states begin anew, as at the first step of an episode: whatever was before such a step has no
    /// part in what comes from it on, in outputs and gradients, and in a layer of both directions also the other way round. With a
    /// <see cref="StepGraph"/> this comes before the step, as <see cref="SetInput"/> does.
    /// </summary>
    /// <remarks>
    /// Marks are of the input that is loaded with them, be it before or after: they hold for each Forward of an input of this size, until
    /// the first input that is loaded (<see cref="SetInput"/>, or a Forward or ForwardPacked of values) after such a Forward, until they
    /// are set anew, or until <see cref="ClearResets"/> or <see cref="Reset"/>. In a stream they hold for one Forward. A mark at step 0 has a meaning where
    /// states are carried from call to call: that sequence alone begins anew. Those after a sequence's end are not looked at.
    /// </remarks>
    /// <param name="resets">A byte a step and sequence [T, B], row-major: 1 where the sequence begins anew, else 0.</param>
    /// <param name="length">T, the steps of the input; of packed rows those of the longest sequence.</param>
    /// <param name="batch">B, the sequences of the input, in the order of its own.</param>
    /// <exception cref="ArgumentException">
    /// A size is out of range, there are not T * B marks, or one is neither 0 nor 1. The marks are then those of before.
    /// </exception>
    /// <exception cref="InvalidOperationException">The plan was made without <see cref="PlanOptions.Resets"/>.</exception>
    /// <exception cref="ObjectDisposedException">The plan, its model or its backend was disposed.</exception>
    public void SetResets(ReadOnlySpan<byte> resets, int length, int batch)
    {
        using OwnerScope inside = Backend.Enter("Plan.SetResets");
        StepResets marks = RequireResets();
        RequireSizes(length, batch);
        if (resets.Length != (long)length * batch)
            throw new ArgumentException(
                $"The marks of {Amount.Of(length, "step")} of {Amount.Of(batch, "sequence")} must be {(long)length * batch}, one for each step of each, not {resets.Length}.",
                nameof(resets)
            );
        if (resets.IndexOfAnyExceptInRange((byte)0, (byte)1) is >= 0 and int at)
            throw new ArgumentException(
                $"The mark at step {at / batch} of sequence {at % batch} must be 0 or 1, not {resets[at]}.",
                nameof(resets)
            );
        marks.Set(resets, length, batch);
    }

    /// <inheritdoc cref="SetResets(ReadOnlySpan{byte}, int, int)"/>
    /// <param name="resets">A value for each step and sequence [T, B], row-major: whether the sequence begins anew.</param>
    /// <param name="length">T, the steps of the input; of packed rows those of the longest sequence.</param>
    /// <param name="batch">B, the sequences of the input, in the order of its own.</param>
    public void SetResets(ReadOnlySpan<bool> resets, int length, int batch) =>
        SetResets(MemoryMarshal.AsBytes(resets), length, batch);

    /// <summary>Removes all marks: no step of the next batch begins anew.</summary>
    /// <exception cref="InvalidOperationException">The plan was made without <see cref="PlanOptions.Resets"/>.</exception>
    /// <exception cref="ObjectDisposedException">The plan, its model or its backend was disposed.</exception>
    public void ClearResets()
    {
        using OwnerScope inside = Backend.Enter("Plan.ClearResets");
        RequireResets().Clear();
    }

    private StepResets RequireResets()
    {
        RequireLive();
        return _resets
            ?? throw new InvalidOperationException(
                "Marks of steps that begin anew need a plan made with PlanOptions.Resets."
            );
    }

    // Marks that were set must be those of the batch.
    private void RequireResetsOf(int length, int batch)
    {
        if (_resets is null or { Length: 0 })
            return;
        if (_resets.Length != length || _resets.Batch != batch)
            throw new ArgumentException(
                $"The marks that were set are of {Amount.Of(_resets.Length, "step")} of {Amount.Of(_resets.Batch, "sequence")}, the input has {Amount.Of(length, "step")} of {Amount.Of(batch, "sequence")}: set marks for it, or remove them by ClearResets."
            );
    }
}
