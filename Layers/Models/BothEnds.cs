namespace Sequor.Layers;

/// <summary>
/// Takes what each direction of a bidirectional network has read the whole sequence for: of the first half of the channels, which is the
/// forward direction, the last step, and of the second half the first step, by each sequence's own length. [T, B, 2 H] to [1, B, 2 H].
/// Those are the final hidden states of both directions side by side, PyTorch's torch.cat([h_n[-2], h_n[-1]], -1), whereas the last step
/// alone would have seen one input of the reverse direction. Source: Graves and Schmidhuber (2005) for networks of both directions.
/// </summary>
public sealed class BothEnds : Layer
{
    /// <summary>Makes the layer.</summary>
    /// <param name="size">2 H, the number of channels of both directions: even, at least 2.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 2 or odd.</exception>
    public BothEnds(int size)
    {
        if (size < 2 || size % 2 != 0)
            throw new ArgumentOutOfRangeException(
                nameof(size),
                size,
                "Two directions have an even number of channels, at least 2."
            );
        InputSize = size;
    }

    /// <inheritdoc/>
    public override int InputSize { get; }

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
                $"Pooling of both ends cannot {(builder.Streaming ? "stream" : "go on from window to window")}: its output needs the whole sequence."
            );
        }
        builder.RefuseResets(
            "Pooling of both ends",
            "the first and the last step of a sequence are of different episodes"
        );
        return new EndsPlan(builder, input, output);
    }

    private sealed class EndsPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly SequenceLayout? _layout;
        private readonly Slot _output;
        private readonly Slot? _rows;
        private readonly bool _inputGradient;
        private readonly int _half;
        private Shape _input;

        public EndsPlan(PlanBuilder builder, Shape input, Shape output)
        {
            _backend = builder.Stage;
            _flow = builder.Gradients;
            _layout = builder.Layout;
            builder.Layout = null;
            _half = input.Columns / 2;
            _output = builder.Output(output);
            if (_layout is not null)
                _rows = builder.Scratch(output);
            _inputGradient = builder.InputGradient;
        }

        public override Tensor Forward(Tensor x)
        {
            _input = x.Shape;
            if (_layout is { IsPacked: true })
            {
                Tensor y = _output.For(1, _layout.Batch);
                Tensor first = _rows!.For(1, _layout.Batch);
                _backend.LastSteps(x, _layout, y);
                _backend.FirstSteps(x, _layout, first);
                CopyHalf(first, y, 1);
                return y;
            }
            Tensor ends = _output.For(1, x.Shape[1]);
            CopyHalf(x.Slice(x.Shape.First - 1, 1), ends, 0);
            CopyHalf(x.Slice(0, 1), ends, 1);
            return ends;
        }

        public override Tensor Backward(Tensor dy)
        {
            if (!_inputGradient)
                return default;
            Tensor dx = _flow.Other(dy, _input);
            if (_layout is { IsPacked: true })
            {
                Tensor rows = _rows!.For(1, _layout.Batch);
                _backend.Fill(rows, 0f);
                CopyHalf(dy, rows, 0);
                _backend.LastStepsGradient(rows, _layout, dx);
                _backend.FirstStepsGradient(dy, _layout, rows);
                CopyHalf(rows, dx.RowRange(0, _layout.Batch), 1);
                return dx;
            }
            _backend.Fill(dx, 0f);
            CopyHalf(dy, dx.Slice(_input.First - 1, 1), 0);
            CopyHalf(dy, dx.Slice(0, 1), 1);
            return dx;
        }

        // The columns of a direction.
        private void CopyHalf(Tensor from, Tensor to, int direction) =>
            _backend.CopyColumns(
                new ColumnCopy
                {
                    From = from,
                    FromColumn = direction * _half,
                    To = to,
                    ToColumn = direction * _half,
                    Columns = _half,
                }
            );
    }
}
