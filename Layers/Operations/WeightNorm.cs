namespace Sequor.Layers;

/// <summary>The tensors of a weight norm w = g v / |v| (Salimans and Kingma 2016), which writes w and the norms. No two overlap.</summary>
/// <param name="V">[O, I, k]</param>
/// <param name="G">[O]</param>
/// <param name="W">As many values as v, in the order that the backend's convolutions read.</param>
/// <param name="Norms">[O]: |v| of each output.</param>
internal readonly record struct WeightNormTensors(Tensor V, Tensor G, Tensor W, Tensor Norms);

/// <summary>The gradients of a weight norm, no two of which overlap.</summary>
/// <param name="W">The gradient of w, read.</param>
/// <param name="Taps">How many of the newest taps of it are read; the others count as zeros.</param>
/// <param name="V">The gradient of v, added to.</param>
/// <param name="G">The gradient of g, added to.</param>
internal readonly record struct WeightNormGradients(Tensor W, int Taps, Tensor V, Tensor G);
