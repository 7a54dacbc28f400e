using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Linear recurrent units of Orvieto et al. (2023) in blocks, whose outputs' mean answers for a sequence.</summary>
internal sealed class LruArchitecture : RungArchitecture
{
    public override string Name => "lru";

    public override int Order => 5;

    public override string Title => "LRU";

    public override Rung OnLadder { get; } = new(8, "normalised by gamma: the LRU");

    private protected override LruRung Rung => LruRung.Lru;
}
