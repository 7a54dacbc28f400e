namespace Sequor.Layers;

/// <summary>Where each parameter lies in its block.</summary>
/// <param name="Count">The size of the block in floats, gaps included.</param>
/// <param name="Offsets">The offset of each parameter in floats, by its name.</param>
internal sealed record ParameterLayout(long Count, IReadOnlyDictionary<string, long> Offsets);
