namespace Sequor.Layers;

/// <summary>
/// A mask of a dropout: drawn anew at each forward pass of training, the same again in its backward pass, and the same on every
/// backend. It takes no memory. Of <see cref="PlanBuilder.Dropout"/>.
/// </summary>
public sealed class DropoutMask
{
    private readonly RandomStream? _random;
    private readonly TensorOperations _operations;
    private readonly float _probability;
    private readonly int _stream;

    internal DropoutMask(
        RandomStream? random,
        TensorOperations operations,
        float probability,
        int stream
    )
    {
        _random = random;
        _operations = operations;
        _probability = probability;
        _stream = stream;
    }

    /// <summary>
    /// result = input, where the mask keeps it times 1 / (1 - p), else 0; the input itself outside of training.
    /// </summary>
    /// <param name="input">Any shape.</param>
    /// <param name="result">As many values; may be the input.</param>
    /// <exception cref="ArgumentException">The numbers of values differ.</exception>
    public void Apply(Tensor input, Tensor result)
    {
        if (_random is null)
        {
            _operations.Copy(input, result);
            return;
        }
        _operations.RequireAlike(input, result);
        _random.Dropout(input, result, _probability, _stream);
    }
}
