namespace Sequor.Layers;

/// <summary>Work that was recorded once and can be queued again as one piece: the same operations on the same memory.</summary>
internal abstract class RecordedWork : IDisposable
{
    /// <summary>Operations in it.</summary>
    public abstract long Nodes { get; }

    /// <summary>Queues all of it; returns before it is done. Allocates nothing.</summary>
    public abstract void Run();

    public abstract void Dispose();
}

/// <summary>Work that cannot be recorded; the message says what in it forbids that.</summary>
internal sealed class NotRecordableException : InvalidOperationException
{
    public NotRecordableException() { }

    public NotRecordableException(string message)
        : base(message) { }

    public NotRecordableException(string message, Exception inner)
        : base(message, inner) { }
}
