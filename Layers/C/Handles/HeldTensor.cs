using Sequor.Layers;

namespace Sequor.C;

/// <summary>A tensor that a caller holds, and what is given back with it: memory of its own, or that of another library.</summary>
/// <param name="tensor">The tensor.</param>
/// <param name="owned">What is freed with the handle; null where the memory is a plan's, a model's, or the caller's.</param>
internal sealed class HeldTensor(Tensor tensor, IDisposable? owned = null) : IDisposable
{
    /// <summary>The tensor.</summary>
    public Tensor Tensor { get; } = tensor;

    /// <summary>Gives the memory back; a second call does nothing.</summary>
    public void Dispose() => owned?.Dispose();
}
