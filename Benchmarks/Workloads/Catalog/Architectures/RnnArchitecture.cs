using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Elman's network with tanh.</summary>
internal sealed class RnnArchitecture : RecurrentArchitecture
{
    public override string Name => "rnn";

    public override int Order => 1;

    public override string Title => "tanh RNN";

    // The output.
    private protected override int Kept => 1;

    private protected override Layer Body(int inputs, PresetModel sizes) =>
        new Rnn(inputs, sizes.Hidden, sizes.Depth);
}
