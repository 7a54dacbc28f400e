using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Sequor.Native;

namespace Sequor.Interop;

// Makes the context current for the calling thread, and keeps the queue of objects that wait to be released.
public sealed unsafe partial class CudaContext
{
    [ThreadStatic]
    private static CudaContext? t_entered;

    // The number of the scope that the thread is in, 0 for none, and how many scopes it has entered so far.
    [ThreadStatic]
    private static long t_scope;

    [ThreadStatic]
    private static long t_scopes;

    private readonly ConcurrentQueue<CudaObject> _waiting = new();
    private readonly List<CudaCapture> _captures = [];
    private Exception? _parked;
    private volatile bool _attention;

    /// <summary>The first error of an earlier release that no call has raised yet; null if there is none.</summary>
    public Exception? PendingError => Volatile.Read(ref _parked);

    /// <summary>
    /// Makes the context current for a call. Throws the error of an earlier release, or the error by which the context was lost, if there
    /// is one.
    /// </summary>
    internal CudaContextScope Enter()
    {
        if (_attention)
            Attend();
        return Entered();
    }

    /// <summary>
    /// Makes the context current for a release and throws nothing. If the driver refuses, the release that follows fails, and its error is
    /// kept.
    /// </summary>
    internal CudaContextScope EnterForRelease()
    {
        try
        {
            return Entered();
        }
        catch (CudaException)
        {
            return default;
        }
    }

    // A scope that has already been left must not pop again, as that would remove the context of another scope.
    internal void Leave(CudaContext? before, bool pushed, long scope, long outer)
    {
        if (t_scope != scope)
            return;
        t_scope = outer;
        t_entered = before;
        if (pushed)
            Driver.cuCtxPopCurrent(null);
    }

    /// <summary>
    /// Releases an object that nothing refers to any more: now, or with a later call if a release now could spoil a capture.
    /// </summary>
    internal void Retire(CudaObject item, bool forgotten)
    {
        if (ReferenceEquals(item, this))
        {
            item.ReleaseNow(forgotten);
            return;
        }
        bool capturing;
        lock (_captures)
            capturing = _captures.Count > 0;
        // The finalizer thread may run while a thread of the caller captures a stream, and a release would spoil that capture.
        if (capturing || (forgotten && !IsDisposed))
        {
            _waiting.Enqueue(item);
            _attention = true;
            // The last capture may have ended, or Dispose been called, in between.
            if (IsDisposed)
                ReleaseWaiting();
            return;
        }
        ReleaseNow(item, forgotten);
        if (IsDisposed)
            ReleaseWaiting();
    }

    internal void Began(CudaCapture capture)
    {
        lock (_captures)
            _captures.Add(capture);
    }

    internal void Ended(CudaCapture capture)
    {
        lock (_captures)
            _captures.Remove(capture);
        ReleaseWaiting();
    }

    /// <summary>Keeps an error of a release for the next call.</summary>
    internal void Park(Exception error)
    {
        Interlocked.CompareExchange(ref _parked, error, null);
        _attention = true;
    }

    /// <summary>Keeps the error of a failed driver call for the next call, if the context still exists.</summary>
    internal void Park(CUresult result, string call)
    {
        if (
            result
                is not (
                    CUresult.CUDA_SUCCESS
                    or CUresult.CUDA_ERROR_DEINITIALIZED
                    or CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED
                    or CUresult.CUDA_ERROR_INVALID_CONTEXT
                )
            // Nothing can be given back to a lost context, and every call on it already reports that it is lost.
            && Lost is null
        )
            Park(Error(result, call, "in an earlier release"));
    }

    private CudaContextScope Entered()
    {
        CudaContext? before = t_entered;
        if (ReferenceEquals(before, this))
            return default;
        CUcontext current;
        Check(Driver.cuCtxGetCurrent(&current), nameof(Driver.cuCtxGetCurrent));
        bool push = current != NativeHandle;
        if (push)
            Check(Driver.cuCtxPushCurrent(NativeHandle), nameof(Driver.cuCtxPushCurrent));
        t_entered = this;
        long outer = t_scope;
        t_scope = ++t_scopes;
        return new CudaContextScope(this, before, push, t_scope, outer);
    }

    private void Attend()
    {
        lock (_captures)
        {
            if (_captures.Count == 0 && Lost is null)
                _attention = false;
        }
        ReleaseWaiting();
        ThrowIfLost();
        if (Interlocked.Exchange(ref _parked, null) is { } error)
            throw error;
    }

    private void ReleaseWaiting()
    {
        if (_waiting.IsEmpty)
            return;
        while (!IsCapturing && _waiting.TryDequeue(out CudaObject? item))
            ReleaseNow(item, forgotten: false);
    }

    // Other code may be capturing a stream, on this thread or, in the global mode, on any thread. The driver would then refuse a release
    // and invalidate the capture. If this thread is in the relaxed mode, the driver allows the release and leaves the capture alone. This
    // returns the mode before, or null if it could not be changed.
    private CUstreamCaptureMode? Relax()
    {
        CUstreamCaptureMode mode = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED;
        return Driver.cuThreadExchangeStreamCaptureMode(&mode) == CUresult.CUDA_SUCCESS
            ? mode
            : null;
    }

    private void Restore(CUstreamCaptureMode? before)
    {
        if (before is { } mode)
            Driver.cuThreadExchangeStreamCaptureMode(&mode);
    }

    internal bool IsCapturing
    {
        get
        {
            lock (_captures)
                return _captures.Count > 0;
        }
    }

    [SuppressMessage(
        "Design",
        "CA1031:Do not catch general exception types",
        Justification = "A release must not throw, least of all in the collector's thread."
    )]
    private void ReleaseNow(CudaObject item, bool forgotten)
    {
        try
        {
            if (IsGone())
            {
                item.Abandon(forgotten);
                return;
            }
            using CudaContextScope scope = Entered();
            CUstreamCaptureMode? mode = Relax();
            try
            {
                item.ReleaseNow(forgotten);
            }
            finally
            {
                Restore(mode);
            }
        }
        catch (Exception error)
        {
            Park(error);
        }
    }

    /// <summary>Whether the context was destroyed by other code, in which case its objects no longer exist.</summary>
    private bool IsGone()
    {
        if (_primary)
            return !IsActive(Driver, Device.Handle);
        if (Driver.cuCtxPushCurrent(NativeHandle) != CUresult.CUDA_SUCCESS)
            return true;
        Driver.cuCtxPopCurrent(null);
        return false;
    }
}
