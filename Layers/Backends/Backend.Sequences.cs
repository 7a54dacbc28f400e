namespace Sequor.Layers;

// The operations over the steps of sequences, and the losses. Each says to a probe what it does and costs, and calls what a backend makes of
// it.
public abstract partial class Backend
{
    // A row's share of a loss: difference, square, sum and gradient; or maximum, exponential, sums and gradient; or sums, logarithm,
    // exponentials and gradient.
    private const int SquaredErrorFlops = 4,
        SoftmaxFlops = 7,
        BinaryFlops = 10;

    /// <summary>Makes a layout that has been set known to the operations that are queued from now on.</summary>
    internal void Upload(SequenceLayout layout)
    {
        using OperationScope scope = Begin(
            Report(OperationName.UploadLengths)?.Writes(layout.OnDevice)
        );
        UploadCore(layout);
    }

    /// <inheritdoc cref="Upload(SequenceLayout)"/>
    private protected virtual void UploadCore(SequenceLayout layout) { }

    /// <summary>packed [N, 1, C] = those rows of x [T, B, C] that are within their sequences.</summary>
    internal void Pack(Tensor x, SequenceLayout layout, Tensor packed)
    {
        // Rows of padding are not read.
        using OperationScope scope = Begin(
            Report(OperationName.Pack)
                ?.Reads(x)
                .Writes(packed)
                .Moves((packed.Count - x.Count) * sizeof(float))
        );
        PackCore(x, layout, packed);
    }

    /// <inheritdoc cref="Pack"/>
    private protected abstract void PackCore(Tensor x, SequenceLayout layout, Tensor packed);

    /// <summary>x [T, B, C] = the packed rows [N, 1, C], and 0 after the sequences' ends.</summary>
    internal void Unpack(Tensor packed, SequenceLayout layout, Tensor x)
    {
        using OperationScope scope = Begin(Report(OperationName.Unpack)?.Reads(packed).Writes(x));
        UnpackCore(packed, layout, x);
    }

    /// <inheritdoc cref="Unpack"/>
    private protected abstract void UnpackCore(Tensor packed, SequenceLayout layout, Tensor x);

    /// <summary>
    /// mean[b, c] = the average over the steps of sequence b in x, which is [T, B, C] or packed; b is in the caller's order.
    /// </summary>
    internal void MeanOverTime(Tensor x, SequenceLayout? layout, Tensor mean)
    {
        using OperationScope scope = Begin(
            Report(OperationName.MeanOverTime)?.Reads(x).Writes(mean).Costs(x.Count)
        );
        MeanOverTimeCore(x, layout, mean);
    }

    /// <inheritdoc cref="MeanOverTime"/>
    private protected abstract void MeanOverTimeCore(Tensor x, SequenceLayout? layout, Tensor mean);

    /// <summary>Every step of sequence b in dx = dmean[b, c] / the number of its steps.</summary>
    internal void MeanOverTimeGradient(Tensor dmean, SequenceLayout? layout, Tensor dx)
    {
        using OperationScope scope = Begin(
            Report(OperationName.MeanOverTimeGradient)?.Reads(dmean).Writes(dx).Costs(dmean.Count)
        );
        MeanOverTimeGradientCore(dmean, layout, dx);
    }

    /// <inheritdoc cref="MeanOverTimeGradient"/>
    private protected abstract void MeanOverTimeGradientCore(
        Tensor dmean,
        SequenceLayout? layout,
        Tensor dx
    );

    /// <summary>y[b, c] = the last step of sequence b in x, which is packed; b is in the caller's order.</summary>
    internal void LastSteps(Tensor x, SequenceLayout layout, Tensor y)
    {
        // Only the rows that are taken are read.
        using OperationScope scope = Begin(
            Report(OperationName.LastSteps)
                ?.Reads(x)
                .Writes(y)
                .Moves((y.Count - x.Count) * sizeof(float))
        );
        LastStepsCore(x, layout, y);
    }

    /// <inheritdoc cref="LastSteps"/>
    private protected abstract void LastStepsCore(Tensor x, SequenceLayout layout, Tensor y);

    /// <summary>dx, packed, = dy[b, c] at the last step of each sequence, and 0 elsewhere.</summary>
    internal void LastStepsGradient(Tensor dy, SequenceLayout layout, Tensor dx)
    {
        using OperationScope scope = Begin(
            Report(OperationName.LastStepsGradient)?.Reads(dy).Writes(dx)
        );
        LastStepsGradientCore(dy, layout, dx);
    }

    /// <inheritdoc cref="LastStepsGradient"/>
    private protected abstract void LastStepsGradientCore(
        Tensor dy,
        SequenceLayout layout,
        Tensor dx
    );

