namespace Sequor.Layers;

/// <summary>
/// Loads weights from PyTorch and saves weights for it: safetensors files of a module's state_dict, as safetensors.torch.save_file writes
/// and load_file reads them. RNN, LSTM, GRU, Linear, LayerNorm, BatchNorm, Embedding and the TCN of Bai et al. have the same values there
/// and here.
/// </summary>
/// <remarks>
/// <para>
/// A layer's module has the name that the layer has here: 0, 1, 2 in a <see cref="Sequential"/> as in torch.nn.Sequential, and network.0,
/// network.1 for the levels of a <see cref="Tcn"/>. Where the PyTorch module has other names for its parts, give them by the layer's path:
/// </para>
/// <code>
/// using var model = new Sequential(new Tcn(2, [24, 24], 8), new Last(24), new Linear(24, 1));
/// var modules = new Dictionary&lt;string, string&gt; { ["0"] = "tcn", ["2"] = "linear" };
/// TorchWeights.Load(model, "tcn.safetensors", backend, modules);   // tcn.network.0.conv1.weight_g, ..., linear.bias
/// </code>
/// <para>The path "" is the model's own, for a module that contains all others.</para>
/// </remarks>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var model = new Sequential(new Gru(2, 16), new Linear(16, 1));
/// model.Initialize(backend);
/// // PyTorch's module has the attributes rnn and head.
/// var modules = new Dictionary&lt;string, string> { ["0"] = "rnn", ["1"] = "head" };
/// TorchWeights.Save(model, path, modules); // torch: load_state_dict(load_file(path))
/// TorchWeights.Load(model, path, backend, modules); // what save_file(state_dict, path) wrote
/// </code>
/// </example>
public static class TorchWeights
{
    // The transformers library refuses files that do not name their framework.
    private static readonly Dictionary<string, string> Metadata = new() { ["format"] = "pt" };

    /// <summary>Fills a model, or a layer of one, with PyTorch's weights. Everything is read and checked before anything changes.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">The file, or the index of several files (model.safetensors.index.json) beside it.</param>
    /// <param name="backend">The backend for a model that is not on one yet.</param>
    /// <param name="modules">The names of PyTorch's modules by the paths of layers, where they differ.</param>
    /// <param name="ignore">Modules or tensors of the file that are not to be loaded.</param>
    /// <remarks>
    /// F64 values are rounded to the nearest F32; F16, BF16, F8_E5M2 and F8_E4M3 become F32 exactly. A tensor that PyTorch registers twice
    /// may be in the file once or twice, but not with different values. A TCN whose weight norm was removed gets one that makes the same
    /// weights, up to a few units in the last place; rows of zeros stay zero. A batch norm's count of batches is ignored. A stream in
    /// progress uses new weights once it is reset.
    /// </remarks>
    /// <exception cref="ArgumentException">A path is no layer's, or two tensors would have the same name.</exception>
    /// <exception cref="InvalidOperationException">The model is on another backend, or is on none and none is given.</exception>
    /// <exception cref="NotSupportedException">PyTorch has no such layer.</exception>
    /// <exception cref="SafetensorsException">
    /// The file is damaged, or has another format, in which case the message says how to convert it; a shard is missing; or the file does
    /// not fit the model, in which case the message lists every tensor that is missing, not expected, or of another shape or type.
    /// </exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    public static void Load(
        Layer model,
        string path,
        Backend? backend = null,
        IReadOnlyDictionary<string, string>? modules = null,
        IReadOnlyCollection<string>? ignore = null
    )
    {
        ArgumentNullException.ThrowIfNull(model);
        using OwnerScope entered = model.Enter("TorchWeights.Load");
        using OwnerScope inside = model.EnterBackend("TorchWeights.Load", backend);
        (IReadOnlyList<FileTensor> tensors, IReadOnlyList<string> counters) = TorchNames.Of(
            model,
            modules
        );
        using IWeightSource file = ShardIndex.IsIndex(path)
            ? ShardedWeights.Open(path)
            : Safetensors.Open(path);
        WeightFile.Load(file, model, tensors, backend, Ignored, there => Advice(there, tensors));

        bool Ignored(string name) =>
            counters.Contains(name)
            || ignore?.Any(part =>
                name == part || name.StartsWith($"{part}.", StringComparison.Ordinal)
            ) == true;
    }

    // A missing bias usually means that the linear module was made without one.
    private static IEnumerable<string> Advice(
        IWeightSource file,
        IReadOnlyList<FileTensor> tensors
    ) =>
        tensors
            .Where(tensor =>
                tensor.Layer is Linear
                && tensor.Tensor.Parameter.Name == "bias"
                && file.Find(tensor.Names[0]) is null
                && file.Find($"{tensor.Names[0][..^"bias".Length]}weight") is not null
            )
            .Select(tensor =>
                $"{tensor.Names[0]}: the file's module has no bias; new Linear(..., bias: false) has none either"
            );

    /// <summary>
    /// Saves the weights of a model, or of a layer of one, for PyTorch. An older file is replaced as a whole or not at all.
    /// </summary>
    /// <remarks>A batch norm's count of batches, which is not kept here, is written as 0.</remarks>
    /// <param name="model">The model.</param>
    /// <param name="path">The file.</param>
    /// <param name="modules">The names of PyTorch's modules by the paths of layers, where they differ.</param>
    /// <exception cref="ArgumentException">A path is no layer's, or two tensors would have the same name.</exception>
    /// <exception cref="InvalidOperationException">The model has no values yet.</exception>
    /// <exception cref="NotSupportedException">PyTorch has no such layer.</exception>
    /// <exception cref="IOException">The file cannot be written; an old one is unchanged.</exception>
    public static void Save(
        Layer model,
        string path,
        IReadOnlyDictionary<string, string>? modules = null
    )
    {
        ArgumentNullException.ThrowIfNull(model);
        using OwnerScope entered = model.Enter("TorchWeights.Save");
        using OwnerScope inside = model.EnterBackend("TorchWeights.Save");
        (IReadOnlyList<FileTensor> tensors, IReadOnlyList<string> counters) = TorchNames.Of(
            model,
            modules
        );
        WeightFile.Save(
            path,
            model,
            tensors,
            Metadata,
            counters.Select(name => SafetensorsTensor.Of(name, new long[1]))
        );
    }
}
