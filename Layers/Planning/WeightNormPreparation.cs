namespace Sequor.Layers;

/// <summary>The weight norms of a plan's convolutions, or of a layer's.</summary>
internal sealed class WeightNormPreparation(Backend backend, bool together)
    : Preparation(backend, together)
{
    private readonly List<Func<(WeightNormTensors, WeightNormGradients)>> _joined = [];
    private WeightNormTensors[] _filters = [];
    private WeightNormGradients[] _gradients = [];

    public override long TableCount => Backend.WeightNormTableCount(_joined.Count);

    /// <summary>Adds a filter.</summary>
    /// <param name="filter">Gives its tensors once they have their memory.</param>
    /// <returns>The number by which <see cref="Backward"/> knows it.</returns>
    public int Join(Func<(WeightNormTensors, WeightNormGradients)> filter)
    {
        _joined.Add(filter);
        return _joined.Count - 1;
    }

    /// <summary>Called by a layer whose backward pass has written the gradient of a filter.</summary>
    /// <param name="item">The filter.</param>
    /// <param name="steps">The most steps of a sequence of the batch.</param>
    public void Backward(int item, int steps)
    {
        _gradients[item] = _gradients[item] with { Steps = steps };
        MarkReady(item);
    }

    private protected override int Gather()
    {
        _filters = new WeightNormTensors[_joined.Count];
        _gradients = new WeightNormGradients[_joined.Count];
        for (int i = 0; i < _joined.Count; i++)
            (_filters[i], _gradients[i]) = _joined[i]();
        return _joined.Count;
    }

    private protected override PreparationTable? MakeTable() =>
        Backend.PlaceWeightNorms(_filters, _gradients);

    private protected override void Prepare() => Backend.WeightNorm(_filters, Table);

    private protected override void RunBackward() =>
        Backend.WeightNormGradient(_filters, _gradients, Table);
}