    /// <summary>y[b, c] = the first step of sequence b in x, which is packed; b is in the caller's order.</summary>
    internal void FirstSteps(Tensor x, SequenceLayout layout, Tensor y)
    {
        // Only the rows that are taken are read.
        using OperationScope scope = Begin(
            Report(OperationName.FirstSteps)
                ?.Reads(x)
                .Writes(y)
                .Moves((y.Count - x.Count) * sizeof(float))
        );
        FirstStepsCore(x, layout, y);
    }

    /// <inheritdoc cref="FirstSteps"/>
    private protected abstract void FirstStepsCore(Tensor x, SequenceLayout layout, Tensor y);

    /// <summary>dx [B, C], the rows of the first step of packed rows, = dy[b, c] of the sequence that each is.</summary>
    internal void FirstStepsGradient(Tensor dy, SequenceLayout layout, Tensor dx)
    {
        using OperationScope scope = Begin(
            Report(OperationName.FirstStepsGradient)?.Reads(dy).Writes(dx)
        );
        FirstStepsGradientCore(dy, layout, dx);
    }

    /// <inheritdoc cref="FirstStepsGradient"/>
    private protected abstract void FirstStepsGradientCore(
        Tensor dy,
        SequenceLayout layout,
        Tensor dx
    );

    /// <summary>
    /// value[0] = sum(mask * sum over a row's K columns of squared errors) / (sum(mask) * K), and the gradient of the prediction [rows, K].
    /// An empty mask counts as ones; a mask of only zeros gives 0. Rows of weight 0 are not read. The gradient may be written over the
    /// prediction: it is empty, or the same tensor, or overlaps none of the others.
    /// </summary>
    internal void MeanSquaredError(
        Tensor prediction,
        Tensor target,
        Tensor mask,
        Tensor gradient,
        Tensor value
    )
    {
        using OperationScope scope = Begin(
            Report(OperationName.MeanSquaredError)
                ?.Reads(prediction, target, mask)
                .Writes(gradient, value)
                .Costs(SquaredErrorFlops * prediction.Count)
        );
        MeanSquaredErrorCore(prediction, target, mask, gradient, value);
    }

    /// <inheritdoc cref="MeanSquaredError"/>
    private protected abstract void MeanSquaredErrorCore(
        Tensor prediction,
        Tensor target,
        Tensor mask,
        Tensor gradient,
        Tensor value
    );

    /// <summary>
    /// value[0] = sum(mask * nll) / sum(mask) over rows, and the gradient of the logits [rows, K]. Classes are whole numbers stored as
    /// floats. An empty mask counts as ones; a mask of only zeros gives 0. Rows of weight 0 are not read. The gradient may be written over
    /// the logits, as in <see cref="MeanSquaredError"/>.
    /// </summary>
    internal void SoftmaxCrossEntropy(
        Tensor logits,
        Tensor classes,
        Tensor mask,
        Tensor gradient,
        Tensor value
    )
    {
        using OperationScope scope = Begin(
            Report(OperationName.SoftmaxCrossEntropy)
                ?.Reads(logits, classes, mask)
                .Writes(gradient, value)
                .Costs(SoftmaxFlops * logits.Count)
        );
        SoftmaxCrossEntropyCore(logits, classes, mask, gradient, value);
    }

    /// <inheritdoc cref="SoftmaxCrossEntropy"/>
    private protected abstract void SoftmaxCrossEntropyCore(
        Tensor logits,
        Tensor classes,
        Tensor mask,
        Tensor gradient,
        Tensor value
    );

    /// <summary>
    /// value[0] = sum(mask * bce) / sum(mask) over rows, and the gradient of the logits. bce is a row's sum of max(x, 0) - x y + log(1 +
    /// exp(-|x|)), with a logit x and its target y in [0, 1]. Logits, targets and gradient are [rows, K], the mask [rows]. An empty mask
    /// counts as ones; a mask of only zeros gives 0. Rows of weight 0 are not read. The gradient may be written over the logits, as in
    /// <see cref="MeanSquaredError"/>.
    /// </summary>
    internal void BinaryCrossEntropy(
        Tensor logits,
        Tensor targets,
        Tensor mask,
        Tensor gradient,
        Tensor value
    )
    {
        using OperationScope scope = Begin(
            Report(OperationName.BinaryCrossEntropy)
                ?.Reads(logits, targets, mask)
                .Writes(gradient, value)
                .Costs(BinaryFlops * logits.Count)
        );
        BinaryCrossEntropyCore(logits, targets, mask, gradient, value);
    }

    /// <inheritdoc cref="BinaryCrossEntropy"/>
    private protected abstract void BinaryCrossEntropyCore(
        Tensor logits,
        Tensor targets,
        Tensor mask,
        Tensor gradient,
        Tensor value
    );
}
