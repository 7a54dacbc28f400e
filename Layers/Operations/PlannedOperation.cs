namespace Sequor.Layers;

/// <summary>A prepared operation: says what memory it wants before it runs, and allocates none when it does.</summary>
internal abstract class PlannedOperation : IDisposable
{
    /// <summary>Floats of scratch, free between calls.</summary>
    public abstract long WorkspaceCount { get; }

    /// <summary>Where it is not carried out as was asked for: how instead, and why. Null where it is.</summary>
    public virtual string? Fallback => null;

    public virtual void Dispose() { }
}
