using System.Diagnostics.CodeAnalysis;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>Work in order. Threads may share one, but then their work is in the order of their calls.</summary>
[SuppressMessage(
    "Naming",
    "CA1711:Identifiers should not have incorrect suffix",
    Justification = "It is what CUDA calls a stream."
)]
public sealed unsafe class CudaStream : CudaObject
{
    private readonly CUstream _handle;
    private readonly bool _owned;

    private CudaStream(CudaContext context, CUstream handle, bool owned)
        : base(context)
    {
        Context = context;
        _handle = handle;
        _owned = owned;
    }

    /// <summary>Makes a stream.</summary>
    /// <param name="context">Where.</param>
    /// <param name="blocking">Whether it waits for the legacy default stream, and that for it.</param>
    /// <param name="priority">Lower numbers come first; one of <see cref="CudaContext.StreamPriorities"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The device has no such priority.</exception>
    public static CudaStream Create(CudaContext context, bool blocking = false, int priority = 0)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.ThrowIfDisposed();
        (int least, int greatest) = context.StreamPriorities;
        if (priority > least || priority < greatest)
            throw new ArgumentOutOfRangeException(
                nameof(priority),
                priority,
                $"{context.Device} has stream priorities {greatest} (first) to {least}."
            );
        using CudaContextScope scope = context.Enter();
        CUstream handle;
        uint flags = (uint)(
            blocking ? CUstream_flags.CU_STREAM_DEFAULT : CUstream_flags.CU_STREAM_NON_BLOCKING
        );
        CudaDriver driver = context.Driver;
        context.Check(
            driver.cuStreamCreateWithPriority(&handle, flags, priority),
            nameof(driver.cuStreamCreateWithPriority)
        );
        return new CudaStream(context, handle, owned: true);
    }

    /// <summary>Takes a caller's stream, which is never destroyed here and has to outlast this object's use.</summary>
    /// <param name="context">The stream's context.</param>
    /// <param name="handle">CUstream or cudaStream_t; 0 is the legacy default stream.</param>
    /// <exception cref="ArgumentException">It is no stream of the context.</exception>
    public static CudaStream Attach(CudaContext context, nint handle)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.ThrowIfDisposed();
        using CudaContextScope scope = context.Enter();
        CUcontext owner;
        CUresult result = context.Driver.cuStreamGetCtx(new(handle), &owner);
        if (result != CUresult.CUDA_SUCCESS)
            throw new ArgumentException(
                $"0x{handle:x} is no CUDA stream: the driver gave {result}.",
                nameof(handle)
            );
        if (owner != context.NativeHandle)
            throw new ArgumentException(
                $"The stream 0x{handle:x} is of context 0x{owner.Value:x},"
                    + $" not of 0x{context.NativeHandle.Value:x}.",
                nameof(handle)
            );
        return new CudaStream(context, new(handle), owned: false);
    }

    /// <summary>Its context.</summary>
    public CudaContext Context { get; }

    /// <summary>The driver's handle.</summary>
    public CUstream Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>Its priority; lower numbers come first.</summary>
    public int Priority
    {
        get
        {
            using CudaContextScope scope = Context.Enter();
            int priority;
            Context.Check(
                Context.Driver.cuStreamGetPriority(Handle, &priority),
                nameof(CudaDriver.cuStreamGetPriority)
            );
            return priority;
        }
    }

    /// <summary>Whether all its work is done.</summary>
    /// <exception cref="CudaException">Work failed, or it is being captured.</exception>
    public bool IsIdle
    {
        get
        {
            using CudaContextScope scope = Context.Enter();
            CUresult result = Context.Driver.cuStreamQuery(Handle);
            if (result == CUresult.CUDA_ERROR_NOT_READY)
                return false;
            Context.Check(result, nameof(CudaDriver.cuStreamQuery));
            return true;
        }
    }

    /// <summary>Whether its work is being recorded, also where the recording is spoilt.</summary>
    /// <exception cref="CudaException">Work failed.</exception>
    public bool IsCapturing
    {
        get
        {
            using CudaContextScope scope = Context.Enter();
            CUstreamCaptureStatus status;
            Context.Check(
                Context.Driver.cuStreamIsCapturing(Handle, &status),
                nameof(CudaDriver.cuStreamIsCapturing)
            );
            return status != CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_NONE;
        }
    }

    /// <summary>Waits until its work is done.</summary>
    /// <exception cref="CudaException">Work failed, or it is being captured.</exception>
    public void Synchronize()
    {
        using CudaContextScope scope = Context.Enter();
        Context.Check(
            Context.Driver.cuStreamSynchronize(Handle),
            nameof(CudaDriver.cuStreamSynchronize)
        );
        Context.WentWell(this);
    }

    /// <summary>Lets its later work wait for an event; the host goes on.</summary>
    /// <param name="event">Of any context. One that was never recorded holds nothing up.</param>
    public void Wait(CudaEvent @event)
    {
        ArgumentNullException.ThrowIfNull(@event);
        using CudaContextScope scope = Context.Enter();
        Context.Check(
            Context.Driver.cuStreamWaitEvent(Handle, @event.Handle, 0),
            nameof(CudaDriver.cuStreamWaitEvent)
        );
    }

    /// <summary>Raises an error if it is not a stream of a context.</summary>
    internal void Require(CudaContext context, string argument)
    {
        ThrowIfDisposed();
        if (!ReferenceEquals(Context, context) && Context.NativeHandle != context.NativeHandle)
            throw new ArgumentException(
                $"The stream is of another context (0x{Context.NativeHandle.Value:x})"
                    + $" than 0x{context.NativeHandle.Value:x}.",
                argument
            );
    }

    /// <summary>The driver's handle, for what outlives Dispose.</summary>
    internal CUstream NativeHandle => _handle;

    private protected override CudaContext Home => Context;

    private protected override void Release()
    {
        if (_owned)
            Context.Park(
                Context.Driver.cuStreamDestroy(_handle),
                nameof(CudaDriver.cuStreamDestroy)
            );
    }
}
