namespace Sequor.Layers;

/// <summary>
/// y = f(x) + D x, where the layer f keeps the number of channels and of steps and D [C] is a factor for each channel, which begins as
/// N(0, 1). It is the direct term of a linear system, as state space models and the LRU have it beside their recurrence (Orvieto et al.
/// 2023, section 3).
/// </summary>
public sealed class FeedThrough : Layer
{
    private const string Name = "body";
    private readonly Parameter _d;

    /// <summary>Adds a direct term to a layer.</summary>
    /// <param name="body">f, with as many output as input channels; use a <see cref="Sequential"/> for several layers.</param>
    /// <exception cref="ArgumentException">
    /// Its input and output channels differ, its input must be classes, or all have more than <see cref="Layer.MostValues"/> values.
    /// </exception>
    public FeedThrough(Layer body)
    {
        ArgumentNullException.ThrowIfNull(body);
        if (body.InputSize != body.OutputSize)
            throw new ArgumentException(
                $"The layer takes {Amount.Of(body.InputSize, "channel")} and gives {body.OutputSize}; to have its input added it must give as many.",
                nameof(body)
            );
        if (body.InputClasses is not null)
            throw new ArgumentException(
                $"The {body.GetType().Name} takes classes, and classes are no numbers to add.",
                nameof(body)
            );
        Containers.RequireLayers([body], "A direct term");
        Body = body;
        _d = new Parameter("D", new Shape(body.InputSize), Parameter.Normal(1));
        Parameters = [_d];
        Children = [(Name, body)];
        Containers.RequireOnce(this, nameof(body));
    }

    /// <summary>f.</summary>
    public Layer Body { get; }

    /// <inheritdoc/>
    public override int InputSize => Body.InputSize;

    /// <inheritdoc/>
    public override int OutputSize => Body.OutputSize;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Layer Layer)> Children { get; }

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        output = input;
        return new DirectPlan(this, builder, input);
    }

    private sealed class DirectPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly PlannedLayer _body;
        private readonly Tensor _d;
        private readonly Tensor _dGradient;

        // Not needed where the body's output can be written over.
        private readonly Slot? _output;

        // A copy of the input that the body's layers may overwrite; not needed in training, where they do not.
        private readonly Slot? _input;

        // D times the gradient of the output, which the body may overwrite.
        private readonly Slot? _skip;
        private Tensor _x;
        private Tensor _z;

        public DirectPlan(FeedThrough layer, PlanBuilder builder, Shape input)
        {
            _backend = builder.Stage;
            _flow = builder.Gradients;
            _d = builder.Value(layer._d);
            _dGradient = builder.Gradient(layer._d);
            if (!builder.Training)
                _input = builder.Scratch(input);
            else if (builder.InputGradient)
                _skip = builder.Scratch(input);
            SequenceLayout? layout = builder.Layout;
            _body = PlannedLayer.Of(builder, Name, layer.Body, input, out Shape output);
            if (output != input || builder.Layout != layout)
            {
                _body.Dispose();
                throw new NotSupportedException(
                    "The layer in a FeedThrough pools over time: it has to keep the steps, to have its input added."
                );
            }
            if (_body.NeedsOutput)
                _output = builder.Output(input);
        }

        internal override bool NeedsOutput => false;

        public override Tensor Forward(Tensor x)
        {
            (int steps, int batch) = (x.Shape.First, x.Shape[1]);
            _x = x;
            if (_input is not null)
            {
                _x = _input.For(steps, batch);
                _backend.Copy(x, _x);
            }
            _z = _body.Forward(x);
            Tensor y = _z;
            if (_output is not null)
            {
                y = _output.For(steps, batch);
                _backend.Copy(_z, y);
            }
            AddTimesD(_x, y);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            // A gradient of the last steps belongs to the input's last steps.
            int steps = dy.Shape.First;
            _backend.ColumnSum(dy, _x.Slice(_x.Shape.First - steps, steps), _dGradient);
            if (_skip is null)
                return _body.Backward(dy);
            Tensor skip = _skip.For(steps, dy.Shape[1]);
            _backend.Fill(skip, 0f);
            AddTimesD(dy, skip);
            Tensor dx = _body.Backward(dy);
            if (!_flow.Owns(dx) || dx.Shape.First < steps)
                dx = _flow.Whole(dx, Math.Max(steps, dx.Shape.First));
            Tensor last = dx.Slice(dx.Shape.First - steps, steps);
            _backend.Pointwise(
                PointwiseOp.Add,
                new PointwiseArguments
                {
                    A = skip,
                    B = last,
                    Out = last,
                }
            );
            return dx;
        }

        private void AddTimesD(Tensor values, Tensor result) =>
            _backend.MultiplyAdd(values, _d, result);

        // What the sum was written over is no output of the body's any more.
        internal override IEnumerable<(string Name, Tensor Output)> Outputs =>
            _body.NamedOutputs.Where(each =>
                _output is not null
                || each.Output.Storage != _z.Storage
                || each.Output.Offset != _z.Offset
            );

        public override void Dispose()
        {
            _body.Dispose();
            base.Dispose();
        }
    }
}
