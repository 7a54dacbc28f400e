namespace Sequor.Layers;

/// <summary>How many steps a stream has taken; its layers share it.</summary>
internal sealed class StreamPosition
{
    /// <summary>The number of steps that the stream took before the current call.</summary>
    public long Steps { get; set; }

    /// <summary>Whether layers must prepare their weights again, since the parameters may have changed since the last stream.</summary>
    public bool NewWeights { get; set; } = true;
}
