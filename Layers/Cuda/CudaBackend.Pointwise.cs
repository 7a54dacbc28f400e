using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// Elementwise operations, with the sums that they leave, in one launch each.
public sealed partial class CudaBackend
{
    internal override bool AddsBiasInProducts => false;

    internal override long BitCount(Shape shape) =>
        checked(shape.Rows * KernelGrid.BitBytes(shape.Columns) + sizeof(float) - 1)
        / sizeof(float);

    private protected override void PointwiseCore(PointwiseOp op, in PointwiseArguments arguments)
    {
        switch (op)
        {
            case PointwiseOp.Add:
                Kernels.Launch(
                    "add",
                    KernelGrid.Flat(arguments.Out.Count),
                    Span(arguments.A),
                    Span(arguments.B),
                    Span(arguments.Out),
                    arguments.Out.Count
                );
                break;
            case PointwiseOp.MultiplyAddGelu:
                MultiplyAddGelu(arguments);
                break;
            case PointwiseOp.MultiplyAddGeluGradient:
                MultiplyAddGeluGradient(arguments);
                break;
            case PointwiseOp.MultiplyAdd:
                MultiplyAdd(arguments);
                break;
            case PointwiseOp.AddRelu:
                Kernels.Launch(
                    "add_relu",
                    KernelGrid.Flat(arguments.Out.Count),
                    Span(arguments.A),
                    Span(arguments.B),
                    Span(arguments.Out),
                    arguments.Out.Count
                );
                break;
            case PointwiseOp.ReluGradient:
                Kernels.Launch(
                    "relu_slope",
                    KernelGrid.Flat(arguments.Out.Count),
                    Span(arguments.A),
                    Span(arguments.B),
                    Span(arguments.Out),
                    arguments.Out.Count
                );
                break;
            case PointwiseOp.GluGradient:
                GluGradient(arguments);
                break;
            case PointwiseOp.Gelu:
                Kernels.Launch(
                    "gelu",
                    KernelGrid.Flat(arguments.Out.Count),
                    Span(arguments.A),
                    Span(arguments.Out),
                    arguments.Out.Count
                );
                break;
            case PointwiseOp.GeluGradient:
                Kernels.Launch(
                    "gelu_slope",
                    KernelGrid.Flat(arguments.Out.Count),
                    Span(arguments.A),
                    Span(arguments.B),
                    Span(arguments.Out),
                    arguments.Out.Count
                );
                break;
            case PointwiseOp.AddGated:
                AddGated(arguments);
                break;
            case PointwiseOp.AddGatedGradient:
                AddGatedGradient(arguments);
                break;
            case PointwiseOp.AddGlu:
                AddGlu(arguments);
                break;
            case PointwiseOp.AddGluGradientAndGelu:
                AddGluGradientAndGelu(arguments);
                break;
            default:
                throw new ArgumentOutOfRangeException(
                    nameof(op),
                    op,
                    "There is no such operation."
                );
        }
    }

    // The row is repeated over the whole output, whose own column count may be a different one.
    private void MultiplyAdd(in PointwiseArguments arguments)
    {
        int columns = checked((int)arguments.Row.Count);
        long rows = arguments.Out.Count / columns;
        KernelGrid grid = KernelGrid.Packs(rows, columns);
        Kernels.Launch(
            "add_times_row",
            grid,
            Span(arguments.A),
            Span(arguments.Row),
            Span(arguments.Out),
            rows,
            columns,
            grid.Lanes
        );
    }

    private void MultiplyAddGelu(in PointwiseArguments arguments)
    {
        int columns = checked((int)arguments.Row.Count);
        long rows = arguments.Out.Count / columns;
        KernelGrid grid = KernelGrid.Packs(rows, columns);
        Kernels.Launch(
            "gelu_of_sum",
            grid,
            Span(arguments.A),
            Span(arguments.Row),
            Span(arguments.B),
            Span(arguments.Out),
            rows,
            columns,
            grid.Lanes
        );
    }

    private void MultiplyAddGeluGradient(in PointwiseArguments arguments)
    {
        long rows = arguments.Out.Shape.Rows;
        int columns = arguments.Out.Shape.Columns;
        KernelGrid grid = KernelGrid.WritingColumnSums(rows, columns, 1);
        Kernels.Launch(
            "gelu_gradient",
            grid,
            Span(arguments.A),
            Span(arguments.B),
            Span(arguments.C),
            Span(arguments.Out),
            Span(arguments.Sum),
            rows,
            columns,
            grid.Lanes,
            Scratch.Partials,
            Scratch.Counters
        );
    }

    private void AddGlu(in PointwiseArguments arguments)
    {
        long rows = arguments.Out.Shape.Rows;
        int columns = arguments.Out.Shape.Columns;
        KernelGrid grid = KernelGrid.Packs(rows, columns);
        Kernels.Launch(
            "glu",
            grid,
            Span(arguments.A),
            Span(arguments.B),
            Span(arguments.Row),
            Span(arguments.Out),
            rows,
            columns,
            grid.Lanes
        );
    }

    private void GluGradient(in PointwiseArguments arguments)
    {
        long rows = arguments.A.Shape.Rows;
        int columns = arguments.A.Shape.Columns;
        KernelGrid grid = KernelGrid.Packs(rows, columns);
        Kernels.Launch(
            "glu_slope",
            grid,
            Span(arguments.A),
            Span(arguments.B),
            rows,
            columns,
            grid.Lanes
        );
    }

    private void AddGated(in PointwiseArguments arguments)
    {
        long rows = arguments.Out.Shape.Rows;
        int columns = arguments.Out.Shape.Columns;
        KernelGrid grid = KernelGrid.Packs(rows, columns);
        Kernels.Launch(
            "gated",
            grid,
            Span(arguments.A),
            Span(arguments.B),
            Span(arguments.Row),
            Span(arguments.C),
            Span(arguments.Out),
            rows,
            columns,
            grid.Lanes
        );
    }

    private void AddGatedGradient(in PointwiseArguments arguments)
    {
        long rows = arguments.Out.Shape.Rows;
        int columns = arguments.Out.Shape.Columns;
        KernelGrid grid = KernelGrid.WritingColumnSums(rows, columns, 1);
        Kernels.Launch(
            "gated_gradient",
            grid,
            Span(arguments.A),
            Span(arguments.B),
            Span(arguments.Row),
            Span(arguments.C),
            Span(arguments.Out),
            Span(arguments.Sum),
            rows,
            columns,
            grid.Lanes,
            Scratch.Partials,
            Scratch.Counters
        );
    }

    private void AddGluGradientAndGelu(in PointwiseArguments arguments)
    {
        long rows = arguments.Out.Shape.Rows;
        int columns = arguments.Out.Shape.Columns;
        KernelGrid grid = KernelGrid.WritingColumnSums(rows, columns, 2);
        Kernels.Launch(
            "glu_gradient",
            grid,
            Span(arguments.A),
            Span(arguments.B),
            Span(arguments.Row),
            Span(arguments.C),
            Span(arguments.Out),
            Span(arguments.Sum),
            rows,
            columns,
            grid.Lanes,
            Scratch.Partials,
            Scratch.Counters
        );
    }
}
