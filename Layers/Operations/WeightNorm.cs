namespace Sequor.Layers;

/// <summary>A weight norm: w = g v / |v|, w and norms being written. No two of them overlap.</summary>
/// <param name="V">[O, I, k]</param>
/// <param name="G">[O]</param>
/// <param name="W">As many values as v, in the order that convolutions read.</param>
/// <param name="Norms">[O]: |v|.</param>
internal readonly record struct WeightNormTensors(Tensor V, Tensor G, Tensor W, Tensor Norms);

/// <summary>The gradients of a weight norm, of which no two overlap.</summary>
/// <param name="W">By w, read.</param>
/// <param name="Taps">Newest taps of it that count; the others are zero and not read.</param>
/// <param name="V">By v, added to.</param>
/// <param name="G">By g, added to.</param>
internal readonly record struct WeightNormGradients(Tensor W, int Taps, Tensor V, Tensor G);
