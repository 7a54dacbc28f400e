using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The LRU's blocks around a dense recurrence with tanh.</summary>
internal sealed class TanhArchitecture : DenseBlockArchitecture
{
    public override string Name => "tanh";

    public override int Order => 10;

    public override string Title => "tanh RNN in blocks";

    public override Rung OnLadder { get; } = new(1, "a dense recurrence with tanh");

    private protected override RnnActivation Activation => RnnActivation.Tanh;
}
