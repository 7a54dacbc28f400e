namespace Sequor.Layers;

/// <summary>What PyTorch calls the tensors of a model, and what sizes they have there.</summary>
/// <remarks>
/// torch.nn.RNN, LSTM, GRU, Linear, LayerNorm and Embedding: names, sizes and the order of gates (LSTM i, f, g, o; GRU
/// r, z, n) are the same here and there, and so is any layer that is not named below. A BatchNorm counts its batches there,
/// which matters to none with a momentum. A Tcn is the TemporalConvNet of Bai,
/// Kolter and Koltun (github.com/locuslab/TCN, TCN/tcn.py): its levels are in the module network, and each level's
/// convolutions are registered twice. The order of taps is the same: tap k - 1 meets the newest step.
/// </remarks>
internal static class TorchNames
{
    private const string Gain = ".weight_g";
    private const string Direction = ".weight_v";

    // A level of a TCN. The names are the same; what differs is a second name, and sizes of 1 after ours.
    private static readonly (string Name, string? Again, int Ones)[] Level =
    [
        ("conv1.weight_g", "net.0.weight_g", 2), // here [O], there [O, 1, 1]
        ("conv1.weight_v", "net.0.weight_v", 0), // [O, I, k]
        ("conv1.bias", "net.0.bias", 0), // [O]
        ("conv2.weight_g", "net.4.weight_g", 2),
        ("conv2.weight_v", "net.4.weight_v", 0),
        ("conv2.bias", "net.4.bias", 0),
        ("downsample.weight", null, 1), // here [O, I], there [O, I, 1]
        ("downsample.bias", null, 0), // [O]
    ];

    /// <summary>Where PyTorch counts the batches of a batch norm; no value of ours.</summary>
    public const string Counter = "num_batches_tracked";

    /// <summary>All tensors of a model, and the names of what PyTorch has beside them.</summary>
    /// <param name="model">The model.</param>
    /// <param name="modules">
    /// PyTorch's module for a layer, by the layer's path in the model; layers without an entry are called in their parent's
    /// module as here.
    /// </param>
    /// <exception cref="ArgumentException">There is no layer of a path, or two tensors have one name.</exception>
    /// <exception cref="NotSupportedException">PyTorch has no such layer.</exception>
    public static (IReadOnlyList<FileTensor> Tensors, IReadOnlyList<string> Counters) Of(
        Layer model,
        IReadOnlyDictionary<string, string>? modules
    )
    {
        modules ??= new Dictionary<string, string>();
        var tensors = new List<FileTensor>();
        var counters = new List<string>();
        var paths = new List<string>();
        Add(model, "", "", modules, tensors, counters, paths);
        foreach (string path in modules.Keys.Where(path => !paths.Contains(path)))
        {
            throw new ArgumentException(
                $"The model has no layer '{path}'; it has {string.Join(", ", paths.Select(p => $"'{p}'"))}.",
                nameof(modules)
            );
        }
        var names = new HashSet<string>();
        foreach (string name in tensors.SelectMany(tensor => tensor.Names).Concat(counters))
        {
            if (!names.Add(name))
                throw new ArgumentException(
                    $"Two tensors of the model would be called '{name}'.",
                    nameof(modules)
                );
        }
        return (tensors, counters);
    }

    private static void Add(
        Layer layer,
        string path,
        string module,
        IReadOnlyDictionary<string, string> modules,
        List<FileTensor> tensors,
        List<string> counters,
        List<string> paths
    )
    {
        paths.Add(path);
        module = modules.GetValueOrDefault(path, module);
        if (layer is Recurrent { Options.Bias: RecurrentBias.SingleInputBias })
        {
            throw new NotSupportedException(
                $"Layer '{path}' has one bias; PyTorch's recurrent networks have both or none."
            );
        }
        foreach (ModelTensor own in ModelTensor.Own(layer))
        {
            ModelTensor tensor = own with { Name = Join(path, own.Name) };
            tensors.Add(
                layer is TcnBlock
                    ? OfLevel(tensor, layer, own.Name, module)
                    : new FileTensor(tensor, [Join(module, own.Name)], FileTensor.Sizes(own.Shape))
                    {
                        Layer = layer,
                    }
            );
        }
        if (layer is BatchNorm)
            counters.Add(Join(module, Counter));
        foreach ((string name, Layer child) in layer.Children)
        {
            string there = layer is Tcn ? $"network.{name}" : name;
            Add(child, Join(path, name), Join(module, there), modules, tensors, counters, paths);
        }
    }

    private static FileTensor OfLevel(ModelTensor tensor, Layer block, string name, string module)
    {
        (_, _, int ones) = Array.Find(Level, row => row.Name == name);
        string[] names = Names(name, module);
        var here = new FileTensor(tensor, names, FileTensor.Sizes(tensor.Shape, ones));
        if (!name.EndsWith(Gain, StringComparison.Ordinal) && !IsDirection(name))
            return here;
        string convolution = name[..name.LastIndexOf('.')];
        Parameter direction = block.Parameters.Single(p => p.Name == convolution + Direction);
        // Direction and gain are made of the weight both or not at all.
        string[] partners = Names(convolution + (IsDirection(name) ? Gain : Direction), module);
        return here with
        {
            OtherNames = [.. names.Select(Parametrized)],
            Instead = new Substitute(
                [.. names.Select(n => $"{n[..n.LastIndexOf('.')]}.weight")],
                FileTensor.Sizes(direction.Shape),
                [.. partners, .. partners.Select(Parametrized)],
                IsDirection(name) ? RemovedWeightNorm.Direction : RemovedWeightNorm.Gain
            ),
        };
    }

    private static bool IsDirection(string name) =>
        name.EndsWith(Direction, StringComparison.Ordinal);

    private static string[] Names(string name, string module)
    {
        string? again = Array.Find(Level, row => row.Name == name).Again;
        return again is null ? [Join(module, name)] : [Join(module, name), Join(module, again)];
    }

    // As torch.nn.utils.parametrizations.weight_norm, of PyTorch 2, calls a gain or a direction.
    private static string Parametrized(string name) =>
        $"{name[..name.LastIndexOf('.')]}.parametrizations.weight.original{(IsDirection(name) ? 1 : 0)}";

    private static string Join(string module, string name) =>
        module.Length == 0 ? name : $"{module}.{name}";
}
