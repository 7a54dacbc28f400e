namespace Sequor.Layers;

/// <summary>Normalisation over the channels of each row.</summary>
internal readonly record struct LayerNormDescriptor(
    int Size,
    int MaxLength,
    int MaxBatch,
    float Epsilon
);

/// <summary>y = (x - mean) / sqrt(variance + epsilon) * weight + bias; statistics [rows, 2]: mean, 1 / deviation.</summary>
internal abstract class LayerNormOperation : PlannedOperation
{
    /// <summary>
    /// y from x, which may be one; the others overlap none of them. Where <paramref name="reuse"/>, the statistics are read, not
    /// computed.
    /// </summary>
    public abstract void Forward(
        Tensor x,
        Tensor weight,
        Tensor bias,
        Tensor y,
        Tensor statistics,
        bool reuse
    );

    /// <summary>
    /// dx = (dx +) gradient by x; adds to the gradients of weight and bias. dx may be dy where it does not accumulate, and overlaps
    /// nothing else.
    /// </summary>
    public abstract void Backward(
        Tensor x,
        Tensor weight,
        Tensor statistics,
        Tensor dy,
        Tensor dx,
        bool accumulate,
        Tensor dweight,
        Tensor dbias,
        Tensor workspace
    );
}
