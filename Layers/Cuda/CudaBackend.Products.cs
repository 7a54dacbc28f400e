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
        CuBlas.Multiply(
            a,
            product.TransposeA,
            b,
            product.TransposeB,
            c,
            beta: product.Accumulate ? 1 : 0
        );
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
