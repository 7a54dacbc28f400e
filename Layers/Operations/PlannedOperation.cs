namespace Sequor.Layers;

/// <summary>A prepared operation. It says how much memory it needs before it runs, and allocates none when it does.</summary>
internal abstract class PlannedOperation : IDisposable
{
    /// <summary>The number of floats of scratch memory that a call needs; nothing in it has to be kept between calls.</summary>
    public abstract long WorkspaceCount { get; }

    /// <summary>Where it is not carried out as was asked for: how instead, and why. Null where it is.</summary>
    public virtual string? Fallback => null;

    public virtual void Dispose() { }
}
