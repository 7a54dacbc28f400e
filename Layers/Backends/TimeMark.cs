namespace Sequor.Layers;

/// <summary>A point in a backend's queue of work.</summary>
internal abstract class TimeMark : IDisposable
{
    /// <summary>Puts the mark at the end of the work queued so far.</summary>
    public abstract void Record();

    /// <summary>Milliseconds from an earlier mark to this one; waits for both.</summary>
    public abstract double MillisecondsSince(TimeMark earlier);

    public abstract void Dispose();
}
