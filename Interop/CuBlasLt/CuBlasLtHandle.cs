using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A handle of the cuBLASLt library, by which algorithms for products are chosen and products are queued. It has no stream and no
/// workspace: each product is given its own.
/// </summary>
public sealed unsafe class CuBlasLtHandle : CudaObject
{
    private readonly cublasLtHandle_t _handle;

    private CuBlasLtHandle(CudaContext context, CuBlasLt library, cublasLtHandle_t handle)
        : base(context)
    {
        Context = context;
        Library = library;
        _handle = handle;
    }

    /// <summary>Makes a handle.</summary>
    /// <param name="context">The context that products are queued in.</param>
    /// <exception cref="LibraryException">There is no cuBLASLt of cuBLAS's version; the message says why.</exception>
    /// <exception cref="CublasException">cuBLASLt refuses.</exception>
    public static CuBlasLtHandle Create(CudaContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.ThrowIfDisposed();
        CuBlasLt library = context.Libraries.Native.CuBlasLt.Require();
        using CudaContextScope scope = context.Enter();
        cublasLtHandle_t native;
        cublasStatus_t status = library.cublasLtCreate(&native);
        return status == cublasStatus_t.CUBLAS_STATUS_SUCCESS
            ? new CuBlasLtHandle(context, library, native)
            : throw CuBlasHandle.Error(context, status, nameof(library.cublasLtCreate));
    }

    /// <summary>The context that the handle belongs to.</summary>
    public CudaContext Context { get; }

    /// <summary>cuBLASLt's handle.</summary>
    public cublasLtHandle_t Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    // For what was made of the handle, and keeps it.
    internal cublasLtHandle_t NativeHandle => _handle;

    internal CuBlasLt Library { get; }

    /// <summary>Chooses an algorithm for products of a shape. Nothing runs.</summary>
    /// <param name="shape">The shape.</param>
    /// <exception cref="CublasException">cuBLASLt has no algorithm for it (CUBLAS_STATUS_NOT_SUPPORTED).</exception>
    /// <exception cref="ArgumentException">A size is below 1, or the alignment is no power of 2 from 4 on.</exception>
    public CuBlasLtPlan Plan(in CuBlasLtShape shape) => CuBlasLtPlan.Create(this, shape);

    private protected override CudaContext Home => Context;

    private protected override void Release()
    {
        cublasStatus_t status = Library.cublasLtDestroy(_handle);
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            Context.Park(CuBlasHandle.Error(Context, status, nameof(CuBlasLt.cublasLtDestroy)));
    }
}
