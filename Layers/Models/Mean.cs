namespace Sequor.Layers;

/// <summary>Averages each sequence over time, by the sequence's own length: [T, B, C] to [1, B, C].</summary>
/// <param name="size">The number of channels, at least 1.</param>
public sealed class Mean(int size) : Layer
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
        if (builder.Carries)
        {
            throw new NotSupportedException(
                $"Mean pooling cannot {(builder.Streaming ? "stream" : "go on from window to window")}: its output needs the whole sequence."
            );
        }
        builder.RefuseResets("Mean pooling", "it would average over all episodes of a sequence");
        return new MeanPlan(builder, output);
    }

    private sealed class MeanPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly SequenceLayout? _layout;
        private readonly Slot _output;
        private readonly bool _inputGradient;
        private Shape _input;

        public MeanPlan(PlanBuilder builder, Shape output)
        {
            _backend = builder.Stage;
            _flow = builder.Gradients;
            _layout = builder.Layout;
            builder.Layout = null;
            _output = builder.Output(output);
            _inputGradient = builder.InputGradient;
        }

        public override Tensor Forward(Tensor x)
        {
            _input = x.Shape;
            Tensor y = _output.For(1, _layout is { IsPacked: true } ? _layout.Batch : x.Shape[1]);
            _backend.MeanOverTime(x, _layout, y);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            if (!_inputGradient)
                return default;
            Tensor dx = _flow.Other(dy, _input);
            _backend.MeanOverTimeGradient(dy, _layout, dx);
            return dx;
        }
    }
}
