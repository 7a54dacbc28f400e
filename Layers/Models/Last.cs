namespace Sequor.Layers;

/// <summary>The last step of each sequence, by its own length: [T, B, C] to [1, B, C].</summary>
/// <param name="size">Channels, at least 1.</param>
public sealed class Last(int size) : Layer
{
    /// <inheritdoc/>
    public override int InputSize { get; } = RequirePositive(size);

    /// <inheritdoc/>
    public override int OutputSize => InputSize;

    internal override LayerPlan CreatePlan(PlanBuilder builder, Shape input, out Shape output)
    {
        output = new Shape(1, input[1], input[2]);
        return new LastPlan(builder, output);
    }

    // Where all have the same length, a view forwards; backwards the gradient passes as it is: shorter than the input, it is
    // that of the last step.
    private sealed class LastPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly SequenceLayout? _layout;
        private readonly Slot? _output;
        private Shape _input;

        public LastPlan(PlanBuilder builder, Shape output)
        {
            _backend = builder.Backend;
            _flow = builder.Gradients;
            _layout = builder.Layout;
            builder.Layout = null;
            if (_layout is not null)
                _output = builder.Output(output);
        }

        public override Tensor Forward(Tensor x)
        {
            _input = x.Shape;
            bool packed = _layout is { IsPacked: true };
            _flow.PooledSteps = packed ? 0 : x.Shape.First;
            if (!packed)
                return x.Slice(x.Shape.First - 1, 1);
            Tensor y = _output!.For(1, _layout!.Batch);
            _backend.LastSteps(x, _layout, y);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            if (_layout is not { IsPacked: true })
                return dy;
            Tensor dx = _flow.Other(dy, _input);
            _backend.LastStepsGradient(dy, _layout, dx);
            return dx;
        }
    }
}
