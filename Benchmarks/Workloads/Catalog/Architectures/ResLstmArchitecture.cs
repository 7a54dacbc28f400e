using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// LSTM layers with residual connections from the second one on, as in Wu et al. (2016), 1609.08144, section 3.1, which compares
/// them with layers stacked plainly.
/// </summary>
internal sealed class ResLstmArchitecture : Architecture
{
    public override string Name => "reslstm";

    public override int Order => 6;

    public override bool IsCompared => false;

    public override string Title => "residual LSTM";

    public override string DepthName => "layer";

    public override int DefaultDepth => 4;

    public override SizeKnob Knob => SizeKnob.Depth(MaxDepth);

    // Of a layer four gates, the cell and the output; of all but the first the sum as well. A gradient waits beside the layer.
    public override long KeptBytes(long rows, PresetModel sizes) =>
        checked(
            rows * sizes.Hidden * ((7L * sizes.Depth) - (sizes.Depth > 1 ? 0 : 1)) * sizeof(float)
        );

    private protected override Layer Body(int inputs, PresetModel sizes) =>
        new Sequential([
            new Lstm(inputs, sizes.Hidden),
            .. Enumerable
                .Range(1, sizes.Depth - 1)
                .Select(_ => new Residual(new Lstm(sizes.Hidden, sizes.Hidden))),
        ]);
}
