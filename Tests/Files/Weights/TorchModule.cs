using System.Reflection;
using Sequor.Layers;

namespace Sequor.Tests.Files;

/// <summary>A module that PyTorch saved, with what it computes; made by Support/Vectors/make_weights.py.</summary>
public sealed class TorchModule
{
    private readonly Func<Layer> _make;

    private TorchModule(
        string name,
        Func<Layer> make,
        params (string Path, string Module)[] modules
    )
    {
        Name = name;
        _make = make;
        Modules = modules.ToDictionary(m => m.Path, m => m.Module);
    }

    internal static readonly TorchModule[] All =
    [
        new("rnn", () => new Rnn(3, 4)),
        new(
            "lstm",
            () => new Lstm(3, 5, new RecurrentOptions { Layers = 2, Bidirectional = true })
        ),
        new("gru", () => new Sequential(new Gru(4, 6), new LayerNorm(6), new Linear(6, 3))),
        new(
            "embedding",
            () => new Sequential(new Embedding(7, 4, paddingIndex: 2), new Linear(4, 3))
        ),
        new(
            "norm",
            () => new Sequential(new Linear(3, 5, bias: false), new BatchNorm(5), new Linear(5, 2))
        ),
        new(
            "tcn",
            () => new Sequential(new Tcn(2, [5, 5, 4], 3), new Last(4), new Linear(4, 1)),
            ("0", "tcn"),
            ("2", "linear")
        ),
    ];

    internal string Name { get; }

    /// <summary>PyTorch's names of layers that are called otherwise here.</summary>
    internal Dictionary<string, string> Modules { get; }

    internal Layer Make() => _make();

    internal static TorchModule Find(string name) => All.Single(module => module.Name == name);

    /// <summary>PyTorch's name of a parameter.</summary>
    internal string TorchName(string parameter)
    {
        if (Modules.Count == 0)
            return parameter;
        string[] parts = parameter.Split('.', 2);
        string module = Modules[parts[0]];
        return module == "tcn" ? $"tcn.network.{parts[1]}" : $"{module}.{parts[1]}";
    }

    /// <summary>Puts the state_dict into a folder; returns the file's path.</summary>
    internal string Extract(string folder) => Extract(folder, $"torch_{Name}.safetensors");

    /// <summary>x, y, dy and the gradients, with their shapes.</summary>
    internal Dictionary<string, (long[] Shape, double[] Values)> Run(string folder)
    {
        using SafetensorsFile file = Safetensors.Open(
            Extract(folder, $"torch_{Name}_run.safetensors")
        );
        return file.Entries.ToDictionary(
            entry => entry.Name,
            entry => (entry.Shape.ToArray(), file.ReadDoubles(entry.Name))
        );
    }

    /// <summary>Puts a file of Vectors into a folder; returns its path.</summary>
    internal static string Extract(string folder, string resource)
    {
        string path = Path.Combine(folder, resource);
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!;
        using FileStream file = File.Create(path);
        stream.CopyTo(file);
        return path;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
