namespace Sequor.Layers;

/// <summary>
/// The sizes of a causal convolution: output t sees inputs t, t - d, ..., t - (k-1) d, where inputs before time 0 are zero.
/// </summary>
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
    /// <summary>Whether there is a backward pass.</summary>
    public bool Training { get; init; } = true;

    /// <summary>Whether it only continues a stream.</summary>
    public bool Streaming { get; init; }

    /// <summary>The number of steps of input that an output spans, its own step included.</summary>
    public int History => checked((Kernel - 1) * Dilation + 1);

    /// <summary>How many of the newest taps reach no further back than the first of so many steps.</summary>
    public int LiveTaps(int steps) => (int)Math.Min(Kernel, 1L + (steps - 1) / Dilation);

    /// <summary>2 operations for each tap that meets an input, and each pair of channels.</summary>
    public long Flops(Tensor x, SequenceLayout? layout)
    {
        bool packed = layout is { IsPacked: true };
        int steps = packed ? layout!.Steps : x.Shape.First;
        long met = 0;
        for (int tap = 0; tap < Kernel && (long)tap * Dilation < steps; tap++)
        {
            int shift = tap * Dilation;
            met += x.Shape.Rows - (packed ? layout!.Row(shift) : (long)shift * x.Shape[1]);
        }
        return 2 * met * InputSize * OutputSize;
    }
}

/// <summary>Dropout of whole channels: a dropped channel is 0 at every step of its sequence, the others are scaled up.</summary>
/// <param name="Random">The random stream that masks [B, O] are drawn from.</param>
/// <param name="Probability">The probability that a channel is dropped, above 0 and below 1.</param>
/// <param name="Stream">The number of the random stream.</param>
internal readonly record struct ChannelDropout(RandomStream Random, float Probability, int Stream)
{
    /// <summary>The factor of a channel that is kept.</summary>
    public float Scale => 1f / (1f - Probability);
}

/// <summary>
/// What follows the products of a convolution: y = drop(relu(products + bias)), and with a skip path y = relu(drop(relu(products + bias)) +
/// skip + skip bias). Dropout and a skip path are possible only with a ReLU.
/// </summary>
internal readonly record struct ConvolutionOutput
{
    /// <summary>The output, [T, B, O] or packed rows.</summary>
    public required Tensor Y { get; init; }

    /// <summary>[O]</summary>
    public required Tensor Bias { get; init; }

    /// <summary>Null where nothing is dropped. The backward pass must be given the same as the forward pass of its step.</summary>
    public ChannelDropout? Dropout { get; init; }

    /// <summary>What the skip path adds, shaped as y; empty where there is no skip path.</summary>
    public Tensor Skip { get; init; }

    /// <summary>[O]; empty where the skip path already contains its bias.</summary>
    public Tensor SkipBias { get; init; }

    /// <summary>
    /// With a skip path, forward stores here for each value whether the inner ReLU passed it, for the backward pass. It holds
    /// <see cref="Backend.BitCount"/> floats and may be empty where no backward pass follows.
    /// </summary>
    public Tensor Bits { get; init; }

    /// <summary>Adds to a report what forward writes, or backward reads, of it.</summary>
    public OperationReport Describe(OperationReport report, bool writes) =>
        writes ? report.Reads(Bias, Skip, SkipBias).Writes(Y, Bits) : report.Reads(Y, Bits);
}

/// <summary>The gradients that the backward pass of a convolution reads and writes.</summary>
internal readonly record struct ConvolutionGradients
{
    /// <summary>The gradient of y, read. With a skip path it is overwritten with the gradient of the skip.</summary>
    public required Tensor Y { get; init; }

    /// <summary>
    /// The gradient of the products, written. It may be the same tensor as <see cref="Y"/> where there is no skip path, and must be where
    /// there is no ReLU.
    /// </summary>
    public required Tensor Products { get; init; }

    /// <summary>
    /// The gradient of w, written for the newest taps: those of <see cref="ConvolutionDescriptor.LiveTaps"/>, or all. That of the other taps
    /// is zero. Where the backend prepares together (<see cref="Backend.PreparesTogether"/>) it may lie where w does, which it then
    /// overwrites.
    /// </summary>
    public required Tensor Weight { get; init; }

    /// <summary>The gradient of the bias, [O], added to.</summary>
    public required Tensor Bias { get; init; }

    /// <summary>The gradient of the skip bias, [O], added to; empty where this operation adds no skip bias.</summary>
    public Tensor SkipBias { get; init; }

    /// <summary>The gradient of x; empty where it is not wanted.</summary>
    public Tensor X { get; init; }

    /// <summary>Whether the gradient of x is added to; otherwise it is overwritten.</summary>
    public bool Accumulate { get; init; }

    /// <summary>Adds these to a report.</summary>
    /// <param name="report">The report.</param>
    /// <param name="skips">Whether there is a skip path.</param>
    public OperationReport Describe(OperationReport report, bool skips)
    {
        // With a skip path the gradient of y becomes that of the skip; without one it may be where the products' gradient is written.
        bool own = Products.Storage != Y.Storage || Products.Offset != Y.Offset;
        return (
            !own ? report.Updates(Y)
            : skips ? report.Updates(Y).Writes(Products)
            : report.Reads(Y).Writes(Products)
        ).Writes(Weight).Updates(Bias, SkipBias).Results(X, Accumulate);
    }
}

