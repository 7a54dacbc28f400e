namespace Sequor.Layers;

/// <summary>The sizes of a layer normalisation over the channels of each row (Ba et al. 2016), at most.</summary>
internal readonly record struct LayerNormDescriptor(
    int Size,
    int MaxLength,
    int MaxBatch,
    float Epsilon
);

/// <summary>
/// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, for x and y [rows, C] and weight and bias [C]. The statistics [rows, 2] are
/// each row's mean and 1 / sqrt(variance + epsilon).
/// </summary>
internal abstract class LayerNormOperation(Backend backend) : PlannedOperation(backend)
{
    /// <summary>
    /// Computes y from x; both may be the same tensor, and no others overlap. Where <paramref name="reuse"/> is true, the statistics are
    /// read instead of computed.
    /// </summary>
    public void Forward(
        Tensor x,
        Tensor weight,
        Tensor bias,
        Tensor y,
        Tensor statistics,
        bool reuse
    )
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.LayerNorm)
                ?.Reads(x, weight, bias, reuse ? statistics : default)
                .Writes(y, reuse ? default : statistics)
                .Costs((reuse ? 4 : 8) * x.Count)
        );
        ForwardCore(x, weight, bias, y, statistics, reuse);
    }

    /// <inheritdoc cref="Forward"/>
    protected abstract void ForwardCore(
        Tensor x,
        Tensor weight,
        Tensor bias,
        Tensor y,
        Tensor statistics,
        bool reuse
    );

    /// <summary>
    /// Computes, or adds to, dx, and adds to the gradients of weight and bias. dx may be dy where it does not accumulate, and overlaps
    /// nothing else.
    /// </summary>
    public void Backward(
        Tensor x,
        Tensor weight,
        Tensor statistics,
        Tensor dy,
        Tensor dx,
        bool accumulate,
        Tensor dweight,
        Tensor dbias,
        Tensor workspace
    )
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.LayerNormGradient)
                ?.Reads(x, weight, statistics, dy)
                .Results(dx, accumulate)
                .Updates(dweight, dbias)
                .Scratch(workspace)
                .Costs(14 * x.Count)
        );
        BackwardCore(x, weight, statistics, dy, dx, accumulate, dweight, dbias, workspace);
    }

    /// <inheritdoc cref="Backward"/>
    protected abstract void BackwardCore(
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
