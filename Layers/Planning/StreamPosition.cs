namespace Sequor.Layers;

/// <summary>Where a stream is.</summary>
internal sealed class StreamPosition
{
    /// <summary>Steps that were taken before this call.</summary>
    public long Steps { get; set; }

    /// <summary>The weights have to be prepared anew: they may have changed since the last stream.</summary>
    public bool NewWeights { get; set; } = true;
}
