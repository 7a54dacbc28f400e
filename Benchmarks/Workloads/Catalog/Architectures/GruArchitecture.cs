using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Gated recurrent units, as cuDNN and PyTorch have them.</summary>
internal sealed class GruArchitecture : RecurrentArchitecture
{
    public override string Name => "gru";

    public override int Order => 3;

    public override string Title => "GRU";

    // Reset, update, new, the recurrent part of new, and the output.
    private protected override int Kept => 5;

    private protected override Layer Body(int inputs, PresetModel sizes) =>
        new Gru(inputs, sizes.Hidden, sizes.Depth);
}
