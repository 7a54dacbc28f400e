namespace Sequor.Layers;

/// <summary>
/// A mask of a dropout, made by <see cref="PlanBuilder.Dropout"/>. It is drawn anew at each forward pass of training, is the same again in
/// the backward pass of that step, and is the same on every backend. As it is drawn from a counter, it takes no memory.
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
    /// In training, each value of the result is the input's times 1 / (1 - p) where the mask keeps it, else 0, p being the probability of a
    /// drop. Outside of training the result is the input.
    /// </summary>
    /// <param name="input">Values of any shape.</param>
    /// <param name="result">As many values as the input; may be the input.</param>
    /// <exception cref="ArgumentException">
    /// The numbers of values differ, the tensors overlap in part, or one belongs to another backend or is empty.
    /// </exception>
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
