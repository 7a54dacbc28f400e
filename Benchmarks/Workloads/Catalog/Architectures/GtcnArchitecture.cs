using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The TCN with gated linear units in the place of its convolutions' ReLUs, as Bai et al. (2018) compare it in their appendix.</summary>
internal sealed class GtcnArchitecture : ConvolutionalArchitecture
{
    public override string Name => "gtcn";

    public override int Order => 23;

    public override bool IsCompared => false;

    public override string Title => "gated TCN";

    // Two filters of each make widths lie far apart.
    public override SizeKnob Knob => SizeKnob.Depth(MaxDepth);

    private protected override TcnActivation Activation => TcnActivation.Gated;

    // Both halves that each of the two convolutions gave, what came through the first gates, and the output.
    public override long KeptBytes(long rows, PresetModel sizes) =>
        checked(rows * sizes.Depth * 6 * sizes.Hidden * sizeof(float));
}
