namespace Sequor.Layers;

/// <summary>
/// In training, sets each value to zero with probability p and multiplies the others by 1 / (1 - p). The mask is drawn from the plan's seed
/// and step, anew for each forward pass and again for its backward pass, so it takes no memory. Source: Srivastava et al. (2014).
/// </summary>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var dropout = new Dropout(size: 4, probability: 0.5f);
/// using Plan training = dropout.Plan(backend, 1, 1, Mode.Training);
/// using Plan evaluation = dropout.Plan(backend, 1, 1, Mode.Evaluation);
/// float[] some = training.Forward([1, 1, 1, 1], 1, 1).ToArray(); // each is 0 or 2
/// float[] all = evaluation.Forward([1, 1, 1, 1], 1, 1).ToArray(); // 1, 1, 1, 1
/// </code>
/// </example>
/// <param name="size">The number of channels, at least 1.</param>
/// <param name="probability">p: at least 0, below 1.</param>
public sealed class Dropout(int size, float probability) : Layer
{
    /// <inheritdoc/>
    public override int InputSize { get; } = RequirePositive(size);

    /// <inheritdoc/>
    public override int OutputSize => InputSize;

    /// <summary>The probability p that a value becomes zero.</summary>
    public float Probability { get; } = RequireProbability(probability);

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        output = input;
        return new DropoutPlan(this, builder, input);
    }

    private sealed class DropoutPlan : LayerPlan
    {
        private readonly RandomStream _random;
        private readonly GradientFlow _flow;
        private readonly Slot? _output;
        private readonly float _probability;
        private readonly int _stream;
        private int _steps;

        public DropoutPlan(Dropout layer, PlanBuilder builder, Shape input)
        {
            _random = builder.Random!;
            _flow = builder.Gradients;
            _probability = layer.Probability;
            _stream = builder.NextStream();
            if (builder.Training && _probability > 0)
                _output = builder.Output(input);
        }

        public override Tensor Forward(Tensor x)
        {
            if (_output is null)
                return x;
            _steps = x.Shape.First;
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            _random.Dropout(x, y, _probability, _stream);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            if (_output is null)
                return dy;
            dy = _flow.Whole(dy, _steps);
            _random.Dropout(dy, dy, _probability, _stream);
            return dy;
        }
    }
}
