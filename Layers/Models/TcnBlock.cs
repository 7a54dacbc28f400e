namespace Sequor.Layers;

/// <summary>
/// A residual block, [T, B, in] to [T, B, out]: two times a weight-normed causal convolution, ReLU and spatial dropout; plus the input,
/// through a 1x1 convolution where the widths differ; then ReLU. Source: Bai et al. (2018), section 3.3. Gated (<see
/// cref="TcnActivation.Gated"/>), each convolution has twice the channels, and out1 * sigmoid(out2) takes the place of its ReLU; the ReLU of
/// the sum stays.
/// </summary>
/// <remarks>
/// Weights and biases of the convolutions begin uniform in ±1/sqrt(in k), gains as the norms of the weights, and the 1x1 weights normal
/// with deviation 0.01. That is how the authors' code really begins, since its weight norm overwrites the normal values that it draws for
/// the convolutions. Spatial dropout drops whole channels of a sequence.
/// </remarks>
public sealed partial class TcnBlock : Layer
{
    private readonly NormedConvolution _first;
    private readonly NormedConvolution _second;
    private readonly Parameter? _skipWeight;
    private readonly Parameter? _skipBias;

    /// <summary>Makes a block.</summary>
    /// <param name="inputSize">The number of input channels, at least 1.</param>
    /// <param name="outputSize">The number of output channels, at least 1.</param>
    /// <param name="kernel">k, the number of taps, at least 1.</param>
    /// <param name="dilation">The number of steps between taps, at least 1.</param>
    /// <param name="dropout">The probability of the spatial dropout: at least 0, below 1.</param>
    /// <param name="activation">What follows each convolution.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size or the probability is out of range, the parameters have more than <see cref="Layer.MostValues"/> values, or the taps look
    /// back 2^31 - 1 steps or more.
    /// </exception>
    public TcnBlock(
        int inputSize,
        int outputSize,
        int kernel,
        int dilation,
        float dropout = 0f,
        TcnActivation activation = TcnActivation.Relu
    )
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
        Activation = Enum.IsDefined(activation)
            ? activation
            : throw new ArgumentOutOfRangeException(
                nameof(activation),
                activation,
                "The activation must be Relu or Gated."
            );
        int halves = activation == TcnActivation.Gated ? 2 : 1;
        Int128 filters = halves * (((Int128)inputSize + outputSize) * kernel + 4);
        RequireValues(
            (filters + (inputSize == outputSize ? 0 : inputSize + 1L)) * outputSize,
            outputSize,
            $"A block {inputSize} -> {outputSize} with {kernel} taps"
        );
        _first = new NormedConvolution("conv1", inputSize, halves * outputSize, kernel);
        _second = new NormedConvolution("conv2", outputSize, halves * outputSize, kernel);
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

    /// <summary>What follows each convolution.</summary>
    public TcnActivation Activation { get; }

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
        builder.RefuseResets(
            "A TCN block",
            "its filters reach across the step at which a sequence begins anew"
        );
        output = new Shape(input.First, input[1], OutputSize);
        return Activation == TcnActivation.Gated
            ? new GatedPlan(this, builder, input, output)
            : new ReluPlan(this, builder, input, output);
    }

    private ConvolutionDescriptor Describe(int inputs, PlanBuilder builder, Shape input)
    {
        bool gated = Activation == TcnActivation.Gated;
        return new ConvolutionDescriptor(
            inputs,
            gated ? 2 * OutputSize : OutputSize,
            Kernel,
            Dilation,
            input.First,
            input[1],
            !gated,
            builder.Layout is not null
        )
        {
            Training = builder.Training,
            Streaming = builder.Streaming,
        };
    }
}
