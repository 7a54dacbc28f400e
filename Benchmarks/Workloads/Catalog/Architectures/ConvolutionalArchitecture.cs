using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>What temporal convolutional networks have in common; all levels are equally wide.</summary>
public abstract class ConvolutionalArchitecture : Architecture
{
    private const int UsualKernel = 8;

    private protected ConvolutionalArchitecture() { }

    /// <inheritdoc/>
    public override string DepthName => "level";

    /// <inheritdoc/>
    public override int DefaultDepth => 8;

    // The dilation of the last level is 2^(depth - 1) steps, and 7 taps of it must not overflow.
    /// <inheritdoc/>
    public override int MaxDepth => 24;

    /// <inheritdoc/>
    public override ModelDetails Details => ModelDetails.Kernel;

    private protected override bool DropsWithin => true;

    /// <summary>What follows each convolution.</summary>
    private protected abstract TcnActivation Activation { get; }

    /// <inheritdoc/>
    public override PresetModel Sized(int width, int depth) =>
        base.Sized(width, depth) with
        {
            Kernel = UsualKernel,
        };

    private protected override Layer Body(int inputs, PresetModel sizes) =>
        new Tcn(
            inputs,
            [.. Enumerable.Repeat(sizes.Hidden, sizes.Depth)],
            sizes.Kernel,
            sizes.Dropout,
            Activation
        );
}
