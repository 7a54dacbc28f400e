using NUnit.Framework;
using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

/// <summary>
/// The shapes in which kernels are launched: busy blocks for narrow matrices, and the limits of blocks and parts.
/// </summary>
[TestFixture]
public sealed class KernelGridTests
{
    [Test]
    public void Narrow_matrices_have_all_threads_of_a_block_at_work()
    {
        Assert.That(KernelGrid.Rows(1000, 1), Is.EqualTo(new KernelGrid(1, 1, 256, 1)));
        Assert.That(KernelGrid.Rows(1000, 24), Is.EqualTo(new KernelGrid(1, 32, 256, 32)));
        Assert.That(KernelGrid.Rows(1000, 65), Is.EqualTo(new KernelGrid(2, 63, 256, 64)));
        Assert.That(KernelGrid.Packs(1000, 65), Is.EqualTo(new KernelGrid(2, 63, 256, 64)));
        Assert.That(KernelGrid.Packs(20000, 64), Is.EqualTo(new KernelGrid(1, 512, 256, 64)));
        Assert.That(KernelGrid.Packs(80000, 64), Is.EqualTo(new KernelGrid(1, 1250, 256, 64)));
        Assert.That(KernelGrid.ColumnSums(1 << 20, 1), Is.EqualTo(new KernelGrid(1, 128, 256, 1)));
        Assert.That(KernelGrid.LossRows(100, 10), Is.EqualTo(new KernelGrid(7, 1, 256, 16)));
        Assert.That(KernelGrid.Steps(70, 3), Is.EqualTo(new KernelGrid(1, 70, 256, 4)));
        Assert.That(KernelGrid.Items(70, 3), Is.EqualTo(new KernelGrid(1, 2, 256, 4)));
        Assert.That(KernelGrid.WarpTable(16, 21), Is.EqualTo(new KernelGrid(6, 16, 128)));
        Assert.That(KernelGrid.Table(16, 24, 128), Is.EqualTo(new KernelGrid(24, 16, 128)));
    }

    [Test]
    public void No_shape_has_more_blocks_than_a_launch_may_have()
    {
        const long Most = 1L << 40;
        foreach (
            KernelGrid grid in new[]
            {
                KernelGrid.Flat(Most),
                KernelGrid.Sum(Most),
                KernelGrid.Rows(Most, 1 << 20),
                KernelGrid.Packs(Most, 1 << 20),
                KernelGrid.Steps(Most, 1 << 20),
                KernelGrid.Items(Most, 1 << 20),
                KernelGrid.ColumnSums(Most, 1 << 20),
                KernelGrid.WritingColumnSums(Most, 1 << 20, 2),
                KernelGrid.ConvolutionOutput(Most, 1, 1 << 20),
                KernelGrid.ConvolutionOutput(1 << 20, 1 << 10, 1 << 10),
                KernelGrid.LossRows(Most, 3),
                KernelGrid.LayerNorm(Most),
                KernelGrid.Table(KernelGrid.MostY, 1 << 10, 128),
            }
        )
        {
            Assert.That(grid.Y, Is.InRange(1, KernelGrid.MostY));
            Assert.That(grid.Blocks, Is.Positive);
        }
        Assert.That(() => KernelGrid.Each(1L << 31, 128), Throws.TypeOf<OverflowException>());
        Assert.That(
            () => KernelGrid.Table(KernelGrid.MostY + 1, 1, 128),
            Throws.TypeOf<ArgumentOutOfRangeException>()
        );
    }

    [TestCase(1, 512)]
    [TestCase(64, 512)]
    [TestCase(65, 256)]
    [TestCase(1 << 20, 1)]
    public void Sums_over_rows_have_no_more_parts_than_there_may_be(int columns, int most)
    {
        Assert.That(KernelGrid.MostParts(columns), Is.EqualTo(most));
        Assert.That(KernelGrid.ColumnSums(1L << 40, columns).Y, Is.EqualTo(most));
        Assert.That(
            KernelGrid.WritingColumnSums(1L << 40, columns, 2).Y,
            Is.EqualTo(Math.Max(1, most / 2))
        );
    }

    // Or a thread could not keep its channel.
    [TestCase(1, 3, 1)]
    [TestCase(5, 5000, 64)]
    [TestCase(1, 1 << 20, 65)]
    public void No_fewer_rows_are_walked_at_a_time_than_there_are_sequences(
        int steps,
        int batch,
        int columns
    )
    {
        KernelGrid grid = KernelGrid.ConvolutionOutput(steps, batch, columns);
        Assert.That(grid.X * (256 / grid.Lanes), Is.GreaterThanOrEqualTo(batch));
    }

    [Test]
    public void The_least_shape_has_a_block() =>
        Assert.That(
            new[]
            {
                KernelGrid.Flat(1).Blocks,
                KernelGrid.Sum(1).Blocks,
                KernelGrid.Rows(1, 1).Blocks,
                KernelGrid.Packs(1, 1).Blocks,
                KernelGrid.Steps(1, 1).Blocks,
                KernelGrid.Items(1, 1).Blocks,
                KernelGrid.ColumnSums(1, 1).Blocks,
                KernelGrid.WritingColumnSums(1, 1, 2).Blocks,
                KernelGrid.ConvolutionOutput(1, 1, 1).Blocks,
                KernelGrid.LossRows(1, 1).Blocks,
                KernelGrid.LayerNorm(1).Blocks,
                KernelGrid.Threadwise(1, 128).Blocks,
                KernelGrid.Table(1, 1, 128).Blocks,
            },
            Is.All.EqualTo(1)
        );
}
