namespace Sequor.Layers;

/// <summary>The parameters of a weight-normed convolution: direction v [O, I, k], gain g [O] and bias [O].</summary>
internal sealed class NormedConvolution
{
    public NormedConvolution(string name, int inputs, int outputs, int kernel)
    {
        double bound = 1 / Math.Sqrt((double)inputs * kernel);
        V = new($"{name}.weight_v", new Shape(outputs, inputs, kernel), Parameter.Uniform(bound));
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
internal sealed class NormedConvolutionPlan : IDisposable
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
    private readonly WeightNormPreparation _preparation;
    private readonly int _item;
    private readonly Slot? _history;
    private readonly StreamPosition? _position;
    private readonly SequenceLayout? _layout;

    /// <param name="parameters">The convolution's parameters.</param>
    /// <param name="builder">The builder that memory is taken from.</param>
    /// <param name="descriptor">The convolution's sizes.</param>
    /// <param name="preparation">What makes its weight: the layer runs it before <see cref="Forward"/>.</param>
    public NormedConvolutionPlan(
        NormedConvolution parameters,
        PlanBuilder builder,
        in ConvolutionDescriptor descriptor,
        WeightNormPreparation preparation
    )
    {
        int dilation = descriptor.Dilation;
        _preparation = preparation;
        _item = preparation.Join(() => Tensors(dilation));
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
        _weight = builder.Prepared(parameters.V.Shape);
        // The convolution's backward pass is the last one that reads the weight.
        if (builder.Training)
            _weightGradient = builder.PreparedGradient(parameters.V.Shape, inPlaceOf: _weight);
        _norms = builder.Prepared(parameters.G.Shape);
        if (!builder.Streaming)
        {
            _workspace = builder.Scratch(_operation.WorkspaceCount);
            return;
        }
        _position = builder.Position;
        _workspace = builder.Workspace(_operation.WorkspaceCount);
        _history = builder.State(
            new Shape(descriptor.History, descriptor.MaxBatch, descriptor.InputSize)
        );
    }

    public Tensor Bias { get; }

    /// <summary>Whether the weights must be computed from direction and gain, since these may have changed.</summary>
    public bool NewWeights => _position is null || _position.NewWeights;

    private (WeightNormTensors, WeightNormGradients) Tensors(int dilation) =>
        (
            new(_v, _g, _weight.All, _norms.All, dilation),
            new(_weightGradient is null ? default : _weightGradient.All, 0, _dv, _dg)
        );

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

    /// <summary>
    /// From dy computes the gradient of the products, which may overwrite dy, and that of x unless dx is empty. The preparation is told of
    /// the gradient of the weight.
    /// </summary>
    public void Backward(
        Tensor x,
        in ConvolutionOutput output,
        Tensor dy,
        Tensor products,
        Tensor skipBias,
        Tensor dx,
        bool accumulate
    )
    {
        _operation.Backward(
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
        _preparation.Backward(_item, _layout is { IsPacked: true } ? _layout.Steps : x.Shape.First);
    }

    public void Dispose() => _operation.Dispose();
}
