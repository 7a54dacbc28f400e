namespace Sequor.Layers;

// Saving a layer's values to a safetensors file, and loading them from one.
public abstract partial class Layer
{
    /// <summary>
    /// Saves the values of the model, or of a layer of one, as safetensors: over an older file or not at all. The tensors have
    /// the names of <see cref="NamedParameters"/>, and the metadata a note of the layers and a checksum of the whole file.
    /// </summary>
    /// <param name="path">The file. <see cref="TorchWeights.Save"/> writes one for PyTorch.</param>
    /// <exception cref="InvalidOperationException">The model has no values yet.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    /// <exception cref="IOException">The file cannot be written; an old one is as it was.</exception>
    public void Save(string path)
    {
        using OwnerScope model = Enter("Layer.Save");
        using OwnerScope inside = EnterBackend("Layer.Save");
        ModelFile.Save(path, this);
    }

    /// <summary>
    /// Fills a model of the same structure, or a layer of one, with what <see cref="Save"/> wrote. All is read and checked
    /// before anything changes.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="backend">Where a model goes that is on no backend yet.</param>
    /// <remarks>Plans of the model use the new values from their next Forward on, a stream from its next Reset.</remarks>
    /// <exception cref="InvalidOperationException">The model is on another backend, or on none and none is given.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    /// <exception cref="SafetensorsException">
    /// The file is damaged or no model of Sequor, or does not fit this one: the message lists every tensor that is missing, not
    /// expected, of another shape or type, or not of finite values alone.
    /// </exception>
    /// <exception cref="IOException">The file is not there or cannot be read.</exception>
    public void Load(string path, Backend? backend = null)
    {
        using OwnerScope model = Enter("Layer.Load");
        using OwnerScope inside = EnterBackend("Layer.Load", backend);
        ModelFile.Load(path, this, backend);
    }
}
