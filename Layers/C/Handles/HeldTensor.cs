using Sequor.Layers;

namespace Sequor.C;

/// <summary>A tensor that a caller holds, and what is given back with it: memory of its own, or that of another library.</summary>
/// <param name="tensor">The tensor.</param>
/// <param name="owned">What is freed with the handle; null where the memory is a plan's, a model's, or the caller's.</param>
/// <param name="isReadOnly">Whether writing to it is refused.</param>
internal sealed class HeldTensor(Tensor tensor, IDisposable? owned = null, bool isReadOnly = false)
{
    /// <summary>The tensor.</summary>
    public Tensor Tensor { get; } = tensor;

    /// <summary>Whether writing to it is refused.</summary>
    public bool IsReadOnly { get; } = isReadOnly;

    /// <summary>The tensor, to be written.</summary>
    /// <exception cref="RefusedException">It is read-only.</exception>
    public Tensor Writable() =>
        IsReadOnly
            ? throw new RefusedException(
                Status.State,
                "The tensor is read-only, as its producer said or as it was asked for."
            )
            : Tensor;

    /// <summary>Gives the memory back; a second call does nothing.</summary>
    public void Close() => owned?.Dispose();
}
