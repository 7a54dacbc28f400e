namespace Sequor.Layers;

// The plan of a block with gates: gated linear units between the convolutions, and the ReLU of the sum.
public sealed partial class TcnBlock
{
    private sealed class GatedPlan : LayerPlan
    {
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly StepRanges _ranges;
        private readonly BlockDropout _dropout;
        private readonly WeightNormPreparation _filters;
        private readonly NormedConvolutionPlan _first;
        private readonly NormedConvolutionPlan _second;
        private readonly Slot _firstGates;
        private readonly Slot _secondGates;
        private readonly Slot _inner;
        private readonly Slot _output;
        private readonly Slot _scratch;
        private readonly PreparedFactor? _skipFactor;
        private readonly (Tensor Value, Tensor Gradient) _skipWeight;
        private readonly (Tensor Value, Tensor Gradient) _skipBias;
        private readonly bool _inputGradient;
        private Tensor _x;
        private Tensor _y;

        public GatedPlan(TcnBlock layer, PlanBuilder builder, Shape input, Shape output)
        {
            _backend = builder.Stage;
            _flow = builder.Gradients;
            _inputGradient = builder.InputGradient;
            _ranges = new StepRanges(builder.Layout, int.MaxValue);
            // Spatial dropout is that of channels which all steps of a sequence share.
            _dropout = new BlockDropout(layer.DropoutProbability, true, builder, _ranges);
            var gates = new Shape(input.First, input[1], checked(2 * layer.OutputSize));
            _firstGates = builder.Keep(gates);
            _secondGates = builder.Keep(gates);
            _inner = builder.Keep(output);
            _output = builder.Output(output);
            // Holds the skip path's 1x1 product forward, and the gradient inside the block backward.
            _scratch = builder.Scratch(output);
            _filters = builder.WeightNorms();
            _first = new NormedConvolutionPlan(
                layer._first,
                builder,
                layer.Describe(layer.InputSize, builder, input),
                _filters
            );
            _second = new NormedConvolutionPlan(
                layer._second,
                builder,
                layer.Describe(layer.OutputSize, builder, input),
                _filters
            );
            if (layer._skipWeight is null)
                return;
            _skipFactor = new PreparedFactor(builder, layer.InputSize, layer.OutputSize);
            _skipWeight = Both(layer._skipWeight);
            _skipBias = Both(layer._skipBias!);

            (Tensor, Tensor) Both(Parameter p) => (builder.Value(p), builder.Gradient(p));
        }

        private bool Projects => !_skipWeight.Value.IsEmpty;

        private ScanRange All => new(0, _ranges.Steps);

        public override Tensor Forward(Tensor x)
        {
            (int steps, int batch) = (x.Shape.First, x.Shape[1]);
            _ranges.Begin(x);
            Tensor inner = _inner.For(steps, batch);
            Tensor y = _output.For(steps, batch);
            if (_first.NewWeights)
                _filters.Forward();
            Gate(_first, x, _firstGates.For(steps, batch), inner, 0);
            Tensor skip = x;
            if (Projects)
            {
                skip = _scratch.For(steps, batch);
                _skipFactor!.Multiply(x, _skipWeight.Value, skip, _skipBias.Value);
            }
            Gate(_second, inner, _secondGates.For(steps, batch), y, 1);
            _backend.Pointwise(
                PointwiseOp.AddRelu,
                new PointwiseArguments
                {
                    A = skip,
                    B = y,
                    Out = y,
                }
            );
            (_x, _y) = (x, y);
            return y;
        }

        // result = drop(out1 sigmoid(out2)) of a convolution.
        private void Gate(
            NormedConvolutionPlan convolution,
            Tensor x,
            Tensor gates,
            Tensor result,
            int which
        )
        {
            convolution.Forward(x, Output(convolution, gates));
            _backend.Pointwise(
                PointwiseOp.AddGlu,
                new PointwiseArguments { B = gates, Out = result }
            );
            _dropout.Apply(result, result, which, All);
        }

        private static ConvolutionOutput Output(NormedConvolutionPlan convolution, Tensor gates) =>
            new() { Y = gates, Bias = convolution.Bias };

        public override Tensor Backward(Tensor dy)
        {
            (int steps, int batch) = (_x.Shape.First, _x.Shape[1]);
            Tensor inner = _inner.For(steps, batch);
            Tensor scratch = _scratch.For(steps, batch);
            Tensor outer = _flow.Whole(dy, steps);
            _backend.Pointwise(
                PointwiseOp.ReluGradient,
                new PointwiseArguments
                {
                    A = outer,
                    B = _y,
                    Out = outer,
                }
            );
            _dropout.Apply(outer, scratch, 1, All);
            BackwardGate(
                _second,
                inner,
                _dropout.Drops ? scratch : outer,
                _secondGates.For(steps, batch),
                scratch,
                accumulate: false
            );
            _dropout.Apply(scratch, scratch, 0, All);
            Tensor dx = Projects ? BackwardSkip(outer) : outer;
            BackwardGate(
                _first,
                _x,
                scratch,
                _firstGates.For(steps, batch),
                _inputGradient ? dx : default,
                accumulate: true
            );
            return _inputGradient ? dx : default;
        }

        // The gradient of the gates overwrites them.
        private void BackwardGate(
            NormedConvolutionPlan convolution,
            Tensor x,
            Tensor gradient,
            Tensor gates,
            Tensor dx,
            bool accumulate
        )
        {
            _backend.Pointwise(
                PointwiseOp.GluGradient,
                new PointwiseArguments
                {
                    A = gradient,
                    B = gates,
                    Out = gates,
                }
            );
            convolution.Backward(
                x,
                Output(convolution, gates),
                gates,
                gates,
                default,
                dx,
                accumulate
            );
        }

        private Tensor BackwardSkip(Tensor outer)
        {
            BiasedGradient.Add(
                _backend,
                _flow,
                outer,
                _x,
                _skipWeight.Gradient,
                _skipBias.Gradient
            );
            if (!_inputGradient)
                return default;
            Tensor dx = _flow.Other(outer, _x.Shape);
            _backend.MatMul(
                new MatrixProduct
                {
                    A = outer,
                    B = _skipWeight.Value,
                    C = dx,
                }
            );
            return dx;
        }

        public override void Dispose()
        {
            _first.Dispose();
            _second.Dispose();
            base.Dispose();
        }
    }
}
