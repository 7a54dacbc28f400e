namespace Sequor.Layers;

/// <summary>
/// A residual block, [T, B, in] to [T, B, out]: two times a weight-normed causal convolution, ReLU and spatial dropout; plus the input,
/// through a 1x1 convolution where the widths differ; then ReLU. Source: Bai et al. (2018), section 3.3.
/// </summary>
/// <remarks>
/// Weights and biases of the convolutions begin uniform in ±1/sqrt(in k), gains as the norms of the weights, and the 1x1 weights normal
/// with deviation 0.01. That is how the authors' code really begins, since its weight norm overwrites the normal values that it draws for
/// the convolutions. Spatial dropout drops whole channels of a sequence.
/// </remarks>
public sealed class TcnBlock : Layer
{
    private readonly Convolution _first;
    private readonly Convolution _second;
    private readonly Parameter? _skipWeight;
    private readonly Parameter? _skipBias;

    /// <summary>Makes a block.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="outputSize">The number of output channels, at least 1.</param>
    /// <param name="kernel">k, the number of taps, at least 1.</param>
    /// <param name="dilation">The number of steps between taps, at least 1.</param>
    /// <param name="dropout">The probability of the spatial dropout: at least 0, below 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size or the probability is out of range, the parameters have more than <see cref="Layer.MostValues"/> values, or the taps look
    /// back 2^31 - 1 steps or more.
    /// </exception>
    public TcnBlock(int inputSize, int outputSize, int kernel, int dilation, float dropout = 0f)
    {
        InputSize = RequirePositive(inputSize);
        OutputSize = RequirePositive(outputSize);
        Kernel = RequirePositive(kernel);
        Dilation = RequirePositive(dilation);
        DropoutProbability = RequireProbability(dropout);
        if ((kernel - 1L) * dilation >= int.MaxValue)
            throw new ArgumentOutOfRangeException(
                nameof(dilation),
                dilation,
                $"A convolution of {kernel} taps can look back {int.MaxValue - 1} steps at most, (kernel - 1) times the dilation."
            );
        Int128 filters = ((Int128)inputSize + outputSize) * kernel + 4;
        RequireValues(
            (filters + (inputSize == outputSize ? 0 : inputSize + 1L)) * outputSize,
            outputSize,
            $"A block {inputSize} -> {outputSize} with {kernel} taps"
        );
        _first = new Convolution("conv1", inputSize, outputSize, kernel);
        _second = new Convolution("conv2", outputSize, outputSize, kernel);
        List<Parameter> parameters = [.. _first.Parameters, .. _second.Parameters];
        if (inputSize != outputSize)
        {
            _skipWeight = new(
                "downsample.weight",
                new Shape(outputSize, inputSize),
                Parameter.Normal(0.01)
            );
            _skipBias = new(
                "downsample.bias",
                new Shape(outputSize),
                Parameter.Uniform(1 / Math.Sqrt(inputSize))
            );
            parameters.AddRange([_skipWeight, _skipBias]);
        }
        Parameters = parameters;
    }

    /// <inheritdoc/>
    public override int InputSize { get; }

    /// <inheritdoc/>
    public override int OutputSize { get; }

    /// <summary>k, the number of taps.</summary>
    public int Kernel { get; }

    /// <summary>The number of steps between taps.</summary>
    public int Dilation { get; }

