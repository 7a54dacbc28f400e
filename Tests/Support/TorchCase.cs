using System.Reflection;
using System.Text.Json;

namespace Sequor.Tests.Support;

/// <summary>One case that PyTorch computed in double precision; made by Support/Vectors/make_vectors.py.</summary>
public sealed class TorchCase
{
    private static readonly Dictionary<string, TorchCase> All = Load("torch.json");

    private readonly Dictionary<string, int> _sizes;
    private readonly Dictionary<string, double> _options;
    private readonly Dictionary<string, double[]> _arrays;

    private TorchCase(JsonElement json)
    {
        Name = json.GetProperty("name").GetString()!;
        _sizes = Read(json, "sizes", value => value.GetInt32());
        _options = Read(json, "options", value => value.GetDouble());
        _arrays = Read<double[]>(
            json,
            "arrays",
            value => [.. value.GetProperty("data").EnumerateArray().Select(v => v.GetDouble())]
        );
    }

    internal string Name { get; }
    internal IReadOnlyCollection<string> Arrays => _arrays.Keys;

    /// <summary>The names of the arrays whose gradients are in the case.</summary>
    internal IEnumerable<string> Differentiated =>
        _arrays
            .Keys.Where(name => name.StartsWith("grad.", StringComparison.Ordinal))
            .Select(name => name["grad.".Length..]);

    internal double[] this[string array] => _arrays[array];

    internal static IEnumerable<TorchCase> Where(Func<string, bool> name) =>
        All.Values.Where(@case => name(@case.Name));

    internal static TorchCase Find(string name) => All[name];

    internal int Size(string name) => _sizes[name];

    internal int SizeOr(string name, int otherwise) => _sizes.GetValueOrDefault(name, otherwise);

    internal double Option(string name, double otherwise = 0) =>
        _options.GetValueOrDefault(name, otherwise);

    internal double[]? OrNone(string array) => _arrays.GetValueOrDefault(array);

    internal float[] Floats(string array) => Array.ConvertAll(_arrays[array], v => (float)v);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static Dictionary<string, T> Read<T>(
        JsonElement json,
        string name,
        Func<JsonElement, T> read
    ) => json.GetProperty(name).EnumerateObject().ToDictionary(p => p.Name, p => read(p.Value));

    /// <summary>Reads the cases of a file, by name.</summary>
    internal static Dictionary<string, TorchCase> Load(string resource)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!;
        using var json = JsonDocument.Parse(stream);
        return json
            .RootElement.GetProperty("cases")
            .EnumerateArray()
            .Select(@case => new TorchCase(@case))
            .ToDictionary(@case => @case.Name);
    }
}
