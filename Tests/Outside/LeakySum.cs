using Sequor.Layers;

namespace Sequor.Outside;

/// <summary>
/// A leaky integrator: h_t = a h_{t-1} + W x_t + b, each channel with a factor a of its own, then dropout. It has parameters, looks
/// back, streams, and carries its sums from window to window.
/// </summary>
public sealed class LeakySum : Layer
{
    private readonly Parameter _weight;
    private readonly Parameter _bias;
    private readonly Parameter _decay;
    private readonly float _dropout;

    public LeakySum(int inputSize, int outputSize, float dropout = 0f)
    {
        InputSize = inputSize;
        OutputSize = outputSize;
        _dropout = dropout;
        double bound = 1 / Math.Sqrt(inputSize);
        _weight = new Parameter(
            "weight",
            new Shape(outputSize, inputSize),
            Parameter.Uniform(bound)
        );
        _bias = new Parameter("bias", new Shape(outputSize), Parameter.Constant(0f));
        _decay = new Parameter("decay", new Shape(outputSize), Parameter.Uniform(0.9));
        Parameters = [_weight, _bias, _decay];
    }

    public override int InputSize { get; }

    public override int OutputSize { get; }

    public override IReadOnlyList<Parameter> Parameters { get; }

    protected override LayerPlan CreatePlan(PlanBuilder builder, Shape input, out Shape output)
    {
        if (builder.VariableLengths)
            throw new NotSupportedException("A leaky sum knows no packed rows.");
        if (builder.Resets)
            throw new NotSupportedException("A leaky sum does not begin anew within a sequence.");
        output = new Shape(input.First, input[1], OutputSize);
        return new Passes(this, builder, output);
    }

    private sealed class Passes(LeakySum layer, PlanBuilder builder, Shape output) : LayerPlan
    {
        private readonly TensorOperations _operations = builder.Operations;
        private readonly GradientFlow _flow = builder.Gradients;
        private readonly Slot _sums = builder.Keep(output);
        private readonly Slot _output = builder.Output(output);
        private readonly Slot? _carried = builder.Carries
            ? builder.State(new Shape(1, output[1], output[2]))
            : null;

        // What the sums began from; the state is written over by those that they end in.
        private readonly Slot? _begun =
            builder.Carries && builder.Training
                ? builder.Keep(new Shape(1, output[1], output[2]))
                : null;
        private readonly DropoutMask _mask = builder.Dropout(layer._dropout);
        private readonly Tensor _weight = builder.Value(layer._weight);
        private readonly Tensor _bias = builder.Value(layer._bias);
        private readonly Tensor _decay = builder.Value(layer._decay);
        private readonly Tensor _weightGradient = builder.Gradient(layer._weight);
        private readonly Tensor _biasGradient = builder.Gradient(layer._bias);
        private readonly Tensor _decayGradient = builder.Gradient(layer._decay);
        private readonly bool _inputGradient = builder.InputGradient;
        private Tensor _x;

        public override Tensor Forward(Tensor x)
        {
            _x = x;
            (int steps, int batch) = (x.Shape.First, x.Shape[1]);
            Tensor h = _sums.For(steps, batch);
            _operations.MatMul(x, _weight, h, transposeB: true, bias: _bias);
            if (_carried is not null)
                _operations.MultiplyAdd(_carried.For(1, batch), _decay, h.Slice(0, 1));
            if (_begun is not null)
                _operations.Copy(_carried!.For(1, batch), _begun.For(1, batch));
            for (int t = 1; t < steps; t++)
                _operations.MultiplyAdd(h.Slice(t - 1, 1), _decay, h.Slice(t, 1));
            if (_carried is not null)
                _operations.Copy(h.Slice(steps - 1, 1), _carried.For(1, batch));
            Tensor y = _output.For(steps, batch);
            _mask.Apply(h, y);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            int steps = _x.Shape.First;
            Tensor h = _sums.For(steps, _x.Shape[1]);
            // Under the last step alone the others' gradient is zero.
            Tensor dh = _flow.Whole(dy, steps);
            _mask.Apply(dh, dh);
            for (int t = steps - 2; t >= 0; t--)
                _operations.MultiplyAdd(dh.Slice(t + 1, 1), _decay, dh.Slice(t, 1));
            if (steps > 1)
                _operations.ColumnSum(
                    dh.Slice(1, steps - 1),
                    _decayGradient,
                    h.Slice(0, steps - 1)
                );
            if (_begun is not null)
                _operations.ColumnSum(dh.Slice(0, 1), _decayGradient, _begun.For(1, _x.Shape[1]));
            _operations.MatMul(dh, _x, _weightGradient, transposeA: true, accumulate: true);
            _operations.ColumnSum(dh, _biasGradient);
            if (!_inputGradient)
                return default;
            Tensor dx = _flow.Other(dh, _x.Shape);
            _operations.MatMul(dh, _weight, dx);
            return dx;
        }
    }
}
