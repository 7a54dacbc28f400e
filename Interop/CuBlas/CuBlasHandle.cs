using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A handle of the cuBLAS library, through which calls are made, with their stream, workspace and arithmetic. It is for one thread at a
/// time; threads that work at the same time need a handle each.
/// </summary>
public sealed unsafe partial class CuBlasHandle : CudaObject
{
    /// <summary>The alignment of a workspace's address, in bytes.</summary>
    public const int WorkspaceAlignment = 256;

    private readonly cublasHandle_t _handle;
    private readonly CuBlas _library;
    private CudaStream _stream;
    private DeviceSpan<byte> _workspace;
    private cublasMath_t _mathMode;

    private CuBlasHandle(CudaContext context, CudaStream stream, cublasHandle_t handle)
        : base(context)
    {
        Context = context;
        _library = context.Libraries.CuBlas;
        _handle = handle;
        _stream = stream;
        stream.Hold();
    }

    /// <summary>Makes a handle with full single-precision arithmetic, for a stream with its own workspace.</summary>
    /// <param name="stream">The stream that the handle's work is queued in.</param>
    /// <param name="workspace">
    /// Scratch memory, aligned to 256 bytes, for the calls in this stream alone. If it is empty, the handle's own is used, which cuBLAS
    /// allocates; that is not possible during a capture.
    /// </param>
    /// <exception cref="LibraryException">There is no cuBLAS for cuDNN's CUDA version.</exception>
    public static CuBlasHandle Create(CudaStream stream, DeviceSpan<byte> workspace = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.ThrowIfDisposed();
        CudaContext context = stream.Context;
        Require(context, workspace);
        CuBlas library = context.Libraries.CuBlas;
        using CudaContextScope scope = context.Enter();
        cublasHandle_t native;
        cublasStatus_t status = library.cublasCreate(&native);
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            throw Error(context, status, nameof(library.cublasCreate));
        var handle = new CuBlasHandle(context, stream, native);
        try
        {
            handle.SetNative(stream, workspace);
            handle.SetNative(cublasMath_t.CUBLAS_PEDANTIC_MATH);
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>The context that the handle belongs to.</summary>
    public CudaContext Context { get; }

    /// <summary>cuBLAS's handle.</summary>
    public cublasHandle_t Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>The stream that the handle's work is queued in. The handle keeps it from being released as long as it is set.</summary>
    public CudaStream Stream => _stream;

    /// <summary>The handle's workspace; empty for cuBLAS's own. The handle keeps it from being released as long as it is set.</summary>
    public DeviceSpan<byte> Workspace => _workspace;

    /// <summary>
    /// The arithmetic that is allowed. CUBLAS_PEDANTIC_MATH (the initial value) and CUBLAS_DEFAULT_MATH are full single precision;
    /// CUBLAS_TF32_TENSOR_OP_MATH rounds the factors of products to TF32.
    /// </summary>
    public cublasMath_t MathMode
    {
        get => _mathMode;
        set
        {
            if (value == _mathMode)
                return;
            using CudaContextScope scope = Context.Enter();
            SetNative(value);
        }
    }

    /// <summary>Sets stream and workspace together, since cuBLAS forgets the workspace when the stream is set.</summary>
    /// <param name="stream">A stream of the handle's context.</param>
    /// <param name="workspace">Scratch memory for the calls in this stream alone; empty for cuBLAS's own.</param>
    public void SetStream(CudaStream stream, DeviceSpan<byte> workspace = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Require(Context, nameof(stream));
        Require(Context, workspace);
        if (ReferenceEquals(stream, _stream) && workspace == _workspace)
            return;
        using CudaContextScope scope = Context.Enter();
        SetNative(stream, workspace);
    }

    private protected override CudaContext Home => Context;

    private protected override void Release()
    {
        cublasStatus_t status = _library.cublasDestroy(_handle);
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            Context.Park(Error(Context, status, nameof(CuBlas.cublasDestroy)));
    }

    private protected override void LetGo(bool forgotten)
    {
        _stream.Drop(forgotten);
        _workspace.Memory?.Drop(forgotten);
    }

    private void SetNative(CudaStream stream, DeviceSpan<byte> workspace)
    {
        Check(
            _library.cublasSetStream(Handle, new(stream.Handle.Value)),
            nameof(CuBlas.cublasSetStream)
        );
        stream.Hold();
        _stream.Drop(forgotten: false);
        _stream = stream;
        _workspace.Memory?.Drop(forgotten: false);
        _workspace = default;
        if (workspace.IsEmpty)
            return;
        Check(
            _library.cublasSetWorkspace(Handle, workspace.Pointer, (nuint)workspace.ByteCount),
            nameof(CuBlas.cublasSetWorkspace)
        );
        workspace.Memory!.Hold();
        _workspace = workspace;
    }

    private void SetNative(cublasMath_t mode)
    {
        Check(_library.cublasSetMathMode(Handle, mode), nameof(CuBlas.cublasSetMathMode));
        _mathMode = mode;
    }

    private void Check(cublasStatus_t status, string call, string detail = "")
    {
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            throw Error(Context, status, call, detail);
    }

    internal static CublasException Error(
        CudaContext context,
        cublasStatus_t status,
        string call,
        string detail = ""
    )
    {
        string where = detail.Length == 0 ? "" : $": {detail}";
        string lost = context.LossBehind(call);
        var error = new CublasException(status, call, $"{call} gave {status}{where}.{lost}");
        context.Spoilt(error);
        return error;
    }

    internal static void Require(CudaContext context, DeviceSpan<byte> workspace)
    {
        workspace.Require(context, nameof(workspace));
        if (workspace.Handle.Value % WorkspaceAlignment != 0)
            throw new ArgumentException(
                $"The workspace at 0x{workspace.Handle.Value:x} is not aligned to"
                    + $" {WorkspaceAlignment} bytes.",
                nameof(workspace)
            );
    }
}
