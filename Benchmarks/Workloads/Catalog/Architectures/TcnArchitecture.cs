using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The temporal convolutional network of Bai et al. (2018); all levels are equally wide.</summary>
internal sealed class TcnArchitecture : Architecture
{
    private const int UsualKernel = 8;

    public override string Name => "tcn";

    public override int Order => 4;

    public override string Title => "TCN";

    public override string DepthName => "level";

    public override int DefaultDepth => 8;

    // The dilation of the last level is 2^(depth - 1) steps, and 7 taps of it must not overflow.
    public override int MaxDepth => 24;

    public override ModelDetails Details => ModelDetails.Kernel;

    private protected override bool DropsWithin => true;

    public override PresetModel Sized(int width, int depth) =>
        base.Sized(width, depth) with
        {
            Kernel = UsualKernel,
        };

    // What the two convolutions gave, and a bit an output for the relu on the sum.
    public override long KeptBytes(long rows, PresetModel sizes) =>
        checked(
            sizes.Depth
            * ((rows * 2 * sizes.Hidden * sizeof(float)) + (rows * sizes.Hidden / 8))
        );

    private protected override Layer Body(int inputs, PresetModel sizes) =>
        new Tcn(
            inputs,
            [.. Enumerable.Repeat(sizes.Hidden, sizes.Depth)],
            sizes.Kernel,
            sizes.Dropout
        );
}
