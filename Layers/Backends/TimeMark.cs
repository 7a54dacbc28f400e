namespace Sequor.Layers;

/// <summary>
/// A point in a backend's queue of work, by which parts of a step are timed: on a GPU by the time when the work before it was
/// done, not when it was queued. Of <see cref="Backend.CreateMark"/>; for one thread at a time, as all of a backend.
/// </summary>
public abstract class TimeMark : IDisposable
{
    private protected TimeMark() { }

    /// <summary>Puts the mark at the end of the work queued so far.</summary>
    public abstract void Record();

    /// <summary>Milliseconds from an earlier mark to this one; waits for both.</summary>
    /// <param name="earlier">A mark of the same backend that was recorded before.</param>
    public abstract double MillisecondsSince(TimeMark earlier);

    /// <summary>Frees what the mark holds of the device.</summary>
    public abstract void Dispose();
}
