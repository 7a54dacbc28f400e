using System.Text.Json;

namespace Sequor.C;

/// <summary>
/// How names in a file of PyTorch's belong to a model: {"modules": {"0": "rnn"}, "ignore": ["head"]}, where each key can be left out.
/// </summary>
/// <param name="Modules">The names of PyTorch's modules by those of layers; null where all are alike.</param>
/// <param name="Ignored">Modules or tensors of the file that are not loaded; null for none.</param>
internal sealed record TorchFileNames(
    IReadOnlyDictionary<string, string>? Modules,
    IReadOnlyCollection<string>? Ignored
)
{
    private const string What = "the names of a file of PyTorch's";

    /// <summary>Reads the description.</summary>
    /// <param name="text">UTF-8 with a zero behind it; null where all names are alike.</param>
    /// <param name="ignores">Whether something of the file may be left out: not where it is written.</param>
    public static unsafe TorchFileNames Read(byte* text, bool ignores) =>
        text is null ? new(null, null) : Json.Read(text, place => Make(place, ignores), "names");

    private static TorchFileNames Make(Place place, bool ignores)
    {
        string[] keys = ignores ? ["modules", "ignore"] : ["modules"];
        var fields = new Fields(place, What, keys);
        string[]? ignored = fields.Find("ignore") is { } there
            ? [.. there.Elements("names of modules or tensors").Select(name => name.Text())]
            : null;
        return new(fields.Find("modules") is { } given ? ModulesOf(given) : null, ignored);
    }

    private static Dictionary<string, string> ModulesOf(Place place)
    {
        if (place.Value.ValueKind != JsonValueKind.Object)
            throw place.Wrong("an object: names of PyTorch's modules by those of layers");
        var modules = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string layer, Place module) in Fields.All(place))
        {
            if (!modules.TryAdd(layer, module.Text()))
                throw place.Refusal($"the layer \"{layer}\" stands there twice");
        }
        return modules;
    }
}
