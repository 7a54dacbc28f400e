namespace Sequor.Layers;

/// <summary>
/// A prepared operation. It says how much memory it needs before it runs, and allocates none when it does. Each of its calls says to a probe
/// what it does and costs, and then calls what a backend makes of it, which has the same name and ends in Core.
/// </summary>
/// <param name="backend">The backend, whose probe is told.</param>
internal abstract class PlannedOperation(Backend backend) : IDisposable
{
    /// <inheritdoc cref="Backend.Report"/>
    private protected OperationReport? Report(OperationName name) => backend.Report(name);

    /// <inheritdoc cref="Backend.Begin"/>
    private protected Backend.OperationScope Begin(OperationReport? report) =>
        backend.Begin(report);

    /// <summary>The number of floats of scratch memory that a call needs; nothing in it has to be kept between calls.</summary>
    public abstract long WorkspaceCount { get; }

    /// <summary>Where it is not carried out as was asked for: how instead, and why. Null where it is.</summary>
    public virtual string? Fallback => null;

    public virtual void Dispose() { }
}
