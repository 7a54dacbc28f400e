using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The rung of eigenvalues exp(-nu + i theta), which may leave the unit disk.</summary>
internal sealed class PolarArchitecture : RungArchitecture
{
    public override string Name => "polar";

    public override int Order => 14;

    public override bool IsCompared => false;

    public override string Title => "polar LRU";

    public override Rung OnLadder { get; } =
        new(5, "eigenvalues by decay and phase, exp(-nu + i theta)");

    private protected override LruRung Rung => LruRung.Polar;
}
