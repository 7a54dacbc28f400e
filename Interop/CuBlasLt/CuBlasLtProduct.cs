using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// Products of a <see cref="CuBlasLtPlan"/> with a vector at one address. Its descriptor is never set again, so that a captured product
/// computes the same at each replay, whether cuBLASLt copies the descriptor or not.
/// </summary>
public sealed unsafe class CuBlasLtProduct : CudaObject
{
    private readonly cublasLtMatmulDesc_t _descriptor;

    private CuBlasLtProduct(
        CuBlasLtPlan plan,
        DeviceSpan<float> vector,
        cublasLtMatmulDesc_t descriptor
    )
        : base(plan)
    {
        (Plan, Vector, _descriptor) = (plan, vector, descriptor);
        vector.Memory!.Hold();
    }

    internal static CuBlasLtProduct Create(CuBlasLtPlan plan, DeviceSpan<float> vector)
    {
        plan.ThrowIfDisposed();
        if (vector.Length < plan.Shape.VectorCount)
            throw new ArgumentException(
                $"The vector has {vector.Length} values; {plan.Shape} wants {plan.Shape.VectorCount}.",
                nameof(vector)
            );
        vector.Require(plan.Context, nameof(vector));
        Require(plan, vector, nameof(vector));
        using CudaContextScope scope = plan.Context.Enter();
        return new CuBlasLtProduct(plan, vector, plan.Descriptor((nint)vector.Handle.Value));
    }

    /// <summary>Algorithm and shape.</summary>
    public CuBlasLtPlan Plan { get; }

    /// <summary>The bias, or the place of the sums. The product keeps it from being released.</summary>
    public DeviceSpan<float> Vector { get; }

    /// <summary>C = op(A) op(B) + beta C with the plan's epilogue, row-major, queued in a stream. Allocates nothing.</summary>
    /// <param name="a">[m, k], or [k, m] where it is transposed, without gaps between rows.</param>
    /// <param name="b">[k, n], or [n, k] where it is transposed, without gaps between rows.</param>
    /// <param name="c">[m, n], without gaps between rows; where beta is 0 it is only written. Must not overlap the others.</param>
    /// <param name="workspace">Scratch of at least <see cref="CuBlasLtPlan.WorkspaceBytes"/>, aligned to 256 bytes.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="beta">The factor of what C holds before.</param>
    /// <exception cref="ArgumentException">
    /// The sizes are not the shape's, an address is not aligned as it says, the workspace is too small, or memory belongs to another context.
    /// </exception>
    /// <exception cref="CublasException">cuBLASLt refuses.</exception>
    public void Multiply(
        in Matrix a,
        in Matrix b,
        in Matrix c,
        DeviceSpan<byte> workspace,
        CudaStream stream,
        float beta = 0
    )
    {
        ArgumentNullException.ThrowIfNull(stream);
        ThrowIfDisposed();
        CudaContext context = Plan.Context;
        stream.Require(context, nameof(stream));
        CuBlasLtShape shape = Plan.Shape;
        Require(a, shape.TransposeA ? (shape.K, shape.M) : (shape.M, shape.K), nameof(a));
        Require(b, shape.TransposeB ? (shape.N, shape.K) : (shape.K, shape.N), nameof(b));
        Require(c, (shape.M, shape.N), nameof(c));
        CuBlasHandle.Require(context, workspace);
        if (workspace.ByteCount < Plan.WorkspaceBytes)
            throw new ArgumentException(
                $"{shape} wants {Plan.WorkspaceBytes} bytes of workspace; there are {workspace.ByteCount}.",
                nameof(workspace)
            );
        float one = 1;
        using CudaContextScope scope = context.Enter();
        cublasStatus_t status;
        fixed (cublasLtMatmulAlgo_t* algorithm = &Plan.Algorithm)
            status = Plan.Library.cublasLtMatmul(
                Plan.LtHandle.NativeHandle,
                _descriptor,
                &one,
                b.Elements.Pointer,
                Plan.LayoutOfB,
                a.Elements.Pointer,
                Plan.LayoutOfA,
                &beta,
                c.Elements.Pointer,
                Plan.LayoutOfC,
                c.Elements.Pointer,
                Plan.LayoutOfC,
                algorithm,
                workspace.Pointer,
                (nuint)workspace.ByteCount,
                new(stream.Handle.Value)
            );
        Plan.Check(status, nameof(CuBlasLt.cublasLtMatmul));
        context.Queued(nameof(CuBlasLt.cublasLtMatmul), stream);
    }

    private protected override CudaContext Home => Plan.Context;

    private protected override void Release() => Plan.Destroy(_descriptor);

    private protected override void LetGo(bool forgotten) => Vector.Memory!.Drop(forgotten);

    private void Require(in Matrix matrix, (int Rows, int Columns) size, string argument)
    {
        matrix.Require(argument, Plan.Context);
        if (matrix.Rows != size.Rows || matrix.Columns != size.Columns)
            throw new ArgumentException(
                $"{argument} is {matrix}; {Plan.Shape} wants {size.Rows} x {size.Columns}.",
                argument
            );
        if (matrix.Stride != matrix.Columns)
            throw new ArgumentException(
                $"{argument} is {matrix} with rows {matrix.Stride} apart; there are no gaps between rows here.",
                argument
            );
        Require(Plan, matrix.Elements, argument);
    }

    private static void Require(CuBlasLtPlan plan, DeviceSpan<float> memory, string argument)
    {
        int alignment = plan.Shape.Alignment;
        if (memory.Handle.Value % (ulong)alignment != 0)
            throw new ArgumentException(
                $"{argument} at 0x{memory.Handle.Value:x} is not aligned to {alignment} bytes, as {plan.Shape} says.",
                argument
            );
    }
}
