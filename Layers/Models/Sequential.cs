using System.Globalization;

namespace Sequor.Layers;

/// <summary>Layers one after the other.</summary>
public class Sequential : Layer
{
    private readonly (string Name, Layer Layer)[] _children;

    /// <summary>Joins layers; each one's output size must be the next one's input size.</summary>
    /// <exception cref="ArgumentException">
    /// There is no layer, or the sizes of two neighbours differ, or one layer with parameters is at two places, whether here or in
    /// layers of layers, or they have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Sequential(params IReadOnlyList<Layer> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        if (layers.Count == 0)
            throw new ArgumentException("A sequence needs at least one layer.", nameof(layers));
        for (int i = 0; i < layers.Count; i++)
        {
            if (layers[i] is null)
                throw new ArgumentException($"Layer {i} is null.", nameof(layers));
        }
        for (int i = 1; i < layers.Count; i++)
        {
            if (layers[i].InputSize != layers[i - 1].OutputSize)
            {
                throw new ArgumentException(
                    $"Layer {i} takes {Amount.Of(layers[i].InputSize, "channel")}, but layer {i - 1} gives {layers[i - 1].OutputSize}.",
                    nameof(layers)
                );
            }
        }
        decimal values = layers.Sum(layer =>
            (decimal)
                layer
                    .NamedParameters()
                    .Concat(layer.NamedBuffers())
                    .Sum(p => p.Parameter.Shape.Count)
        );
        if (values > MostValues)
        {
            throw new ArgumentException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The layers have {values:N0} values in their parameters; a model can have {MostValues:N0}."
                ),
                nameof(layers)
            );
        }
        _children =
        [
            .. layers.Select((layer, i) => (i.ToString(CultureInfo.InvariantCulture), layer)),
        ];
        if (FirstTwice(this, "", []) is { } twice)
            throw new ArgumentException(
                $"{twice}: a layer with parameters has one place in a model. Make another one.",
                nameof(layers)
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

    /// <inheritdoc/>
    public override int InputSize => _children[0].Layer.InputSize;

    /// <inheritdoc/>
    public override int OutputSize => _children[^1].Layer.OutputSize;

    internal override int? InputClasses => _children[0].Layer.InputClasses;

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Layer Layer)> Children => _children;

    internal override LayerPlan CreatePlan(PlanBuilder builder, Shape input, out Shape output)
    {
        var plans = new List<PlannedLayer>(_children.Length);
        try
        {
            output = input;
            foreach ((string name, Layer child) in _children)
            {
                plans.Add(PlannedLayer.Of(builder, name, child, output, out output));
                builder.InputGradient = true;
            }
        }
        catch
        {
            plans.ForEach(plan => plan.Dispose());
            throw;
        }
        return new SequentialPlan([.. plans], [.. _children.Select(c => c.Name)]);
    }

    private sealed class SequentialPlan(PlannedLayer[] plans, string[] names) : LayerPlan
    {
        private readonly Tensor[] _outputs = new Tensor[plans.Length];

        public override Tensor Forward(Tensor x)
        {
            for (int i = 0; i < plans.Length; i++)
                x = _outputs[i] = plans[i].Forward(x);
            return x;
        }

        public override IEnumerable<(string Name, Tensor Output)> Outputs
        {
            get
            {
                for (int i = 0; i < plans.Length; i++)
                {
                    foreach ((string name, Tensor output) in plans[i].Outputs)
                        yield return ($"{names[i]}.{name}", output);
                    if (!_outputs[i].IsEmpty)
                        yield return (names[i], _outputs[i]);
                }
            }
        }

        public override Tensor Backward(Tensor dy)
        {
            for (int i = plans.Length - 1; i >= 0; i--)
                dy = plans[i].Backward(dy);
            return dy;
        }

        public override void Dispose()
        {
            foreach (PlannedLayer plan in plans)
                plan.Dispose();
            base.Dispose();
        }
    }
}
