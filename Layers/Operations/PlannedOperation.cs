namespace Sequor.Layers;

/// <summary>A prepared operation: says what memory it wants before it runs, and allocates none when it does.</summary>
internal abstract class PlannedOperation : IDisposable
{
    /// <summary>Floats of scratch, free between calls.</summary>
    public abstract long WorkspaceCount { get; }

    public virtual void Dispose() { }
}
