using Sequor.Native;

namespace Sequor.Interop;

// The matrix products of a cuBLAS handle, single and in batches of equal strides.
public sealed unsafe partial class CuBlasHandle
{
    /// <summary>C = alpha op(A) op(B) + beta C, row-major, queued in the handle's stream. Allocates nothing.</summary>
    /// <param name="a">[m, k], or [k, m] where it is transposed.</param>
    /// <param name="transposeA">Whether op(A) is A transposed.</param>
    /// <param name="b">[k, n], or [n, k] where it is transposed.</param>
    /// <param name="transposeB">Whether op(B) is B transposed.</param>
    /// <param name="c">[m, n]; where beta is 0 it is only written. Must not overlap the others.</param>
    /// <param name="alpha">The factor of the product.</param>
    /// <param name="beta">The factor of what C holds before.</param>
    /// <exception cref="ArgumentException">The sizes do not fit, or memory belongs to another context.</exception>
    public void Multiply(
        in Matrix a,
        bool transposeA,
        in Matrix b,
        bool transposeB,
        in Matrix c,
        float alpha = 1,
        float beta = 0
    )
    {
        int depth = Fit(a, transposeA, b, transposeB, c);
        a.Require(nameof(a), Context);
        b.Require(nameof(b), Context);
        c.Require(nameof(c), Context);
        using CudaContextScope scope = Context.Enter();
        // cuBLAS is column-major, and so sees every matrix transposed: it computes C' = op(B)' op(A)'.
        cublasStatus_t status = _library.cublasSgemm(
            Handle,
            Operation(transposeB),
            Operation(transposeA),
            c.Columns,
            c.Rows,
            depth,
            &alpha,
            b.Elements.Pointer,
            b.Stride,
            a.Elements.Pointer,
            a.Stride,
            &beta,
            c.Elements.Pointer,
            c.Stride
        );
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            throw Error(Context, status, nameof(CuBlas.cublasSgemm), $"{a} by {b} to {c}");
        Context.Queued(nameof(CuBlas.cublasSgemm), _stream);
    }

    /// <summary>The same as <see cref="Multiply"/> for several products, whose matrices lie at constant distances.</summary>
    /// <param name="a">The first A.</param>
    /// <param name="transposeA">Whether op(A) is A transposed.</param>
    /// <param name="distanceA">The number of elements from one A to the next; 0 to use one A for all.</param>
    /// <param name="b">The first B.</param>
    /// <param name="transposeB">Whether op(B) is B transposed.</param>
    /// <param name="distanceB">The number of elements from one B to the next; 0 to use one B for all.</param>
    /// <param name="c">The first C.</param>
    /// <param name="distanceC">The number of elements from one C to the next; they must not overlap.</param>
    /// <param name="count">The number of products, above 0.</param>
    /// <param name="alpha">The factor of the products.</param>
    /// <param name="beta">The factor of what C holds before.</param>
    public void MultiplyBatch(
        in Matrix a,
        bool transposeA,
        long distanceA,
        in Matrix b,
        bool transposeB,
        long distanceB,
        in Matrix c,
        long distanceC,
        int count,
        float alpha = 1,
        float beta = 0
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfNegative(distanceA);
        ArgumentOutOfRangeException.ThrowIfNegative(distanceB);
        if (count > 1 && distanceC < c.Extent)
            throw new ArgumentOutOfRangeException(
                nameof(distanceC),
                distanceC,
                $"Results of {c.Extent} elements would overlap."
            );
        int depth = Fit(a, transposeA, b, transposeB, c);
        a.Require(nameof(a), Context, (count - 1) * distanceA);
        b.Require(nameof(b), Context, (count - 1) * distanceB);
        c.Require(nameof(c), Context, (count - 1) * distanceC);
        using CudaContextScope scope = Context.Enter();
        cublasStatus_t status = _library.cublasSgemmStridedBatched(
            Handle,
            Operation(transposeB),
            Operation(transposeA),
            c.Columns,
            c.Rows,
            depth,
            &alpha,
            b.Elements.Pointer,
            b.Stride,
            distanceB,
            a.Elements.Pointer,
            a.Stride,
            distanceA,
            &beta,
            c.Elements.Pointer,
            c.Stride,
            distanceC,
            count
        );
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            throw Error(
                Context,
                status,
                nameof(CuBlas.cublasSgemmStridedBatched),
                $"{count} times {a} by {b} to {c}"
            );
        Context.Queued(nameof(CuBlas.cublasSgemmStridedBatched), _stream);
    }

    private static int Fit(in Matrix a, bool transposeA, in Matrix b, bool transposeB, in Matrix c)
    {
        (int rows, int depth) = transposeA ? (a.Columns, a.Rows) : (a.Rows, a.Columns);
        (int other, int columns) = transposeB ? (b.Columns, b.Rows) : (b.Rows, b.Columns);
        return depth == other && c.Rows == rows && c.Columns == columns
            ? depth
            : throw new ArgumentException(
                $"op(A) is {rows} x {depth}, op(B) {other} x {columns} and C {c}: these do not fit."
            );
    }

    internal static cublasOperation_t Operation(bool transpose) =>
        transpose ? cublasOperation_t.CUBLAS_OP_T : cublasOperation_t.CUBLAS_OP_N;
}
