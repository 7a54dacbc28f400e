namespace Sequor.Layers;

/// <summary>Work that was recorded once and can be queued again as one piece: the same operations on the same memory.</summary>
internal abstract class RecordedWork : IDisposable
{
    /// <summary>The number of operations in it.</summary>
    public abstract long Nodes { get; }

    /// <summary>Queues all of it and returns before it is done. Allocates nothing.</summary>
    public abstract void Run();

    public abstract void Dispose();
}

/// <summary>Work cannot be recorded; the message says which part of it prevents that.</summary>
internal sealed class NotRecordableException : InvalidOperationException
{
    public NotRecordableException() { }

    public NotRecordableException(string message)
        : base(message) { }

    public NotRecordableException(string message, Exception inner)
        : base(message, inner) { }
}
