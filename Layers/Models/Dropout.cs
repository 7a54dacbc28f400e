namespace Sequor.Layers;

/// <summary>
/// Sets values to zero with a probability while training and scales the others by 1 / (1 - p). The mask is drawn anew
/// each forward pass, and again in the backward pass, from the plan's seed and step: it takes no memory.
/// </summary>
/// <param name="size">Channels, at least 1.</param>
/// <param name="probability">At least 0, below 1.</param>
public sealed class Dropout(int size, float probability) : Layer
{
    /// <inheritdoc/>
    public override int InputSize { get; } = RequirePositive(size);

    /// <inheritdoc/>
    public override int OutputSize => InputSize;

    /// <summary>Probability that a value becomes zero.</summary>
    public float Probability { get; } = RequireProbability(probability);

    internal override LayerPlan CreatePlan(PlanBuilder builder, Shape input, out Shape output)
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
