using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The rung of eigenvalues exp(-exp(nu) + i theta), which begin anywhere on the unit disk and stay in it.</summary>
internal sealed class StableArchitecture : RungArchitecture
{
    public override string Name => "stable";

    public override int Order => 15;

    public override bool IsCompared => false;

    public override string Title => "stable LRU";

    public override Rung OnLadder { get; } =
        new(6, "never beyond the unit circle, exp(-exp(nu) + i theta)");

    private protected override LruRung Rung => LruRung.Stable;
}
