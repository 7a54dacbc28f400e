namespace Sequor.Layers;

/// <summary>Where each parameter lies in its block.</summary>
/// <param name="Count">Size of the block in floats, gaps included.</param>
/// <param name="Offsets">Offset in floats by the parameter's name.</param>
internal sealed record ParameterLayout(long Count, IReadOnlyDictionary<string, long> Offsets);
