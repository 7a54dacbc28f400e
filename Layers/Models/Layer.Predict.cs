namespace Sequor.Layers;

// Predictions without a plan made by the caller: the model keeps a plan for them.
public abstract partial class Layer
{
    private Predictor? _predictor;

    /// <summary>Runs the model on a batch, without dropout and without a plan made by the caller.</summary>
    /// <remarks>
    /// The model keeps the plan for later calls until it is disposed. A call that fits it allocates only its result; a larger one makes a
    /// larger plan. This is for one thread at a time. <see cref="Plan"/> offers training, streams and results that stay in the backend's
    /// memory.
    /// </remarks>
    /// <param name="x">The values [T, B, C], row-major: all sequences of a step, then those of the next.</param>
    /// <param name="length">T, the number of steps, at least 1.</param>
    /// <param name="batch">B, the number of sequences, at least 1.</param>
    /// <param name="lengths">
    /// The steps of each sequence, from 1 to T, where they differ; values of x after a sequence's end are ignored.
    /// </param>
    /// <returns>The output [T, B, C]; T is 1 if the model pools over time.</returns>
    /// <exception cref="ArgumentException">A size or a length is out of range, or x does not have T * B * C values.</exception>
    /// <exception cref="InvalidOperationException">The model has no values yet, or is a layer of another model.</exception>
    /// <exception cref="DeviceMemoryException">There is not enough memory.</exception>
    /// <exception cref="ObjectDisposedException">The model or its backend was disposed.</exception>
    public Prediction Predict(
        ReadOnlySpan<float> x,
        int length,
        int batch = 1,
        ReadOnlySpan<int> lengths = default
    )
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        if ((Int128)length * batch * InputSize != x.Length)
        {
            throw new ArgumentException(
                $"{Amount.Of(length, "step")} of {Amount.Of(batch, "sequence")} in {Amount.Of(InputSize, "channel")} are {Amount.Of((Int128)length * batch * InputSize, "value")}, not {x.Length}.",
                nameof(x)
            );
        }
        using OwnerScope model = Enter("Layer.Predict");
        using OwnerScope inside = EnterBackend("Layer.Predict");
        if (_store is null)
        {
            throw new InvalidOperationException(
                "The model has no values of its own yet: call Load, Initialize or Plan before."
            );
        }
        _predictor ??= new Predictor(this, _store.Backend);
        return _predictor.Run(x, length, batch, lengths);
    }
}
