namespace Sequor.Layers;

/// <summary>
/// The passes of y = x W' + b, of a <see cref="Linear"/> layer and of a <see cref="TiedLinear"/>, whose W another layer has as well: its
/// gradient is added to.
/// </summary>
internal sealed class LinearPlan : LayerPlan
{
    private readonly Backend _backend;
    private readonly GradientFlow _flow;
    private readonly Slot _output;
    private readonly Tensor _weight;
    private readonly Tensor _bias;
    private readonly Tensor _weightGradient;
    private readonly Tensor _biasGradient;
    private readonly PreparedFactor _factor;
    private readonly bool _inputGradient;
    private Tensor _x;

    public LinearPlan(Parameter weight, Parameter? bias, PlanBuilder builder, Shape output)
    {
        _backend = builder.Stage;
        _flow = builder.Gradients;
        _output = builder.Output(output);
        _weight = builder.Value(weight);
        _weightGradient = builder.Gradient(weight);
        if (bias is not null)
        {
            _bias = builder.Value(bias);
            _biasGradient = builder.Gradient(bias);
        }
        _factor = new PreparedFactor(builder, weight.Shape.Columns, weight.Shape.First);
        _inputGradient = builder.InputGradient;
    }

    internal override bool NeedsOutput => false;

    public override Tensor Forward(Tensor x)
    {
        _x = x;
        Tensor y = _output.For(x.Shape.First, x.Shape[1]);
        _factor.Multiply(x, _weight, y, _bias);
        return y;
    }

    public override Tensor Backward(Tensor dy)
    {
        // A gradient of the last steps belongs to the input's last steps.
        int steps = dy.Shape.First;
        Tensor x = _x.Slice(_x.Shape.First - steps, steps);
        BiasedGradient.Add(_backend, _flow, dy, x, _weightGradient, _biasGradient);
        if (!_inputGradient)
            return default;
        Tensor dx = _flow.Other(dy, x.Shape);
        _backend.MatMul(
            new MatrixProduct
            {
                A = dy,
                B = _weight,
                C = dx,
            }
        );
        return dx;
    }
}
