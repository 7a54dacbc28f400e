using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Long short-term memory.</summary>
internal sealed class LstmArchitecture : RecurrentArchitecture
{
    public override string Name => "lstm";

    public override int Order => 2;

    public override string Title => "LSTM";

    // Four gates, the cell and the output.
    private protected override int Kept => 6;

    private protected override Layer Body(int inputs, PresetModel sizes) =>
        new Lstm(inputs, sizes.Hidden, sizes.Depth);
}
