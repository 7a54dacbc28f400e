namespace Sequor.Layers;

/// <summary>A layer with its input added to what it gives: y = x + f(x).</summary>
/// <remarks>Source: He et al. (2016), <see href="https://arxiv.org/abs/1512.03385"/>.</remarks>
public sealed class Residual : Layer
{
    private readonly (string Name, Layer Layer)[] _children;

    /// <summary>Puts a layer beside its input.</summary>
    /// <param name="body">f: as many channels out as in, and an output for every step.</param>
    /// <exception cref="ArgumentException">It has other channels out than in, or takes classes.</exception>
    public Residual(Layer body)
    {
        ArgumentNullException.ThrowIfNull(body);
        if (body.InputSize != body.OutputSize)
            throw new ArgumentException(
                $"A residual layer adds its input to what its body gives: the body takes {Amount.Of(body.InputSize, "channel")} and gives {body.OutputSize}.",
                nameof(body)
            );
        if (body.InputClasses is not null)
            throw new ArgumentException(
                "A residual layer adds its input to what its body gives, and classes are no numbers to add.",
                nameof(body)
            );
        _children = [("body", body)];
    }

    /// <summary>f.</summary>
    public Layer Body => _children[0].Layer;

    /// <inheritdoc/>
    public override int InputSize => Body.InputSize;

    /// <inheritdoc/>
    public override int OutputSize => Body.OutputSize;

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Layer Layer)> Children => _children;

    internal override LayerPlan CreatePlan(PlanBuilder builder, Shape input, out Shape output)
    {
        bool inputGradient = builder.Training && builder.InputGradient;
        // What backward does last.
        if (inputGradient)
            builder.Flow(FlowUse.Whole, input.Count);
        // The body may write over x where it is kept for no backward pass, and over the gradient where there is one.
        Slot? aside = !builder.Training || inputGradient ? builder.BeginAside(input) : null;
        builder.BeginLayer();
        LayerPlan body = Body.CreatePlan(builder, input, out output);
        if (aside is not null)
            builder.EndAside();
        if (output.First != input.First)
        {
            body.Dispose();
            throw new ArgumentException(
                "The body of a residual layer must have an output for every step; pooling has none."
            );
        }
        builder.BeginLayer();
        return new ResidualPlan(
            body,
            builder.Backend,
            builder.Gradients,
            builder.Output(output),
            aside,
            builder.Training
        );
    }

    private sealed class ResidualPlan(
        LayerPlan body,
        Backend backend,
        GradientFlow flow,
        Slot output,
        Slot? aside,
        bool training
    ) : LayerPlan
    {
        private int _steps;
        private Tensor _inner;

        public override IEnumerable<(string Name, Tensor Output)> Outputs
        {
            get
            {
                foreach ((string name, Tensor inner) in body.Outputs)
                    yield return ($"body.{name}", inner);
                if (!_inner.IsEmpty)
                    yield return ("body", _inner);
            }
        }

        public override Tensor Forward(Tensor x)
        {
            _steps = x.Shape.First;
            Tensor kept = training ? x : Aside(x);
            _inner = body.Forward(x);
            Tensor y = output.For(x.Shape.First, x.Shape[1]);
            Add(kept, _inner, y);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            if (aside is null)
                return body.Backward(dy);
            Tensor kept = Aside(dy);
            Tensor dx = flow.Whole(body.Backward(dy), _steps);
            // A gradient of fewer steps is that of the last ones.
            Tensor last = dx.Slice(_steps - kept.Shape.First, kept.Shape.First);
            Add(kept, last, last);
            return dx;
        }

        public override void Dispose()
        {
            body.Dispose();
            base.Dispose();
        }

        private Tensor Aside(Tensor values)
        {
            Tensor kept = aside!.For(values.Shape.First, values.Shape[1]);
            backend.Copy(values, kept);
            return kept;
        }

        private void Add(Tensor a, Tensor b, Tensor sum) =>
            backend.Pointwise(
                PointwiseOp.Add,
                new PointwiseArguments
                {
                    A = a,
                    B = b,
                    Out = sum,
                }
            );
    }
}
