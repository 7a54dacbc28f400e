using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// What follows a convolution's products, however they were computed. Without a ReLU that is only the bias: dropout and a skip path exist
/// only with one.
/// </summary>
internal sealed partial class CudaConvolution
{
    /// <summary>Turns the products that Y holds into the output, in place.</summary>
    public void Finish(in ConvolutionOutput output, SequenceLayout? layout)
    {
        Tensor y = output.Y;
        if (!_descriptor.Relu)
        {
            _backend.AddToRows(output.Bias, CudaBackend.Matrix(y));
            return;
        }
        DeviceSpan<ulong> random = default;
        DeviceSpan<int> first = default;
        (uint stream, uint threshold, float scale) = (0, 0, 1);
        (int steps, int batch) = (checked((int)y.Shape.Rows), 1);
        bool drops = output.Dropout is not null;
        if (output.Dropout is { } dropout)
        {
            random = ((CudaRandom)dropout.Random).Place;
            (stream, threshold) = ((uint)dropout.Stream, CudaRandom.Threshold(dropout.Probability));
            scale = dropout.Scale;
            first = CudaBackend.FirstRows(layout);
            (steps, batch) = first.IsEmpty
                ? (y.Shape.First, y.Shape[1])
                : (layout!.Steps, layout.Batch);
        }
        int columns = _descriptor.OutputSize;
        KernelGrid grid = KernelGrid.ConvolutionOutput(steps, batch, columns);
        if (output.Skip.IsEmpty)
            _backend.Kernels.Launch(
                !drops ? "convolution_output"
                    : first.IsEmpty ? "convolution_output_drop"
                    : "convolution_output_drop_packed",
                grid,
                CudaBackend.Span(y),
                CudaBackend.Span(output.Bias),
                random,
                stream,
                threshold,
                scale,
                first,
                steps,
                batch,
                columns,
                grid.Lanes
            );
        else
            _backend.Kernels.Launch(
                !drops ? "convolution_output_skip"
                    : first.IsEmpty ? "convolution_output_skip_drop"
                    : "convolution_output_skip_drop_packed",
                grid,
                CudaBackend.Span(y),
                CudaBackend.Span(output.Bias),
                CudaBackend.Span(output.Skip),
                CudaBackend.Span(output.SkipBias),
                CudaBackend.Span(output.Bits),
                random,
                stream,
                threshold,
                scale,
                first,
                steps,
                batch,
                columns,
                grid.Lanes
            );
    }

    /// <summary>From the gradient of the output, computes the gradients of the products and of both biases.</summary>
    public void BackwardOutput(in ConvolutionOutput output, in ConvolutionGradients gradients)
    {
        if (!_descriptor.Relu)
        {
            _backend.ColumnSum(gradients.Y, default, gradients.Bias);
            return;
        }
        long rows = output.Y.Shape.Rows;
        int columns = _descriptor.OutputSize;
        float scale = output.Dropout?.Scale ?? 1f;
        KernelGrid grid = KernelGrid.WritingColumnSums(
            rows,
            columns,
            gradients.SkipBias.IsEmpty ? 1 : 2
        );
        if (output.Skip.IsEmpty)
            _backend.Kernels.Launch(
                "convolution_output_gradient",
                grid,
                CudaBackend.Span(gradients.Y),
                CudaBackend.Span(output.Y),
                CudaBackend.Span(gradients.Products),
                scale,
                CudaBackend.Span(gradients.Bias),
                rows,
                columns,
                grid.Lanes,
                _backend.Scratch.Partials,
                _backend.Scratch.Counters
            );
        else
            _backend.Kernels.Launch(
                "convolution_output_skip_gradient",
                grid,
                CudaBackend.Span(gradients.Y),
                CudaBackend.Span(output.Y),
                CudaBackend.Span(output.Bits),
                CudaBackend.Span(gradients.Products),
                scale,
                CudaBackend.Span(gradients.Bias),
                CudaBackend.Span(gradients.SkipBias),
                rows,
                columns,
                grid.Lanes,
                _backend.Scratch.Partials,
                _backend.Scratch.Counters
            );
    }
}
