namespace Sequor.Layers;

// Saving a layer's values to a safetensors file, and loading them from one.
public abstract partial class Layer
{
    /// <summary>
    /// Saves the values of the model, or of a layer of one, as safetensors. An older file is replaced as a whole or not at all. The tensors
    /// have the names of <see cref="NamedParameters"/> and <see cref="NamedBuffers"/>; the metadata describe the layers and contain a
    /// checksum of the whole file.
    /// </summary>
    /// <param name="path">The file to write. <see cref="TorchWeights.Save"/> writes one for PyTorch.</param>
    /// <exception cref="InvalidOperationException">The model has no values yet.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    /// <exception cref="IOException">The file cannot be written; an old one is unchanged.</exception>
    public void Save(string path)
    {
        using OwnerScope model = Enter("Layer.Save");
        using OwnerScope inside = EnterBackend("Layer.Save");
        ModelFile.Save(path, this);
    }

    /// <summary>
    /// Fills a model of the same structure, or a layer of one, with what <see cref="Save"/> wrote. Everything is read and checked before
    /// anything changes.
    /// </summary>
    /// <param name="path">The file to read.</param>
    /// <param name="backend">The backend for a model that is not on one yet.</param>
    /// <remarks>Plans of the model use the new values from their next Forward on, and a stream from its next Reset.</remarks>
    /// <exception cref="InvalidOperationException">The model is on another backend, or is on none and none is given.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    /// <exception cref="SafetensorsException">
    /// The file is damaged or not a model saved by Sequor, or does not fit this one. The message lists every tensor that is missing, not
    /// expected, of another shape or type, or not finite.
    /// </exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    public void Load(string path, Backend? backend = null)
    {
        using OwnerScope model = Enter("Layer.Load");
        using OwnerScope inside = EnterBackend("Layer.Load", backend);
        ModelFile.Load(path, this, backend);
    }
}
