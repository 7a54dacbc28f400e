using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The rung of complex eigenvalues as they are, which may leave the unit disk.</summary>
internal sealed class DiagonalArchitecture : RungArchitecture
{
    public override string Name => "diagonal";

    public override int Order => 13;

    public override bool IsCompared => false;

    public override string Title => "diagonal LRU";

    public override Rung OnLadder { get; } =
        new(4, "complex diagonal, each eigenvalue by its parts");

    private protected override LruRung Rung => LruRung.Diagonal;
}
