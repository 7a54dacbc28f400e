using System.Globalization;

namespace Sequor.Layers;

/// <summary>Checks that all layers share which are made of other layers.</summary>
internal static class Containers
{
    /// <summary>Refuses lists of layers that are empty or together too large.</summary>
    /// <exception cref="ArgumentException">There is no layer, one is null, or they have too many values.</exception>
    public static void RequireLayers(IReadOnlyList<Layer> layers, string what)
    {
        ArgumentNullException.ThrowIfNull(layers);
        if (layers.Count == 0)
            throw new ArgumentException($"{what} needs at least one layer.", nameof(layers));
        for (int i = 0; i < layers.Count; i++)
        {
            if (layers[i] is null)
                throw new ArgumentException($"Layer {i} is null.", nameof(layers));
        }
        decimal values = layers.Sum(layer =>
            (decimal)
                layer
                    .NamedParameters()
                    .Concat(layer.NamedBuffers())
                    .Sum(p => p.Parameter.Shape.Count)
        );
        if (values > Layer.MostValues)
        {
            throw new ArgumentException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The layers have {values:N0} values in their parameters; a model can have {Layer.MostValues:N0}."
                ),
                nameof(layers)
            );
        }
    }

    /// <summary>Names layers by their positions: 0, 1, 2.</summary>
    public static (string Name, Layer Layer)[] Numbered(IReadOnlyList<Layer> layers) =>
        [.. layers.Select((layer, i) => (i.ToString(CultureInfo.InvariantCulture), layer))];

    /// <summary>Refuses a layer with parameters that occurs twice.</summary>
    /// <param name="container">The layer in which it is looked for, at any depth.</param>
    /// <param name="name">The name of the container's constructor argument for its layers.</param>
    /// <exception cref="ArgumentException">A layer with parameters occurs twice.</exception>
    public static void RequireOnce(Layer container, string name)
    {
        if (FirstTwice(container, "", []) is { } twice)
            throw new ArgumentException(
                $"{twice}: a layer with parameters has one place in a model. Make another one.",
                name
            );
    }

    // Names, states and optimizers tell parameters apart by their places. A layer without parameters may occur at several.
    private static string? FirstTwice(
        Layer container,
        string path,
        Dictionary<Layer, string> places
    )
    {
        foreach ((string name, Layer layer) in container.Children)
        {
            string place = path + name;
            if (!layer.NamedParameters().Any() && !layer.NamedBuffers().Any())
                continue;
            if (!places.TryAdd(layer, place))
                return $"The {layer.GetType().Name} at {place} is the one at {places[layer]} again";
            if (FirstTwice(layer, place + ".", places) is { } inner)
                return inner;
        }
        return null;
    }
}
