namespace Sequor.Layers;

/// <summary>Takes the last step of each sequence, by the sequence's own length: [T, B, C] to [1, B, C].</summary>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var last = new Last(size: 2);
/// last.Initialize(backend);
/// Prediction y = last.Predict([1, 2, 3, 4, 5, 6], length: 3); // [1, 1, 2]: 5 and 6
/// </code>
/// </example>
/// <param name="size">The number of channels, at least 1.</param>
public sealed class Last(int size) : Layer
{
    /// <inheritdoc/>
    public override int InputSize { get; } = RequirePositive(size);

    /// <inheritdoc/>
    public override int OutputSize => InputSize;

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        output = new Shape(1, input[1], input[2]);
        return new LastPlan(builder, output);
    }

    // Where all sequences have the same length, forward is a view, and backward passes the gradient on as it is: having fewer steps than
    // the input, it counts as that of the last step.
    private sealed class LastPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly SequenceLayout? _layout;
        private readonly Slot? _output;
        private Shape _input;

        public LastPlan(PlanBuilder builder, Shape output)
        {
            _backend = builder.Stage;
            _flow = builder.Gradients;
            _layout = builder.Layout;
            builder.Layout = null;
            // What comes after has a step a sequence, unless a stream gives no more.
            if (!builder.Carries)
                builder.Marks = null;
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
