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
    // The operations a value of a forward pass by given statistics.
    private const int Again = 4;

    private readonly Backend _backend = backend;

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
                .Costs((reuse ? Again : 8) * x.Count)
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
    /// Computes y again by the statistics of the forward pass, and with it the gradients of a
    /// <see cref="PointwiseOp.MultiplyAddGelu"/> that read y: a backward pass wants both, and y is then read while it is written.
    /// </summary>
    /// <param name="x">[rows, C]</param>
    /// <param name="weight">[C]</param>
    /// <param name="bias">[C]</param>
    /// <param name="y">[rows, C], written; no operand overlaps it.</param>
    /// <param name="statistics">[rows, 2]</param>
    /// <param name="gelu">The arguments of <see cref="PointwiseOp.MultiplyAddGeluGradient"/>, whose c is y.</param>
    public void ForwardAgain(
        Tensor x,
        Tensor weight,
        Tensor bias,
        Tensor y,
        Tensor statistics,
        in PointwiseArguments gelu
    )
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.LayerNormAndGeluGradient)
                ?.Reads(x, weight, bias, statistics, gelu.A, gelu.B)
                .Writes(y, gelu.Out)
                .Updates(gelu.Sum)
                .Costs((Again + PointwiseArguments.MultiplyAddGeluGradientCost) * x.Count)
        );
        ForwardAgainCore(x, weight, bias, y, statistics, gelu);
    }

    /// <inheritdoc cref="ForwardAgain"/>
    protected virtual void ForwardAgainCore(
        Tensor x,
        Tensor weight,
        Tensor bias,
        Tensor y,
        Tensor statistics,
        in PointwiseArguments gelu
    )
    {
        ForwardCore(x, weight, bias, y, statistics, reuse: true);
        _backend.Pointwise(PointwiseOp.MultiplyAddGeluGradient, gelu with { C = y });
    }

    /// <summary>
    /// Computes, or adds to, dx, and adds to the gradients of weight and bias. dx may be dy where it does not accumulate, and overlaps
    /// nothing else.
    /// </summary>
    /// <param name="x">[rows, C]</param>
    /// <param name="weight">[C]</param>
    /// <param name="statistics">[rows, 2]</param>
    /// <param name="dy">The gradient of y, [rows, C].</param>
    /// <param name="dx">[rows, C]</param>
    /// <param name="accumulate">Whether dx is added to.</param>
    /// <param name="dweight">[C], added to.</param>
    /// <param name="dbias">[C], added to.</param>
    /// <param name="workspace">Scratch memory.</param>
    /// <param name="skip">
    /// What else y went to, times a factor a channel: its gradient [rows, C], or empty. The gradient of y is then dy + skip * factor, which
    /// may be written over dy.
    /// </param>
    /// <param name="factor">The factors [C]; empty where there is no skip.</param>
    public void Backward(
        Tensor x,
        Tensor weight,
        Tensor statistics,
        Tensor dy,
        Tensor dx,
        bool accumulate,
        Tensor dweight,
        Tensor dbias,
        Tensor workspace,
        Tensor skip = default,
        Tensor factor = default
    )
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.LayerNormGradient)
                ?.Reads(x, weight, statistics, dy, skip, factor)
                .Results(dx, accumulate)
                .Updates(dweight, dbias)
                .Scratch(workspace)
                .Costs((skip.IsEmpty ? 14 : 16) * x.Count)
        );
        BackwardCore(
            x,
            weight,
            statistics,
            dy,
            dx,
            accumulate,
            dweight,
            dbias,
            workspace,
            skip,
            factor
        );
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
        Tensor workspace,
        Tensor skip,
        Tensor factor
    );
}
