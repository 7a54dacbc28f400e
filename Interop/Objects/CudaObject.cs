namespace Sequor.Interop;

/// <summary>
/// Something that a library made and that has to be given back, once. It holds what it was made from: disposing
/// that first is allowed, and takes effect when the last object made from it has gone.
/// </summary>
/// <remarks>
/// Dispose never throws and may be called from any thread, when no other thread uses the object: an error of the
/// release is kept by the context, whose next call raises it. What is released while a stream of the context is
/// captured goes when the capture has ended. An object that is forgotten is released by the context's next call,
/// or by the garbage collector when the context itself is forgotten too.
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

    /// <summary>Releases what the collector finds forgotten.</summary>
    ~CudaObject()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Drop(forgotten: true);
    }

    /// <summary>Whether Dispose was called.</summary>
    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <summary>Gives it back when nothing that was made from it is left. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        GC.SuppressFinalize(this);
        Ending();
        Drop(forgotten: false);
    }

    /// <summary>What Dispose does first.</summary>
    private protected virtual void Ending() { }

    /// <summary>
    /// Gives it back as if it were forgotten: by the context's next call, which does that in a way that spoils no capture of
    /// other code's. Takes the place of Dispose.
    /// </summary>
    public void DisposeLater()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Drop(forgotten: true);
    }

    /// <summary>The context in which it is released, and which keeps the error.</summary>
    private protected abstract CudaContext Home { get; }

    /// <summary>Gives it back to the library. Runs once; an error goes to the context.</summary>
    private protected abstract void Release();

    /// <summary>What has to be done besides, whether or not the context is still there.</summary>
    private protected virtual void LetGo(bool forgotten) { }

    /// <summary>Keeps it from being given back until <see cref="Drop"/>.</summary>
    internal void Hold() => Interlocked.Increment(ref _references);

    /// <summary>Undoes <see cref="Hold"/>.</summary>
    internal void Drop(bool forgotten)
    {
        if (Interlocked.Decrement(ref _references) == 0)
            Home.Retire(this, forgotten);
    }

    /// <summary>Gives it back now, and lets go of what it holds.</summary>
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

    /// <summary>Lets go of what it holds, and gives nothing back: its context has gone.</summary>
    internal void Abandon(bool forgotten)
    {
        LetGo(forgotten);
        foreach (CudaObject other in _held)
            other.Drop(forgotten);
    }

    /// <summary>Raises an error if Dispose was called.</summary>
    internal void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(IsDisposed, this);
}
