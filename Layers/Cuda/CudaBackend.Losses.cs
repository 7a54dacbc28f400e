using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// Losses with their gradients. Nothing is read back: a loss's value stays on the device.
public sealed partial class CudaBackend
{
    private protected override void MeanSquaredErrorCore(
        Tensor prediction,
        Tensor target,
        Tensor mask,
        Tensor gradient,
        Tensor value
    )
    {
        if (!mask.IsEmpty)
        {
            RowLoss("masked_squared_error", prediction, target, mask, gradient, value);
            return;
        }
        long count = prediction.Count;
        Kernels.Launch(
            "mean_squared_error",
            KernelGrid.Sum(count),
            Span(prediction),
            Span(target),
            Span(gradient),
            Span(value),
            count,
            Scratch.Partials,
            Scratch.Counters
        );
    }

    private protected override void SoftmaxCrossEntropyCore(
        Tensor logits,
        Tensor classes,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => RowLoss("softmax_cross_entropy", logits, classes, mask, gradient, value);

    private protected override void BinaryCrossEntropyCore(
        Tensor logits,
        Tensor targets,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => RowLoss("binary_cross_entropy", logits, targets, mask, gradient, value);

    private void RowLoss(
        string kernel,
        Tensor output,
        Tensor targets,
        Tensor mask,
        Tensor gradient,
        Tensor value
    )
    {
        long rows = output.Shape.Rows;
        int columns = output.Shape.Columns;
        DeviceSpan<float> weights = Span(mask);
        // A masked loss is a mean: its value and every gradient are divided by the mask's sum, which is computed first.
        DeviceSpan<double> total = mask.IsEmpty ? default : Scratch.Weight;
        if (!mask.IsEmpty)
            Kernels.Launch(
                "mask_sum",
                new KernelGrid(1, 1, KernelGrid.Block),
                weights,
                total,
                rows
            );
        KernelGrid grid = KernelGrid.LossRows(rows, columns);
        Kernels.Launch(
            kernel,
            grid,
            Span(output),
            Span(targets),
            weights,
            total,
            Span(gradient),
            Span(value),
            rows,
            columns,
            grid.Lanes,
            Scratch.Partials,
            Scratch.Counters
        );
    }
}
