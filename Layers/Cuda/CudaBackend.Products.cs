using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// Products by cuBLAS; what is added to their rows, and sums over rows, by kernels.
public sealed partial class CudaBackend
{
    internal override void MatMul(in MatrixProduct product)
    {
        Matrix a = Matrix(product.A);
        Matrix b = Matrix(product.B);
        Matrix c = Matrix(product.C);
        Multiply(a, product.TransposeA, b, product.TransposeB, c, beta: product.Accumulate ? 1 : 0);
        if (!product.Bias.IsEmpty)
            AddToRows(product.Bias, c);
    }

    internal override void ColumnSum(Tensor a, Tensor b, Tensor sum)
    {
        long rows = a.Shape.Rows;
        int columns = a.Shape.Columns;
        KernelGrid grid = KernelGrid.ColumnSums(rows, columns);
        Kernels.Launch(
            "column_sum",
            grid,
            Span(a),
            Span(b),
            Span(sum),
            rows,
            columns,
            grid.Lanes,
            Scratch.Partials,
            Scratch.Counters
        );
    }

    internal override void CopyColumns(in ColumnCopy copy)
    {
        int columns = copy.Columns;
        long rows = copy.From.Shape.Rows;
        KernelGrid grid = KernelGrid.Rows(rows, columns);
        Kernels.Launch(
            "copy_columns",
            grid,
            Part(copy.From, copy.FromColumn, columns),
            copy.From.Shape.Columns,
            Part(copy.To, copy.ToColumn, columns),
            copy.To.Shape.Columns,
            rows,
            columns,
            grid.Lanes
        );
    }

    // From the first value of some columns to the last.
    private static DeviceSpan<float> Part(Tensor matrix, int column, int columns) =>
        Span(matrix).Slice(column, (matrix.Shape.Rows - 1) * matrix.Shape.Columns + columns);

    /// <summary>c += row, in every row, which follow each other without gaps.</summary>
    internal void AddToRows(Tensor row, in Matrix c)
    {
        KernelGrid grid = KernelGrid.Rows(c.Rows, c.Columns);
        Kernels.Launch("add_row", grid, Span(row), c.Elements, (long)c.Rows, c.Columns, grid.Lanes);
    }

    /// <summary>A tensor as rows and columns.</summary>
    internal static Matrix Matrix(Tensor tensor) =>
        new(Span(tensor), checked((int)tensor.Shape.Rows), tensor.Shape.Columns);
}
