namespace Sequor.Layers;

/// <summary>
/// y = x + f(x), where the layer f keeps the number of channels and of steps. Source: He et al., Deep Residual Learning for Image
/// Recognition (2015).
/// </summary>
/// <example>
/// <code>
/// using var model = new Sequential(
///     new Linear(8, 32),
///     new Residual(new Sequential(new LayerNorm(32), new Lstm(32, 32))), // x + lstm(norm(x))
///     new Residual(new Sequential(new LayerNorm(32), new Lstm(32, 32))),
///     new Linear(32, 4)
/// );
/// </code>
/// </example>
public sealed class Residual : Layer
{
    private const string Name = "body";

    /// <summary>Adds a path around a layer.</summary>
    /// <param name="body">f, with as many output as input channels; use a <see cref="Sequential"/> for several layers.</param>
    /// <exception cref="ArgumentException">Its input and output channels differ, or its input must be classes.</exception>
    public Residual(Layer body)
    {
        ArgumentNullException.ThrowIfNull(body);
        if (body.InputSize != body.OutputSize)
            throw new ArgumentException(
                $"The layer takes {Amount.Of(body.InputSize, "channel")} and gives {body.OutputSize}; to be added to its input it must give as many.",
                nameof(body)
            );
        if (body.InputClasses is not null)
            throw new ArgumentException(
                $"The {body.GetType().Name} takes classes, and classes are no numbers to add.",
                nameof(body)
            );
        Body = body;
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
    public override IReadOnlyList<(string Name, Layer Layer)> Children { get; }

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        output = input;
        return new ResidualPlan(this, builder, input);
    }

    private sealed class ResidualPlan : LayerPlan
    {
        private readonly TensorOperations _operations;
        private readonly PlannedLayer _body;
        private readonly Slot _output;

        // A copy of the input that the body's layers may overwrite; not needed in training, where they do not.
        private readonly Slot? _input;

        // A copy of the gradient of the output, which the body may overwrite.
        private readonly Slot? _gradient;

        public ResidualPlan(Residual layer, PlanBuilder builder, Shape input)
        {
            _operations = builder.Operations;
            if (!builder.Training)
                _input = builder.Scratch(input);
            else if (builder.InputGradient)
                _gradient = builder.Scratch(input);
            SequenceLayout? layout = builder.Layout;
            _body = PlannedLayer.Of(builder, Name, layer.Body, input, out Shape output);
            if (output != input || builder.Layout != layout)
            {
                _body.Dispose();
                throw new NotSupportedException(
                    "The layer in a Residual pools over time: it has to keep the steps, to be added to its input."
                );
            }
            _output = builder.Output(input);
        }

        public override Tensor Forward(Tensor x)
        {
            (int steps, int batch) = (x.Shape.First, x.Shape[1]);
            Tensor kept = x;
            if (_input is not null)
            {
                kept = _input.For(steps, batch);
                _operations.Copy(x, kept);
            }
            Tensor y = _output.For(steps, batch);
            _operations.Add(kept, _body.Forward(x), y);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            if (_gradient is null)
                return _body.Backward(dy);
            int steps = dy.Shape.First;
            Tensor kept = _gradient.For(steps, dy.Shape[1]);
            _operations.Copy(dy, kept);
            Tensor dx = _body.Backward(dy);
            // The gradient of the output may be that of the last steps alone.
            Tensor last = dx.Slice(dx.Shape.First - steps, steps);
            _operations.Add(kept, last, last);
            return dx;
        }

        internal override IEnumerable<(string Name, Tensor Output)> Outputs => _body.NamedOutputs;

        public override void Dispose()
        {
            _body.Dispose();
            base.Dispose();
        }
    }
}
