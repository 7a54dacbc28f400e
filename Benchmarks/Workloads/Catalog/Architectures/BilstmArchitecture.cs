using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Long short-term memory in both directions (Graves and Schmidhuber 2005). A sequence is answered for by the final states of both.
/// </summary>
internal sealed class BilstmArchitecture : RecurrentArchitecture
{
    public override string Name => "bilstm";

    public override int Order => 24;

    public override bool IsCompared => false;

    public override string Title => "bidirectional LSTM";

    public override bool IsCausal(PresetModel sizes) => false;

    // Of each direction four gates, the cell and the output.
    private protected override int Kept => 12;

    private protected override Layer Body(int inputs, PresetModel sizes) =>
        new Lstm(
            inputs,
            sizes.Hidden,
            new RecurrentOptions { Layers = sizes.Depth, Bidirectional = true }
        );

    private protected override Layer Pool(int width) => new BothEnds(width);
}
