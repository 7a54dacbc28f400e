using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// Matrix products by cuBLAS, or where their biases are joined to them by cuBLASLt. Else kernels of Sequor's own add biases to their rows, sum over rows and copy columns.
public sealed partial class CudaBackend
{
    private protected override void MatMulCore(in MatrixProduct product)
    {
        if (!_epilogues.TryMultiply(product))
            MultiplyByKernels(product);
    }

    /// <summary>A product by cuBLAS, and by kernels what goes beside it.</summary>
    internal void MultiplyByKernels(in MatrixProduct product)
    {
        Matrix a = Matrix(product.A);
        Matrix b = Matrix(product.B);
        Matrix c = Matrix(product.C);
        Multiply(a, product.TransposeA, b, product.TransposeB, c, beta: product.Accumulate ? 1 : 0);
        if (!product.Bias.IsEmpty)
            AddToRows(product.Bias, c);
        if (!product.Sums.IsEmpty)
            ColumnSumCore(product.A, default, product.Sums);
    }

    private protected override void ColumnSumCore(Tensor a, Tensor b, Tensor sum)
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

    private protected override void CopyColumnsCore(in ColumnCopy copy)
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

    // The memory from the first value of a range of columns to its last one; the other columns lie in between.
    private static DeviceSpan<float> Part(Tensor matrix, int column, int columns) =>
        Span(matrix).Slice(column, (matrix.Shape.Rows - 1) * matrix.Shape.Columns + columns);

    /// <summary>Adds a row to every row of c, whose rows must follow each other without gaps.</summary>
    internal void AddToRows(Tensor row, in Matrix c)
    {
        KernelGrid grid = KernelGrid.Packs(c.Rows, c.Columns);
        Kernels.Launch("add_row", grid, Span(row), c.Elements, (long)c.Rows, c.Columns, grid.Lanes);
    }

    /// <summary>Sees a tensor as a matrix: its last dimension is the columns, all others are the rows.</summary>
    internal static Matrix Matrix(Tensor tensor) =>
        new(Span(tensor), checked((int)tensor.Shape.Rows), tensor.Shape.Columns);
}
