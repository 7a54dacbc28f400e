namespace Sequor.Layers;

/// <summary>
/// Normalises each step over its channels, with a weight and a bias for each channel: [T, B, C] to [T, B, C]. Source: Ba, Kiros and Hinton
/// (2016); names and rules are those of torch.nn.LayerNorm.
/// </summary>
public sealed class LayerNorm : Layer
{
    private readonly float _epsilon;

    /// <summary>Makes a layer normalisation. The weight begins as 1 and the bias as 0.</summary>
    /// <param name="size">The number of channels C, at least 1.</param>
    /// <param name="epsilon">Added to the variance; finite and above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The size is below 1 or above half of <see cref="Layer.MostValues"/>, or epsilon is not a finite number above 0.
    /// </exception>
    public LayerNorm(int size, float epsilon = 1e-5f)
    {
        InputSize = RequirePositive(size);
        RequireValues(2L * size, size, $"LayerNorm of {Amount.Of(size, "channel")}");
        if (!(epsilon > 0 && float.IsFinite(epsilon)))
            throw new ArgumentOutOfRangeException(
                nameof(epsilon),
                epsilon,
                "Epsilon must be a finite number above 0."
            );
        _epsilon = epsilon;
        Weight = new Parameter("weight", new Shape(size), Parameter.Constant(1f));
        Bias = new Parameter("bias", new Shape(size), Parameter.Constant(0f));
        Parameters = [Weight, Bias];
    }

    internal Parameter Weight { get; }

    internal Parameter Bias { get; }

    /// <inheritdoc/>
    public override int InputSize { get; }

    /// <inheritdoc/>
    public override int OutputSize => InputSize;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    internal LayerNormDescriptor Describe(Shape input) =>
        new(InputSize, input.First, input[1], _epsilon);

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        output = input;
        return new LayerNormPlan(this, builder, input);
    }

    private sealed class LayerNormPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly LayerNormOperation _operation;
        private readonly GradientFlow _flow;
        private readonly Slot _output;
        private readonly Slot _statistics;
        private readonly Slot _workspace;
        private readonly Tensor _weight;
        private readonly Tensor _bias;
        private readonly Tensor _weightGradient;
        private readonly Tensor _biasGradient;
        private Tensor _x;

        public LayerNormPlan(LayerNorm layer, PlanBuilder builder, Shape input)
        {
            _backend = builder.Stage;
            _flow = builder.Gradients;
            _operation = builder.Own(_backend.PlanLayerNorm(layer.Describe(input)));
            _output = builder.Output(input);
            _statistics = builder.Keep(new Shape(input.First, input[1], 2));
            _workspace = builder.Scratch(_operation.WorkspaceCount);
            _weight = builder.Value(layer.Weight);
            _bias = builder.Value(layer.Bias);
            _weightGradient = builder.Gradient(layer.Weight);
            _biasGradient = builder.Gradient(layer.Bias);
        }

        public override Tensor Forward(Tensor x)
        {
            _x = x;
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            _operation.Forward(x, _weight, _bias, y, _statistics.All, false);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            dy = _flow.Whole(dy, _x.Shape.First);
            Tensor dx = _flow.Other(dy, _x.Shape);
            _operation.Backward(
                _x,
                _weight,
                _statistics.All,
                dy,
                dx,
                false,
                _weightGradient,
                _biasGradient,
                _workspace.All
            );
            return dx;
        }

        public override void Dispose()
        {
            _operation.Dispose();
            base.Dispose();
        }
    }
}
