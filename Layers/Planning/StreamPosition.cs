namespace Sequor.Layers;

/// <summary>How far a stream has come, which its layers share.</summary>
internal sealed class StreamPosition
{
    /// <summary>Number of steps that the stream took before the current call.</summary>
    public long Steps { get; set; }

    /// <summary>Whether layers have to prepare their weights again, as they may have changed since the last stream.</summary>
    public bool NewWeights { get; set; } = true;
}
