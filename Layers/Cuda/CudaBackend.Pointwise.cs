using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// Elementwise operations, one launch each.
public sealed partial class CudaBackend
{
    internal override void Pointwise(PointwiseOp op, in PointwiseArguments arguments)
    {
        DeviceSpan<float> a = Span(arguments.A);
        DeviceSpan<float> b = Span(arguments.B);
        DeviceSpan<float> result = Span(arguments.Out);
        long count = arguments.Out.Count;
        KernelGrid flat = KernelGrid.Flat(count);
        switch (op)
        {
            case PointwiseOp.Add:
                Kernels.Launch("add", flat, a, b, result, count);
                break;
            case PointwiseOp.Gelu:
                Kernels.Launch("gelu", flat, a, result, count);
                break;
            case PointwiseOp.GeluGradient:
                Kernels.Launch("gelu_gradient", flat, a, b, result, count);
                break;
            case PointwiseOp.ReluGradient:
                Kernels.Launch("relu_gradient", flat, a, b, result, count);
                break;
            case PointwiseOp.ResidualRelu:
                Kernels.Launch("residual_relu", flat, a, result, Span(arguments.Bits), count);
                break;
            case PointwiseOp.ResidualReluGradient:
                Kernels.Launch(
                    "residual_relu_gradient",
                    flat,
                    a,
                    b,
                    Span(arguments.Bits),
                    result,
                    count
                );
                break;
            case PointwiseOp.AddTimesRow:
                ByRow("add_times_row", arguments);
                break;
            case PointwiseOp.TimesRow when arguments.Layout is { IsPacked: true } layout:
                ByPackedRow(arguments, layout);
                break;
            case PointwiseOp.TimesRow:
                ByRow("times_row", arguments);
                break;
            case PointwiseOp.Glu:
                Gate(a, b, result, arguments.Out);
                break;
            case PointwiseOp.GluGradient:
                GateGradient(arguments.A, b);
                break;
            default:
                throw new ArgumentOutOfRangeException(
                    nameof(op),
                    op,
                    "There is no such operation."
                );
        }
    }

    // The row is repeated over all of the output, whatever its own columns are.
    private void ByRow(string kernel, in PointwiseArguments arguments)
    {
        int columns = checked((int)arguments.Row.Count);
        long rows = arguments.Out.Count / columns;
        KernelGrid grid = KernelGrid.Rows(rows, columns);
        Kernels.Launch(
            kernel,
            grid,
            Span(arguments.A),
            Span(arguments.Row),
            Span(arguments.Out),
            rows,
            columns,
            grid.Lanes
        );
    }

    private void ByPackedRow(in PointwiseArguments arguments, SequenceLayout layout)
    {
        int size = arguments.Out.Shape.Columns;
        int columns = checked(size * layout.Batch);
        KernelGrid grid = KernelGrid.Rows(layout.Steps, columns);
        Kernels.Launch(
            "times_row_packed",
            grid,
            Span(arguments.A),
            Span(arguments.Row),
            Span(arguments.Out),
            FirstRows(layout),
            layout.Steps,
            size,
            columns,
            grid.Lanes
        );
    }

    private void Gate(
        DeviceSpan<float> a,
        DeviceSpan<float> b,
        DeviceSpan<float> result,
        Tensor shaped
    )
    {
        long rows = shaped.Shape.Rows;
        int columns = shaped.Shape.Columns;
        KernelGrid grid = KernelGrid.Rows(rows, columns);
        Kernels.Launch("glu", grid, a, b, result, rows, columns, grid.Lanes);
    }

    private void GateGradient(Tensor a, DeviceSpan<float> b)
    {
        long rows = a.Shape.Rows;
        int columns = a.Shape.Columns;
        KernelGrid grid = KernelGrid.Rows(rows, columns);
        Kernels.Launch("glu_gradient", grid, Span(a), b, rows, columns, grid.Lanes);
    }
}