/// <summary>
/// Computes the products y [T, B, O] = w * x and what follows them. w is [O, I, k] with the current step last, as in torch.nn.Conv1d, or
/// [O, k, I] where <see cref="Backend.FilterInputsLast"/> holds; weight norm writes it in that order. Where the layout is packed, x and y
/// are packed rows.
/// </summary>
/// <param name="backend">The backend.</param>
/// <param name="descriptor">The convolution.</param>
internal abstract class ConvolutionOperation(Backend backend, in ConvolutionDescriptor descriptor)
    : PlannedOperation(backend)
{
    private readonly ConvolutionDescriptor _sizes = descriptor;

    /// <summary>Whether a vendor's library computes the products of a batch, whose traffic is its own.</summary>
    private protected virtual bool IsInLibrary(Tensor x, SequenceLayout? layout) => false;

    /// <summary>Computes the output of whole sequences from x [T, B, I], or of packed rows [N, 1, I].</summary>
    public void Forward(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        in ConvolutionOutput output,
        Tensor workspace
    )
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.Convolution) is { } report
                ? output
                    .Describe(report.Reads(x, w), writes: true)
                    .Scratch(workspace)
                    .Costs(_sizes.Flops(x, layout))
                    .InLibrary(IsInLibrary(x, layout))
                : null
        );
        ForwardCore(x, layout, w, output, workspace);
    }

    /// <inheritdoc cref="Forward"/>
    protected abstract void ForwardCore(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        in ConvolutionOutput output,
        Tensor workspace
    );

    /// <summary>
    /// Continues a stream: computes y [S, B, O] of S more steps after the first <paramref name="position"/> ones. The history [H, B, I],
    /// with H of at least <see cref="ConvolutionDescriptor.History"/>, is a ring of the last inputs. <paramref name="sameWeights"/> says
    /// that w is that of the last call and that no one has written to the workspace since. Nothing is dropped.
    /// </summary>
    public void Stream(
        Tensor x,
        Tensor w,
        in ConvolutionOutput output,
        Tensor history,
        long position,
        bool sameWeights,
        Tensor workspace
    )
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.ConvolutionStream) is { } report
                ? output
                    .Describe(report.Reads(x, w), writes: true)
                    .Updates(history)
                    .Scratch(workspace)
                    // Of the ring a step is read for each tap, and each step of x is written there.
                    .Moves((x.Count * _sizes.Kernel - 2 * history.Count) * sizeof(float))
                    .Costs(2L * _sizes.Kernel * x.Count * _sizes.OutputSize)
                : null
        );
        StreamCore(x, w, output, history, position, sameWeights, workspace);
    }

    /// <inheritdoc cref="Stream"/>
    protected abstract void StreamCore(
        Tensor x,
        Tensor w,
        in ConvolutionOutput output,
        Tensor history,
        long position,
        bool sameWeights,
        Tensor workspace
    );

    /// <summary>Computes all gradients of the last forward pass, given the same operands.</summary>
    public void Backward(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        in ConvolutionOutput output,
        in ConvolutionGradients gradients,
        Tensor workspace
    )
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.ConvolutionGradient) is { } report
                ? gradients
                    .Describe(
                        output.Describe(report.Reads(x, w), writes: false),
                        !output.Skip.IsEmpty
                    )
                    .Scratch(workspace)
                    .Costs((gradients.X.IsEmpty ? 1 : 2) * _sizes.Flops(x, layout))
                    .InLibrary(IsInLibrary(x, layout))
                : null
        );
        BackwardCore(x, layout, w, output, gradients, workspace);
    }

    /// <inheritdoc cref="Backward"/>
    protected abstract void BackwardCore(
        Tensor x,
        SequenceLayout? layout,
        Tensor w,
        in ConvolutionOutput output,
        in ConvolutionGradients gradients,
        Tensor workspace
    );
}
