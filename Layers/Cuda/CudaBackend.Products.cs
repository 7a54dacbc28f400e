using Sequor.Interop;
using Sequor.Native;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// Products by cuBLAS; what is added to their rows, and sums over rows, by kernels.
public sealed partial class CudaBackend
{
    private Storage? _ones;

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
        Kernels.Launch(
            "add_row",
            grid,
            Span(row),
            c.Elements,
            (long)c.Rows,
            c.Columns,
            grid.Lanes
        );
    }

    /// <summary>C = op(A) op(B) for so many matrices at fixed distances, in true float32.</summary>
    internal void ExactlyEach(
        in Matrix a,
        long distanceA,
        in Matrix b,
        long distanceB,
        in Matrix c,
        long distanceC,
        int count,
        bool transposeA = false,
        bool transposeB = false
    )
    {
        cublasMath_t usual = CuBlas.MathMode;
        CuBlas.MathMode = cublasMath_t.CUBLAS_PEDANTIC_MATH;
        try
        {
            CuBlas.MultiplyBatch(
                a,
                transposeA,
                distanceA,
                b,
                transposeB,
                distanceB,
                c,
                distanceC,
                count
            );
        }
        finally
        {
            CuBlas.MathMode = usual;
        }
    }

    /// <summary>C = op(A) op(B) in true float32, whatever else products use.</summary>
    internal void Exactly(
        in Matrix a,
        bool transposeA,
        in Matrix b,
        bool transposeB,
        in Matrix c,
        float beta = 0
    )
    {
        cublasMath_t usual = CuBlas.MathMode;
        CuBlas.MathMode = cublasMath_t.CUBLAS_PEDANTIC_MATH;
        try
        {
            CuBlas.Multiply(a, transposeA, b, transposeB, c, beta: beta);
        }
        finally
        {
            CuBlas.MathMode = usual;
        }
    }

    /// <summary>A tensor as rows and columns.</summary>
    internal static Matrix Matrix(Tensor tensor) =>
        new(Span(tensor), checked((int)tensor.Shape.Rows), tensor.Shape.Columns);

    /// <summary>Every row of c = row.</summary>
    internal void Repeat(Tensor row, in Matrix c) =>
        Exactly(
            new Matrix(Ones(c.Rows), c.Rows, 1),
            false,
            new Matrix(Span(row), 1, c.Columns),
            false,
            c
        );

    /// <summary>As many ones. They grow with the largest need, which a plan's first step has.</summary>
    internal DeviceSpan<float> Ones(int count)
    {
        if (_ones is null || _ones.Count < count)
        {
            _ones?.Dispose();
            _ones = null;
            Storage grown = Allocate(count, MemoryCategory.Workspace);
            Fill(new Tensor(grown, 0, new Shape(count)), 1f);
            _ones = grown;
        }
        return Block(_ones).Slice(0, count);
    }
}
