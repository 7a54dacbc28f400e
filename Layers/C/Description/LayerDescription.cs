using System.Text.Json;
using Sequor.Layers;

namespace Sequor.C;

/// <summary>
/// Makes a model of its description: an object with the key "layers" is a sequence, any other names its kind by "type". Where a layer says
/// nothing of its input, it takes what the layer before it gives.
/// </summary>
internal static class LayerDescription
{
    /// <summary>Makes a model.</summary>
    /// <param name="root">The whole description.</param>
    /// <exception cref="RefusedException">Something is not allowed: its path, what was given, what is allowed.</exception>
    public static Layer Model(Place root)
    {
        if (
            root.Value.ValueKind == JsonValueKind.Object
            && !root.Value.TryGetProperty("type"u8, out _)
        )
            return Sequence(new Fields(root, "a model", "layers"), Before.Nothing);
        return Layer(root, Before.Nothing);
    }

    /// <summary>Makes a layer.</summary>
    /// <param name="place">Where it is described.</param>
    /// <param name="before">What stands before it.</param>
    public static Layer Layer(Place place, Before before)
    {
        if (
            place.Value.ValueKind != JsonValueKind.Object
            || !place.Value.TryGetProperty("type"u8, out JsonElement type)
        )
            throw place.Wrong($"a layer: an object with the key \"type\", which is {Types}");
        Place named = place.At("type", type);
        string name = named.Text();
        LayerKind kind =
            LayerKinds.All.FirstOrDefault(kind => kind.Name == name) ?? throw named.Wrong(Types);
        var fields = new Fields(place, $"a layer of type \"{name}\"", kind.Names);
        return Json.Made(place, () => kind.Make(fields, before));
    }

    /// <summary>Makes layers one after the other.</summary>
    public static Sequential Sequence(Fields fields, Before before)
    {
        Place place = fields.Require("layers");
        var layers = new List<Layer>();
        foreach (Place element in place.Elements("layers"))
        {
            layers.Add(Layer(element, before));
            before = before with { Channels = layers[^1].OutputSize };
        }
        return Json.Made(place, () => new Sequential(layers));
    }

    private static string Types =>
        string.Join(", ", LayerKinds.All.Select(kind => $"\"{kind.Name}\""));
}