    /// <summary>The probability that a channel of a sequence is dropped after each convolution.</summary>
    public float DropoutProbability { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters { get; }

    /// <inheritdoc/>
    protected internal override LayerPlan CreatePlan(
        PlanBuilder builder,
        Shape input,
        out Shape output
    )
    {
        if (builder.Carries && !builder.Streaming)
        {
            throw new NotSupportedException(
                "A TCN block carries nothing from window to window but in a stream: give each window the steps before it as context, whose outputs do not count."
            );
        }
        output = new Shape(input.First, input[1], OutputSize);
        return new BlockPlan(this, builder, input, output);
    }

    /// <summary>The parameters of a weight-normed convolution: direction v [O, I, k], gain g [O] and bias [O].</summary>
    private sealed class Convolution
    {
        public Convolution(string name, int inputs, int outputs, int kernel)
        {
            double bound = 1 / Math.Sqrt((double)inputs * kernel);
            V = new(
                $"{name}.weight_v",
                new Shape(outputs, inputs, kernel),
                Parameter.Uniform(bound)
            );
            G = new(
                $"{name}.weight_g",
                new Shape(outputs),
                (ref Philox _, Span<float> values, IReadOnlyDictionary<Parameter, float[]> drawn) =>
                {
                    int size = inputs * kernel;
                    for (int o = 0; o < outputs; o++)
                        values[o] = (float)
                            Math.Sqrt(drawn[V].Skip(o * size).Take(size).Sum(w => (double)w * w));
                }
            );
            Bias = new($"{name}.bias", new Shape(outputs), Parameter.Uniform(bound));
        }

        public Parameter V { get; }
        public Parameter G { get; }
        public Parameter Bias { get; }
        public IEnumerable<Parameter> Parameters => [V, G, Bias];
    }

    /// <summary>A convolution in a plan, with its effective weight, which is kept from the forward to the backward pass.</summary>
    private sealed class ConvolutionPlan : IDisposable
    {
        private readonly ConvolutionOperation _operation;
        private readonly Tensor _v;
        private readonly Tensor _g;
        private readonly Tensor _dv;
        private readonly Tensor _dg;
        private readonly Tensor _dbias;
        private readonly Slot _weight;
        private readonly Slot _norms;
        private readonly Slot _workspace;
        private readonly Slot? _weightGradient;
        private readonly Slot? _history;
        private readonly StreamPosition? _position;
        private readonly SequenceLayout? _layout;
        private int _taps;

        public ConvolutionPlan(
            Convolution parameters,
            PlanBuilder builder,
            in ConvolutionDescriptor descriptor
        )
        {
            _operation = builder.Own(builder.Stage.PlanConvolution(descriptor));
            _layout = builder.Layout;
            (_v, _g, Bias) = (
                builder.Value(parameters.V),
                builder.Value(parameters.G),
                builder.Value(parameters.Bias)
            );
            (_dv, _dg, _dbias) = (
                builder.Gradient(parameters.V),
                builder.Gradient(parameters.G),
                builder.Gradient(parameters.Bias)
            );
            if (builder.Training)
                _weightGradient = builder.Scratch(parameters.V.Shape);
            if (!builder.Streaming)
            {
                _weight = builder.Keep(parameters.V.Shape);
                _norms = builder.Keep(parameters.G.Shape);
                _workspace = builder.Scratch(_operation.WorkspaceCount);
                return;
            }
            _position = builder.Position;
            _weight = builder.Kept(parameters.V.Shape, MemoryCategory.Workspace);
            _norms = builder.Kept(parameters.G.Shape, MemoryCategory.Workspace);
            _workspace = builder.Workspace(_operation.WorkspaceCount);
            _history = builder.State(
                new Shape(descriptor.History, descriptor.MaxBatch, descriptor.InputSize)
            );
        }

        public Tensor Bias { get; }

        /// <summary>Whether the weights must be computed from direction and gain, since these may have changed.</summary>
        public bool NewWeights => _position is null || _position.NewWeights;

        public WeightNormTensors WeightNorm => new(_v, _g, _weight.All, _norms.All);

        /// <summary>The gradients of the weight norm, valid after <see cref="Backward"/>.</summary>
        public WeightNormGradients WeightNormGradients =>
            new(_weightGradient!.All, _taps, _dv, _dg);

        public void Forward(Tensor x, in ConvolutionOutput output)
        {
            if (_history is null)
                _operation.Forward(x, _layout, _weight.All, output, _workspace.All);
            else
                _operation.Stream(
                    x,
                    _weight.All,
                    output,
                    _history.All,
                    _position!.Steps,
                    !_position.NewWeights,
                    _workspace.All
                );
        }

        /// <summary>From dy computes the gradient of the products, which may overwrite dy, and that of x unless dx is empty.</summary>
        public void Backward(
            Tensor x,
            in ConvolutionOutput output,
            Tensor dy,
            Tensor products,
            Tensor skipBias,
            Tensor dx,
            bool accumulate
        ) =>
            _taps = _operation.Backward(
                x,
                _layout,
                _weight.All,
                output,
                new ConvolutionGradients
                {
                    Y = dy,
                    Products = products,
                    Weight = _weightGradient!.All,
                    Bias = _dbias,
                    SkipBias = skipBias,
                    X = dx,
                    Accumulate = accumulate,
                },
                _workspace.All
            );

        public void Dispose() => _operation.Dispose();
    }

    private sealed class BlockPlan : LayerPlan
    {
        private readonly TcnBlock _layer;
        private readonly Backend _backend;
        private readonly GradientFlow _flow;
        private readonly RandomStream? _random;
        private readonly ConvolutionPlan _first;
        private readonly ConvolutionPlan _second;
        private readonly Slot _inner;
        private readonly Slot _output;
        private readonly Slot _bits;
        private readonly Slot _scratch;
        private readonly Tensor _skipWeight;
        private readonly Tensor _skipBias;
        private readonly Tensor _skipWeightGradient;
        private readonly Tensor _skipBiasGradient;
        private readonly int _stream;
        private readonly bool _inputGradient;
        private Tensor _x;
        private Tensor _y;

        public BlockPlan(TcnBlock layer, PlanBuilder builder, Shape input, Shape output)
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
            _first = new ConvolutionPlan(layer._first, builder, Describe(layer.InputSize));
            _second = new ConvolutionPlan(layer._second, builder, Describe(layer.OutputSize));
            if (layer._skipWeight is not null)
            {
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

            ConvolutionDescriptor Describe(int inputs) =>
                new(
                    inputs,
                    layer.OutputSize,
                    layer.Kernel,
                    layer.Dilation,
                    input.First,
                    input[1],
                    true,
                    builder.Layout is not null
                )
                {
                    Training = builder.Training,
                    Streaming = builder.Streaming,
                };
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
                _backend.WeightNorm([_first.WeightNorm, _second.WeightNorm]);
            _first.Forward(x, Inner(inner));
            if (!_skipWeight.IsEmpty)
            {
                skip = _scratch.For(steps, batch);
                _backend.MatMul(
                    new MatrixProduct
                    {
                        A = x,
                        B = _skipWeight,
                        TransposeB = true,
                        C = skip,
                        Bias = _backend.AddsBiasInProducts ? _skipBias : default,
                    }
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
            _backend.WeightNormGradient(
                [_first.WeightNorm, _second.WeightNorm],
                [_first.WeightNormGradients, _second.WeightNormGradients]
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
