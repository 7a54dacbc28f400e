namespace Sequor.Workloads;

/// <summary>
/// Permuted MNIST: pixels in an order that was drawn once, the same for all images and for all runs. That of Bai et al. is another one
/// in each run.
/// </summary>
internal sealed class PmnistEntry : MnistEntry
{
    /// <summary>What the order of the pixels is drawn by.</summary>
    public const ulong Seed = 1;

    private readonly Lazy<int[]> _order = new(() =>
        Permutation.Of(MnistDataset.Side * MnistDataset.Side, Seed)
    );

    public override string Name => "pmnist";

    public override int Order => 9;

    private protected override int[] Pixels => _order.Value;
}
