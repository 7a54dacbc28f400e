namespace Sequor.Layers;

/// <summary>
/// A point in a backend's queue of work, for timing parts of a step. On a GPU its time is when the work before it was done, not when the
/// mark was queued. It is made by <see cref="Backend.CreateMark"/> and, like its backend, is for one thread at a time.
/// </summary>
public abstract class TimeMark : IDisposable
{
    private readonly Backend _backend;
    private bool _isRecorded;
    private bool _disposed;

    private protected TimeMark(Backend backend) => _backend = backend;

    /// <summary>
    /// Puts the mark behind the work queued so far. Within the step of a <see cref="StepGraph"/>, that happens at each run of it.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another thread is in the backend.</exception>
    /// <exception cref="ObjectDisposedException">The mark or its backend was disposed.</exception>
    public void Record()
    {
        using OwnerScope inside = _backend.Enter("TimeMark.Record");
        RequireLive();
        Place();
        _isRecorded = true;
    }

    /// <summary>The milliseconds from an earlier mark to this one. Waits until both have been reached.</summary>
    /// <param name="earlier">A mark of the same backend.</param>
    /// <exception cref="ArgumentException">The mark belongs to another backend.</exception>
    /// <exception cref="InvalidOperationException">One of them has not been recorded, or another thread is in the backend.</exception>
    /// <exception cref="ObjectDisposedException">A mark or the backend was disposed.</exception>
    public double MillisecondsSince(TimeMark earlier)
    {
        ArgumentNullException.ThrowIfNull(earlier);
        using OwnerScope inside = _backend.Enter("TimeMark.MillisecondsSince");
        RequireLive();
        earlier.RequireLive();
        if (earlier._backend != _backend)
            throw new ArgumentException("The mark is of another backend.", nameof(earlier));
        if (!_isRecorded || !earlier._isRecorded)
            throw new InvalidOperationException(
                "Both marks must be recorded before they tell a time."
            );
        return Elapsed(earlier);
    }

    private protected abstract void Place();

    /// <summary>Puts the mark behind the work queued so far, whatever a step's tracer notes of it; in recorded work it is a part of that.</summary>
    internal abstract void PlaceNow();

    /// <summary>The nanoseconds from an earlier mark to this one, both of which were placed. Waits until both have been reached.</summary>
    internal abstract long NanosecondsSince(TimeMark earlier);

    /// <summary>Whether the work before the mark is done, without waiting for it.</summary>
    internal abstract bool IsReached { get; }

    private protected abstract double Elapsed(TimeMark earlier);

    private void RequireLive()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _backend.RequireLive();
    }

    /// <summary>Frees the mark's resources on the device; a second call does nothing.</summary>
    public void Dispose()
    {
        using OwnerScope inside = _backend.Enter("TimeMark.Dispose");
        if (_disposed)
            return;
        _disposed = true;
        Free();
        GC.SuppressFinalize(this);
    }

    private protected abstract void Free();
}
