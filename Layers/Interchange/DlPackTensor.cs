namespace Sequor.Layers;

/// <summary>
/// A tensor in other code's memory, which is given back by Dispose or, if that is forgotten, by the backend's next call after the collector
/// has found it.
/// </summary>
/// <remarks>
/// On a GPU, work that uses the memory may still be queued when it is given back. The producer's stream is made to wait for it, where
/// that was said when the tensor was taken; else the calling thread waits.
/// </remarks>
public sealed class DlPackTensor : IDisposable
{
    internal DlPackTensor(Tensor tensor, bool copied)
    {
        Tensor = tensor;
        IsCopied = copied;
    }

    /// <summary>The values, where their producer has them. They cannot be used after Dispose.</summary>
    public Tensor Tensor { get; }

    /// <summary>Whether calls that would write the values are refused: they were taken to be read.</summary>
    public bool IsReadOnly => Tensor.Storage.IsReadOnly;

    /// <summary>Whether the producer says that it made a copy for this use.</summary>
    public bool IsCopied { get; }

    /// <summary>
    /// Ends the use and calls the producer's deleter; a second call does nothing. Where the tensor was exported meanwhile, the deleter is
    /// called when that ends as well.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another thread is in the backend; nothing was given back.</exception>
    public void Dispose() => Tensor.Storage.Dispose();
}
