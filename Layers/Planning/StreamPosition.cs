namespace Sequor.Layers;

/// <summary>How many steps a stream has taken, and what its layers have prepared of the parameters; its layers share it.</summary>
internal sealed class StreamPosition
{
    // The changes of the parameters that the current call computes with, and those that weights are prepared of; -1 for none.
    private long _current = -1;
    private long _prepared = -1;

    /// <summary>The number of steps that the stream took before the current call.</summary>
    public long Steps { get; set; }

    /// <summary>Whether layers must prepare what depends on the parameters alone, since these may have changed since the last call.</summary>
    public bool NewWeights => _prepared != _current || _current < 0;

    /// <summary>Begins a call.</summary>
    /// <param name="changes">How often the parameters have changed.</param>
    public void Begin(long changes) => _current = changes;

    /// <summary>Ends a call; one that failed has prepared nothing that can be relied on.</summary>
    public void End() => _prepared = _current;

    /// <summary>Has the next call prepare everything.</summary>
    public void Forget() => _prepared = -1;
}
