namespace Sequor.Layers;

/// <summary>Layers that run one after the other.</summary>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var model = new Sequential(new Gru(2, 32), new Last(32), new Linear(32, 1));
/// model.Initialize(backend, seed: 1);
/// Prediction answers = model.Predict(new float[50 * 4 * 2], length: 50, batch: 4);
/// float second = answers.At(step: 0, sequence: 1)[0]; // answers.Shape is [1, 4, 1]
/// </code>
/// </example>
public class Sequential : Layer
{
    private readonly (string Name, Layer Layer)[] _children;

    /// <summary>Joins layers; each one's output size must be the next one's input size.</summary>
    /// <exception cref="ArgumentException">
    /// There is no layer, the sizes of two neighbours differ, a layer with parameters occurs twice at any depth, or all have more than
    /// <see cref="Layer.MostValues"/> values.
    /// </exception>
    public Sequential(params IReadOnlyList<Layer> layers)
    {
        Containers.RequireLayers(layers, "A sequence");
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
        _children = Containers.Numbered(layers);
        Containers.RequireOnce(this, nameof(layers));
    }

    /// <inheritdoc/>
    public override int InputSize => _children[0].Layer.InputSize;

    /// <inheritdoc/>
    public override int OutputSize => _children[^1].Layer.OutputSize;

    internal override int? InputClasses => _children[0].Layer.InputClasses;

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Layer Layer)> Children => _children;

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
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
        return new SequentialPlan([.. plans]);
    }

    private sealed class SequentialPlan(PlannedLayer[] plans) : LayerPlan
    {
        internal override bool NeedsOutput => plans[^1].NeedsOutput;

        public override Tensor Forward(Tensor x)
        {
            foreach (PlannedLayer plan in plans)
                x = plan.Forward(x);
            return x;
        }

        internal override IEnumerable<(string Name, Tensor Output)> Outputs =>
            plans.SelectMany(plan => plan.NamedOutputs);

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
