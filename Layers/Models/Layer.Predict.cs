namespace Sequor.Layers;

// Predictions without a plan made by hand: the model keeps a plan of its own for the calls to come.
public abstract partial class Layer
{
    private Predictor? _predictor;

    /// <summary>Runs the model on a batch, without dropout and without a plan made by hand.</summary>
    /// <remarks>
    /// The plan is kept for the calls to come, until the model is disposed: a call that fits in it allocates its result and
    /// nothing else, a larger one takes another plan. For one thread at a time. <see cref="Plan"/> gives training, streams
    /// and results that stay in the backend's memory.
    /// </remarks>
    /// <param name="x">Values [T, B, C], row-major: step by step, in each the sequences one after the other.</param>
    /// <param name="length">T, at least 1.</param>
    /// <param name="batch">B, at least 1.</param>
    /// <param name="lengths">
    /// Steps of each sequence, 1 to T, where they differ: what x holds beyond a sequence's end does not count.
    /// </param>
    /// <returns>The output [T, B, C], where T is 1 if the model pools over time.</returns>
    /// <exception cref="ArgumentException">A size or a length is out of range, or x has not T * B * C values.</exception>
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
