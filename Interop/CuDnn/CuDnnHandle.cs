using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A handle of the cuDNN library, through which calls are made; their work is queued in the handle's stream. It is for one thread at a
/// time; threads that work at the same time need a handle each.
/// </summary>
public sealed unsafe class CuDnnHandle : CudaObject
{
    private readonly cudnnHandle_t _handle;
    private CudaStream _stream;
    private cudnnDropoutDescriptor_t _noDropout;

    private CuDnnHandle(CudaContext context, CudaStream stream, cudnnHandle_t handle)
        : base(context)
    {
        Context = context;
        _handle = handle;
        _stream = stream;
        stream.Hold();
    }

    /// <summary>Makes a handle, which waits for the device.</summary>
    /// <param name="stream">The stream that the handle's work is queued in.</param>
    /// <exception cref="LibraryException">There is no cuDNN 9.</exception>
    public static CuDnnHandle Create(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.ThrowIfDisposed();
        CudaContext context = stream.Context;
        CuDnn library = context.Libraries.CuDnn;
        using CudaContextScope scope = context.Enter();
        cudnnHandle_t native;
        CuDnnStatus.Check(context, library.cudnnCreate(&native), nameof(library.cudnnCreate));
        var handle = new CuDnnHandle(context, stream, native);
        try
        {
            handle.SetNative(stream);
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

    /// <summary>cuDNN's handle.</summary>
    public cudnnHandle_t Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>The stream that the handle's work is queued in. The handle keeps it from being released as long as it is set.</summary>
    public CudaStream Stream
    {
        get => _stream;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            value.Require(Context, nameof(value));
            if (ReferenceEquals(value, _stream))
                return;
            using CudaContextScope scope = Context.Enter();
            SetNative(value);
            value.Hold();
            _stream.Drop(forgotten: false);
            _stream = value;
        }
    }

    internal CuDnn Library => Context.Libraries.CuDnn;

    /// <summary>
    /// A dropout descriptor with rate 0 and without states, since cuDNN accepts no recurrent network without a dropout descriptor. It is
    /// made on first use and released with the handle.
    /// </summary>
    internal cudnnDropoutDescriptor_t NoDropout
    {
        get
        {
            if (_noDropout == default)
                _noDropout = MakeNoDropout();
            return _noDropout;
        }
    }

    /// <summary>Throws if a call failed.</summary>
    internal void Check(cudnnStatus_t status, string call, string detail = "")
    {
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            throw CuDnnStatus.Error(Context, status, call, detail);
    }

    private protected override CudaContext Home => Context;

    private protected override void Release()
    {
        if (_noDropout != default)
            CuDnnStatus.Park(
                Context,
                Library.cudnnDestroyDropoutDescriptor(_noDropout),
                nameof(CuDnn.cudnnDestroyDropoutDescriptor)
            );
        CuDnnStatus.Park(Context, Library.cudnnDestroy(_handle), nameof(CuDnn.cudnnDestroy));
    }

    private cudnnDropoutDescriptor_t MakeNoDropout()
    {
        using CudaContextScope scope = Context.Enter();
        cudnnDropoutDescriptor_t made;
        Check(
            Library.cudnnCreateDropoutDescriptor(&made),
            nameof(CuDnn.cudnnCreateDropoutDescriptor)
        );
        cudnnStatus_t set = Library.cudnnSetDropoutDescriptor(made, Handle, 0, null, 0, 0);
        if (set == cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            return made;
        Exception error = CuDnnStatus.Error(
            Context,
            set,
            nameof(CuDnn.cudnnSetDropoutDescriptor),
            "no dropout"
        );
        CuDnnStatus.Park(
            Context,
            Library.cudnnDestroyDropoutDescriptor(made),
            nameof(CuDnn.cudnnDestroyDropoutDescriptor)
        );
        throw error;
    }

    private protected override void LetGo(bool forgotten) => _stream.Drop(forgotten);

    private void SetNative(CudaStream stream) =>
        Check(
            Library.cudnnSetStream(Handle, new(stream.Handle.Value)),
            nameof(CuDnn.cudnnSetStream)
        );
}
