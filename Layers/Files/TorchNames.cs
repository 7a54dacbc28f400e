namespace Sequor.Layers;

/// <summary>The names and sizes that the tensors of a model have in PyTorch.</summary>
/// <remarks>
/// For torch.nn.RNN, LSTM, GRU, Linear, LayerNorm and Embedding, the names, sizes and order of gates (LSTM i, f, g, o; GRU r, z, n) are the
/// same as here, and so are those of any layer that is not named below. PyTorch's BatchNorm also counts its batches, which only matters
/// without a momentum. A Tcn is the TemporalConvNet of Bai, Kolter and Koltun (github.com/locuslab/TCN, TCN/tcn.py): its levels are in the
/// module network, and each level's convolutions are registered twice. The order of taps is the same: tap k - 1 meets the newest step. An
/// S4D is that of github.com/state-spaces/s4, models/s4/s4d.py, whose eigenvalues are in the module kernel and which has one direction.
/// </remarks>
internal static class TorchNames
{
    private const string Gain = ".weight_g";
    private const string Direction = ".weight_v";

    // The tensors of a TCN level: their names, which are the same here, their second names, and how many sizes of 1 follow ours.
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

    /// <summary>The name under which PyTorch counts the batches of a batch norm. No value here corresponds to it.</summary>
    public const string Counter = "num_batches_tracked";

    /// <summary>Lists all tensors of a model, and the names of those that only PyTorch has.</summary>
    /// <param name="model">The model.</param>
    /// <param name="modules">
    /// The name of PyTorch's module for a layer, by the layer's path in the model. Layers without an entry have the same name within their
    /// parent's module as here.
    /// </param>
    /// <exception cref="ArgumentException">A path is no layer's, or two tensors have the same name.</exception>
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
        if (
            layer is Recurrent
            {
                Options.Bias: RecurrentBias.SingleInputBias or RecurrentBias.SingleRecurrentBias
            }
        )
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
                    : new FileTensor(
                        tensor,
                        [Join(module, layer is S4D ? OfKernel(own.Name) : own.Name)],
                        FileTensor.Sizes(own.Shape)
                    )
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

    // All of an S4D but D is in a module of its own.
    private static string OfKernel(string name) => name == "D" ? name : $"kernel.{name}";

    private static FileTensor OfLevel(ModelTensor tensor, Layer block, string name, string module)
    {
        (_, _, int ones) = Array.Find(Level, row => row.Name == name);
        string[] names = Names(name, module);
        var here = new FileTensor(tensor, names, FileTensor.Sizes(tensor.Shape, ones));
        if (!name.EndsWith(Gain, StringComparison.Ordinal) && !IsDirection(name))
            return here;
        string convolution = name[..name.LastIndexOf('.')];
        Parameter direction = block.Parameters.Single(p => p.Name == convolution + Direction);
        // Direction and gain are computed from a weight only where the file has neither of them.
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

    // The names that torch.nn.utils.parametrizations.weight_norm of PyTorch 2 gives to a gain or a direction.
    private static string Parametrized(string name) =>
        $"{name[..name.LastIndexOf('.')]}.parametrizations.weight.original{(IsDirection(name) ? 1 : 0)}";

    private static string Join(string module, string name) =>
        module.Length == 0 ? name : $"{module}.{name}";
}
