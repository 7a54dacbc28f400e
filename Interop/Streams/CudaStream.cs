using System.Diagnostics.CodeAnalysis;
using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A queue of device work that runs in the order in which it was queued. Threads may share a stream; their work then runs in the order of
/// their calls.
/// </summary>
/// <example>
/// <code>
/// using CudaStream copies = context.CreateStream();
/// using CudaStream work = context.CreateStream();
/// using CudaEvent copied = context.CreateEvent();
/// buffer.Span.CopyFrom([1, 2, 3, 4], copies);
/// copied.Record(copies);
/// work.Wait(copied); // what is queued on work from here on comes after the copy
/// buffer.Span.Slice(2).Clear(work);
/// float[] values = buffer.Span.ToArray(work); // 1, 2, 0, 0
/// </code>
/// </example>
[SuppressMessage(
    "Naming",
    "CA1711:Identifiers should not have incorrect suffix",
    Justification = "It is what CUDA calls a stream."
)]
public sealed unsafe partial class CudaStream : CudaObject
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

    /// <inheritdoc cref="CudaContext.CreateStream"/>
    internal static CudaStream Create(CudaContext context, bool blocking, int priority)
    {
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

    /// <summary>Uses a stream that the caller made. It is never destroyed here, and must outlive the use of this object.</summary>
    /// <param name="context">The stream's context.</param>
    /// <param name="handle">The stream's CUstream or cudaStream_t; 0 is the legacy default stream.</param>
    /// <exception cref="ArgumentException">The handle is not a stream of the context.</exception>
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

    /// <summary>The context that the stream belongs to.</summary>
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

    /// <summary>The stream's priority; lower numbers come first.</summary>
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

    /// <summary>The number by which profilers identify the stream. No other stream of the process ever has the same.</summary>
    public ulong Id
    {
        get
        {
            using CudaContextScope scope = Context.Enter();
            ulong id;
            Context.Check(
                Context.Driver.cuStreamGetId(Handle, &id),
                nameof(CudaDriver.cuStreamGetId)
            );
            return id;
        }
    }

    /// <summary>Whether all work of the stream is done.</summary>
    /// <exception cref="CudaException">Work failed, or the stream is being captured.</exception>
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

    /// <summary>Whether the stream is being captured; also true if the capture is spoilt and has not been ended.</summary>
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

    /// <summary>Blocks the calling thread until all work of the stream is done.</summary>
    /// <exception cref="CudaException">Work failed, or the stream is being captured.</exception>
    public void Synchronize()
    {
        using CudaContextScope scope = Context.Enter();
        Context.Check(
            Context.Driver.cuStreamSynchronize(Handle),
            nameof(CudaDriver.cuStreamSynchronize)
        );
        Context.WentWell(this);
    }

    /// <summary>
    /// Returns a task that ends when the work queued so far is done. A thread of the thread pool sleeps until then; the calling thread is
    /// not blocked.
    /// </summary>
    /// <param name="cancellation">Ends the waiting, not the work.</param>
    /// <returns>A task that fails with a <see cref="CudaException"/> if work failed.</returns>
    /// <exception cref="InvalidOperationException">The stream is being captured.</exception>
    /// <exception cref="OperationCanceledException">The waiting was cancelled.</exception>
    public Task WaitAsync(CancellationToken cancellation = default)
    {
        if (cancellation.IsCancellationRequested)
            return Task.FromCanceled(cancellation);
        if (IsCapturing)
            throw new InvalidOperationException(
                "The stream is being captured: its work has not begun, so nothing can wait for it."
            );
        CudaEvent end = Context.CreateEvent(blocking: true);
        try
        {
            end.Record(this);
        }
        catch
        {
            end.Dispose();
            throw;
        }
        Task done = Task.Run(
            () =>
            {
                using (end)
                    end.Synchronize();
            },
            CancellationToken.None
        );
        return done.WaitAsync(cancellation);
    }

    /// <summary>
    /// Allocates device memory from the device's default pool in stream order, without waiting. It is aligned to 256 bytes, and its content
    /// is undefined. Work that is queued in this stream from now on may use it. Dispose queues the release in this stream, behind the work
    /// that has been queued by then.
    /// </summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="length">The number of elements, above 0.</param>
    /// <param name="category">What the memory is for, which names its entry in <see cref="CudaContext.Ledger"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is not above 0, or the size in bytes exceeds 64 bits.</exception>
    /// <exception cref="NotSupportedException">The device has no pools; allocate from the context instead.</exception>
    /// <exception cref="CudaException">CUDA_ERROR_OUT_OF_MEMORY: the message says how much there is.</exception>
    public DeviceBuffer<T> Allocate<T>(long length, string category = DeviceMemory.OtherCategory)
        where T : unmanaged
    {
        ThrowIfDisposed();
        // The buffer holds the pool, so the pool can be disposed here.
        using var pool = CudaMemoryPool.Default(Context);
        return pool.Allocate<T>(length, this, category);
    }

    /// <summary>Makes work that is queued later wait for an event; the calling thread does not wait.</summary>
    /// <param name="event">An event of any context. One that was never recorded counts as done.</param>
    public void Wait(CudaEvent @event)
    {
        ArgumentNullException.ThrowIfNull(@event);
        using CudaContextScope scope = Context.Enter();
        Context.Check(
            Context.Driver.cuStreamWaitEvent(Handle, @event.Handle, 0),
            nameof(CudaDriver.cuStreamWaitEvent)
        );
    }

    /// <summary>Throws if the stream was disposed or does not belong to the context.</summary>
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

    /// <summary>The driver's handle, for objects that outlive Dispose.</summary>
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
