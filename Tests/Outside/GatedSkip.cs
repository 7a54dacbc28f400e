using Sequor.Layers;

namespace Sequor.Outside;

/// <summary>gelu(x + d x): the elementwise operations, each with its gradient. d is one factor a channel.</summary>
public sealed class GatedSkip : Layer
{
    private readonly Parameter _d;

    public GatedSkip(int size)
    {
        InputSize = size;
        _d = new Parameter("d", new Shape(size), Parameter.Normal(0.5));
        Parameters = [_d];
    }

    public override int InputSize { get; }

    public override int OutputSize => InputSize;

    public override IReadOnlyList<Parameter> Parameters { get; }

    protected override LayerPlan CreatePlan(PlanBuilder builder, Shape input, out Shape output)
    {
        output = input;
        return new Passes(this, builder, input);
    }

    private sealed class Passes(GatedSkip layer, PlanBuilder builder, Shape shape) : LayerPlan
    {
        private readonly TensorOperations _operations = builder.Operations;
        private readonly GradientFlow _flow = builder.Gradients;
        private readonly Slot _sum = builder.Keep(shape);
        private readonly Slot _output = builder.Output(shape);
        private readonly Tensor _d = builder.Value(layer._d);
        private readonly Tensor _dGradient = builder.Gradient(layer._d);
        private Tensor _x;

        public override Tensor Forward(Tensor x)
        {
            _x = x;
            Tensor sum = _sum.For(x.Shape.First, x.Shape[1]);
            Tensor y = _output.For(x.Shape.First, x.Shape[1]);
            _operations.Copy(x, sum);
            _operations.MultiplyAddGelu(x, _d, sum, y);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            Tensor dsum = _flow.Whole(dy, _x.Shape.First);
            Tensor sum = _sum.For(_x.Shape.First, _x.Shape[1]);
            _operations.MultiplyAddGeluGradient(dsum, sum, _x, dsum, _dGradient);
            Tensor dx = _flow.Other(dsum, _x.Shape);
            _operations.Copy(dsum, dx);
            _operations.MultiplyAdd(dsum, _d, dx);
            return dx;
        }
    }
}
