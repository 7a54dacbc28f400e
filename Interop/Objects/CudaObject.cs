namespace Sequor.Interop;

/// <summary>
/// An object of the CUDA driver, cuDNN or cuBLAS that must be released exactly once. It keeps the objects alive that it was made from:
/// these may be disposed first, and are then released after the last object that was made from them.
/// </summary>
/// <remarks>
/// Dispose never throws and may be called from any thread, as long as no other thread uses the object. If the library reports an error for
/// the release, the context keeps it and its next call throws it. An object that is disposed while a stream of its context is captured is
/// released when the capture has ended. An object that is garbage-collected without Dispose is released by the next call on its context, or
/// on the finalizer thread if the context has also been collected or disposed.
/// </remarks>
public abstract class CudaObject : IDisposable
{
    private readonly CudaObject[] _held;
    private int _references = 1;
    private int _disposed;

    private protected CudaObject(params ReadOnlySpan<CudaObject> held)
    {
        _held = held.ToArray();
        foreach (CudaObject other in _held)
            other.Hold();
    }

    /// <summary>Hands an object that was collected without Dispose to its context for release.</summary>
    ~CudaObject()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Drop(forgotten: true);
    }

    /// <summary>Whether Dispose has been called.</summary>
    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <summary>Releases the object as soon as nothing that was made from it is left. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        GC.SuppressFinalize(this);
        Ending();
        Drop(forgotten: false);
    }

    /// <summary>Called by the first Dispose, before the object's own reference is dropped.</summary>
    private protected virtual void Ending() { }

    /// <summary>
    /// Leaves the release to the next call on the context, as for an object that is collected without Dispose. Call it instead of Dispose
    /// if other code may be capturing a stream, since a release could then spoil the capture.
    /// </summary>
    public void DisposeLater()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Drop(forgotten: true);
    }

    /// <summary>The context in which the object is released, and which keeps an error of the release.</summary>
    private protected abstract CudaContext Home { get; }

    /// <summary>Gives the object back to its library. It runs once and hands an error to the context instead of throwing it.</summary>
    private protected abstract void Release();

    /// <summary>
    /// Ends what belongs to the object besides the library's part, even if the context is gone and nothing is given back.
    /// </summary>
    private protected virtual void LetGo(bool forgotten) { }

    /// <summary>Adds a reference: the object is not released before the matching <see cref="Drop"/>.</summary>
    internal void Hold() => Interlocked.Increment(ref _references);

    /// <summary>Removes a reference; with the last one the context releases the object.</summary>
    internal void Drop(bool forgotten)
    {
        if (Interlocked.Decrement(ref _references) == 0)
            Home.Retire(this, forgotten);
    }

    /// <summary>Releases the object now, and drops its references to the objects that it was made from.</summary>
    internal void ReleaseNow(bool forgotten)
    {
        try
        {
            Release();
        }
        finally
        {
            Abandon(forgotten);
        }
    }

    /// <summary>Drops the references without releasing anything, as the context that owned the object is gone.</summary>
    internal void Abandon(bool forgotten)
    {
        LetGo(forgotten);
        foreach (CudaObject other in _held)
            other.Drop(forgotten);
    }

    /// <summary>Throws if Dispose has been called.</summary>
    internal void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(IsDisposed, this);
}
