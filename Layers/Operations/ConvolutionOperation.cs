namespace Sequor.Layers;

/// <summary>A causal convolution: output t sees inputs t, t - d, ..., t - (k-1) d; zero before time 0.</summary>
internal readonly record struct ConvolutionDescriptor(
    int InputSize,
    int OutputSize,
    int Kernel,
    int Dilation,
    int MaxLength,
    int MaxBatch,
    bool Relu,
    bool VariableLengths = false
)
{
    /// <summary>There is a backward pass.</summary>
    public bool Training { get; init; } = true;

    /// <summary>It only goes on with a stream.</summary>
    public bool Streaming { get; init; }

    /// <summary>Steps of input that an output sees, its own included.</summary>
    public int History => checked((Kernel - 1) * Dilation + 1);
}

/// <summary>Whole channels of a sequence are dropped, and the others scaled up.</summary>
/// <param name="Random">Where masks [B, O] are drawn.</param>
/// <param name="Probability">Of a channel, above 0 and below 1.</param>
/// <param name="Stream">The number of the random stream.</param>
internal readonly record struct ChannelDropout(RandomStream Random, float Probability, int Stream)
{
    /// <summary>What a channel that stays is multiplied by.</summary>
    public float Scale => 1f / (1f - Probability);
}

/// <summary>
/// What the products of a convolution go through: y = drop(relu(products + bias)), and with a skip path
/// y = relu(that + skip + skip bias). Dropout and skip path want a relu.
/// </summary>
internal readonly record struct ConvolutionOutput
{
    /// <summary>[T, B, O], or packed rows.</summary>
    public required Tensor Y { get; init; }

    /// <summary>[O]</summary>
    public required Tensor Bias { get; init; }

    /// <summary>None where null. The backward pass of the same step is to be given the same.</summary>
    public ChannelDropout? Dropout { get; init; }

    /// <summary>As y; empty where there is no skip path.</summary>
    public Tensor Skip { get; init; }

    /// <summary>[O]; empty where the skip path has it already.</summary>
    public Tensor SkipBias { get; init; }

    /// <summary>
    /// With a skip path: where the inner relu passed, for the backward pass, of <see cref="Backend.BitCount"/>; may be empty
    /// where there is none.
    /// </summary>
    public Tensor Bits { get; init; }
}

/// <summary>The gradients of a convolution.</summary>
internal readonly record struct ConvolutionGradients
{
    /// <summary>By y. With a skip path it becomes that by the skip.</summary>
    public required Tensor Y { get; init; }

    /// <summary>
    /// Written: by the products. It may be that by y where there is no skip path, and has to be where there is no relu.
    /// </summary>
    public required Tensor Products { get; init; }

    /// <summary>Written: by w, of as many of the newest taps as Backward says. The others' is zero.</summary>
    public required Tensor Weight { get; init; }

    /// <summary>Added to.</summary>
    public required Tensor Bias { get; init; }

    /// <summary>Added to; empty where the skip path has no bias here.</summary>
    public Tensor SkipBias { get; init; }

    /// <summary>By x; empty where it is not wanted.</summary>
    public Tensor X { get; init; }

    /// <summary>That by x is added to.</summary>
    public bool Accumulate { get; init; }
}

/// <summary>
/// y [T, B, O] = w * x and what follows it. w is [O, I, k] with the current step last, as in torch.nn.Conv1d, or [O, k, I]
/// where the backend's <see cref="Backend.FilterInputsLast"/>; weight norm gives it so. Where the layout is packed, x and y
/// are packed rows.
/// </summary>
internal abstract class ConvolutionOperation : PlannedOperation
{
    public abstract void Forward(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        in ConvolutionOutput output,
        Tensor workspace
    );

    /// <summary>
    /// Goes on with a stream: y [S, B, O] of S more steps after <paramref name="position"/> of them. The history [H, B, I] with
    /// H of at least <see cref="ConvolutionDescriptor.History"/> keeps the last inputs as a ring; where
    /// <paramref name="sameWeights"/>, w is that of the last call and the workspace was left alone since. Nothing is dropped.
    /// </summary>
    public abstract void Stream(
        Tensor x,
        Tensor w,
        in ConvolutionOutput output,
        Tensor history,
        long position,
        bool sameWeights,
        Tensor workspace
    );

    /// <summary>All gradients of the last forward pass, whose operands these are.</summary>
    /// <returns>Newest taps of the gradient by w that are written: older ones saw nothing.</returns>
    public abstract int Backward(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        in ConvolutionOutput output,
        in ConvolutionGradients gradients,
        Tensor workspace
    );
}
