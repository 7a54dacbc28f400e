namespace Sequor.Layers.Cpu;

/// <summary>
/// What follows the products, which already include bias and ReLU. No mask is kept for the backward pass: dropped channels are zero, which
/// the gradient treats as behind the ReLU, and all others have the same scale.
/// </summary>
internal sealed unsafe partial class CpuConvolution
{
    // The mask is drawn into the workspace, which the products no longer need.
    private void DropChannels(in ConvolutionOutput output, SequenceLayout? layout, Tensor workspace)
    {
        if (output.Dropout is not { } dropout)
            return;
        bool packed = layout is { IsPacked: true };
        Tensor y = output.Y;
        int batch = packed ? layout!.Batch : y.Shape[1];
        var mask = new Tensor(
            workspace.Storage,
            workspace.Offset,
            new Shape(batch, y.Shape.Columns)
        );
        dropout.Random.Dropout(default, mask, dropout.Probability, dropout.Stream);
        _backend.Elements(
            ElementOp.TimesRow,
            new PointwiseArguments
            {
                A = y,
                Row = mask,
                Out = y,
            },
            layout: packed ? layout : null
        );
    }

    private void AddSkip(in ConvolutionOutput output)
    {
        if (!output.Skip.IsEmpty)
            _backend.Elements(
                ElementOp.ResidualRelu,
                new PointwiseArguments { A = output.Skip, Out = output.Y },
                output.Bits
            );
    }

    private void BackwardOutput(in ConvolutionOutput output, in ConvolutionGradients gradients)
    {
        float scale = output.Dropout?.Scale ?? 1f;
        bool skips = !output.Skip.IsEmpty;
        if (!skips && !_d.Relu)
            return;
        _backend.Elements(
            skips ? ElementOp.ResidualReluGradient : ElementOp.ReluGradient,
            new PointwiseArguments
            {
                A = gradients.Y,
                B = output.Y,
                Out = gradients.Products,
            },
            output.Bits,
            scale
        );
        if (!gradients.SkipBias.IsEmpty)
            _backend.ColumnSum(gradients.Y, default, gradients.SkipBias);
    }
}
