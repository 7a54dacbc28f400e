namespace Sequor.Layers;

// The plan of a block with ReLUs: all that follows a convolution's products is part of that operation.
public sealed partial class TcnBlock
{
    private sealed class ReluPlan : LayerPlan
    {
        private readonly TcnBlock _layer;
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly RandomStream? _random;
        private readonly WeightNormPreparation _filters;
        private readonly NormedConvolutionPlan _first;
        private readonly NormedConvolutionPlan _second;
        private readonly Slot _inner;
        private readonly Slot _output;
        private readonly Slot _bits;
        private readonly Slot _scratch;
        private readonly PreparedFactor? _skipFactor;
        private readonly Tensor _skipWeight;
        private readonly Tensor _skipBias;
        private readonly Tensor _skipWeightGradient;
        private readonly Tensor _skipBiasGradient;
        private readonly int _stream;
        private readonly bool _inputGradient;
        private Tensor _x;
        private Tensor _y;

        public ReluPlan(TcnBlock layer, PlanBuilder builder, Shape input, Shape output)
        {
            _layer = layer;
            _backend = builder.Stage;
            _flow = builder.Gradients;
            _inputGradient = builder.InputGradient;
            _inner = builder.Keep(output);
            _output = builder.Output(output);
            _bits = builder.Keep(Shape.Block(_backend.BitCount(output)));
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
            if (layer._skipWeight is not null)
            {
                _skipFactor = new PreparedFactor(builder, layer.InputSize, layer.OutputSize);
                _skipWeight = builder.Value(layer._skipWeight);
                _skipBias = builder.Value(layer._skipBias!);
                _skipWeightGradient = builder.Gradient(layer._skipWeight);
                _skipBiasGradient = builder.Gradient(layer._skipBias!);
            }
            if (!builder.Training || layer.DropoutProbability == 0)
                return;
            _random = builder.Random;
            _stream = builder.NextStream();
            builder.NextStream();
        }

        private ChannelDropout? Dropout(int which) =>
            _random is null
                ? null
                : new ChannelDropout(_random, _layer.DropoutProbability, _stream + which);

        private ConvolutionOutput Inner(Tensor inner) =>
            new()
            {
                Y = inner,
                Bias = _first.Bias,
                Dropout = Dropout(0),
            };

        private ConvolutionOutput Outer(Tensor y, Tensor skip) =>
            new()
            {
                Y = y,
                Bias = _second.Bias,
                Dropout = Dropout(1),
                Skip = skip,
                SkipBias = _backend.AddsBiasInProducts ? default : _skipBias,
                Bits = _bits.All,
            };

        public override Tensor Forward(Tensor x)
        {
            (int steps, int batch) = (x.Shape.First, x.Shape[1]);
            Tensor inner = _inner.For(steps, batch);
            Tensor y = _output.For(steps, batch);
            Tensor skip = x;
            if (_first.NewWeights)
                _filters.Forward();
            _first.Forward(x, Inner(inner));
            if (!_skipWeight.IsEmpty)
            {
                skip = _scratch.For(steps, batch);
                _skipFactor!.Multiply(
                    x,
                    _skipWeight,
                    skip,
                    _backend.AddsBiasInProducts ? _skipBias : default
                );
            }
            _second.Forward(inner, Outer(y, skip));
            (_x, _y) = (x, y);
            return y;
        }

        public override Tensor Backward(Tensor dy)
        {
            (int steps, int batch) = (_x.Shape.First, _x.Shape[1]);
            Tensor inner = _inner.For(steps, batch);
            Tensor scratch = _scratch.For(steps, batch);
            Tensor outer = _flow.Whole(dy, steps);
            Tensor other = _flow.Other(outer, _y.Shape);
            _second.Backward(
                inner,
                Outer(_y, _skipWeight.IsEmpty ? _x : scratch),
                outer,
                other,
                _skipBiasGradient,
                scratch,
                false
            );
            Tensor dx = _skipWeight.IsEmpty ? outer : BackwardSkip(outer);
            _first.Backward(
                _x,
                Inner(inner),
                scratch,
                scratch,
                default,
                _inputGradient ? dx : default,
                true
            );
            return _inputGradient ? dx : default;
        }

        // The gradient of the skip bias has already been computed.
        private Tensor BackwardSkip(Tensor outer)
        {
            _backend.MatMul(
                new MatrixProduct
                {
                    A = outer,
                    TransposeA = true,
                    B = _x,
                    C = _skipWeightGradient,
                    Accumulate = true,
                }
            );
            if (!_inputGradient)
                return default;
            Tensor dx = _flow.Other(outer, _x.Shape);
            _backend.MatMul(
                new MatrixProduct
                {
                    A = outer,
                    B = _skipWeight,
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
