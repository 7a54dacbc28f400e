namespace Sequor.Layers;

/// <summary>What a <see cref="Profile"/> does besides timing operations.</summary>
public sealed record ProfileOptions
{
    /// <summary>Is told of steps, layers and operations as they are queued; null for nobody.</summary>
    public ProfileListener? Listener { get; init; }
}
