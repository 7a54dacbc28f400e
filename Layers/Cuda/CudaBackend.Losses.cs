using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// Losses with their gradients. Nothing is read back: the value stays on the device.
public sealed partial class CudaBackend
{
    internal override void MeanSquaredError(
        Tensor prediction,
        Tensor target,
        Tensor gradient,
        Tensor value
    )
    {
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

    internal override void SoftmaxCrossEntropy(
        Tensor logits,
        Tensor classes,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => CrossEntropy("softmax_cross_entropy", logits, classes, mask, gradient, value);

    internal override void BinaryCrossEntropy(
        Tensor logits,
        Tensor targets,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => CrossEntropy("binary_cross_entropy", logits, targets, mask, gradient, value);

    private void CrossEntropy(
        string kernel,
        Tensor logits,
        Tensor targets,
        Tensor mask,
        Tensor gradient,
        Tensor value
    )
    {
        long rows = logits.Shape.Rows;
        int columns = logits.Shape.Columns;
        DeviceSpan<float> weights = Span(mask);
        // Every gradient is divided by the mask's sum.
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
            Span(logits),
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
