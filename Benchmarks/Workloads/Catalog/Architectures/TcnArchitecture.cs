using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The temporal convolutional network of Bai et al. (2018).</summary>
internal sealed class TcnArchitecture : ConvolutionalArchitecture
{
    public override string Name => "tcn";

    public override int Order => 4;

    public override string Title => "TCN";

    private protected override TcnActivation Activation => TcnActivation.Relu;

    // What the two convolutions gave, and a bit an output for the relu on the sum.
    public override long KeptBytes(long rows, PresetModel sizes) =>
        checked(
            sizes.Depth * ((rows * 2 * sizes.Hidden * sizeof(float)) + (rows * sizes.Hidden / 8))
        );
}
