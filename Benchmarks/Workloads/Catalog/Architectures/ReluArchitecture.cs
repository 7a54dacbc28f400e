using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The LRU's blocks around a dense recurrence with ReLU.</summary>
internal sealed class ReluArchitecture : DenseBlockArchitecture
{
    public override string Name => "relu";

    public override int Order => 11;

    public override string Title => "ReLU RNN in blocks";

    public override Rung OnLadder { get; } = new(2, "a rectifier in the place of tanh");

    private protected override RnnActivation Activation => RnnActivation.Relu;
}
