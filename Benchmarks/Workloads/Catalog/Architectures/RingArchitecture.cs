using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The rung of eigenvalues exp(-exp(nu) + i theta), which begin in a ring.</summary>
internal sealed class RingArchitecture : RungArchitecture
{
    public override string Name => "ring";

    public override int Order => 16;

    public override bool IsCompared => false;

    public override string Title => "ring LRU";

    public override Rung OnLadder { get; } = new(7, "eigenvalues that begin in a ring");

    private protected override LruRung Rung => LruRung.Ring;
}
