using System.Globalization;

namespace Sequor.Layers;

/// <summary>What holds of every layer that is made of others.</summary>
internal static class Containers
{
    /// <summary>Refuses layers that are none, or together too large.</summary>
    /// <exception cref="ArgumentException">There is no layer, or one is null, or they have too many values.</exception>
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

    /// <summary>Names of layers by their places.</summary>
    public static (string Name, Layer Layer)[] Numbered(IReadOnlyList<Layer> layers) =>
        [.. layers.Select((layer, i) => (i.ToString(CultureInfo.InvariantCulture), layer))];

    /// <summary>Refuses a layer with parameters that is at two places.</summary>
    /// <param name="container">Where it is looked for.</param>
    /// <param name="name">What the container's constructor calls its layers.</param>
    /// <exception cref="ArgumentException">There is one.</exception>
    public static void RequireOnce(Layer container, string name)
    {
        if (FirstTwice(container, "", []) is { } twice)
            throw new ArgumentException(
                $"{twice}: a layer with parameters has one place in a model. Make another one.",
                name
            );
    }

    // Names, states and optimizers tell parameters apart by their places. What has none can be at many.
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
