using NUnit.Framework;
using Sequor.Native.Kernels;
using Sequor.VirtualGpu.Ptxas;

namespace Sequor.Tests.Kernels;

/// <summary>Which scan kernel a shape is given to, and how long its tiles are, by the device's multiprocessors.</summary>
[TestFixture]
public sealed class ScanShapeTests
{
    private const int H200 = 132;

    private static readonly int[] s_multiprocessors = [1, 28, 46, 82, 108, 114, H200, 144];

    [Test]
    public void A_shape_is_given_to_the_kernel_that_has_enough_to_do()
    {
        ScanKernel wide = Choose(4096, 17, 16);
        Assert.That(
            (wide.Chunked, wide.Pair, wide.Forward),
            Is.EqualTo((false, false, "scan_wide_forward"))
        );
        Assert.That(wide.Grid, Is.EqualTo(new KernelGrid(544, 1, 128)));
        Assert.That(wide.BackwardGrid, Is.EqualTo(wide.Grid));
        ScanKernel pair = ScanKernel.Choose(4096, 64, 16, true, true, H200);
        Assert.That(pair.Backward, Is.EqualTo("scan_wide_backward_pair_packed"));
        Assert.That(ScanKernel.Choose(4096, 64, 16, false, false, H200).Pair, Is.False);
        ScanKernel few = Choose(1, 256, 1 << 20);
        Assert.That((few.Chunked, few.Length, few.Tiles), Is.EqualTo((true, 256, 4096)));
        Assert.That((few.BackwardWarps, few.BackwardTiles), Is.EqualTo((8, 8192)));
        Assert.That(few.Grid, Is.EqualTo(new KernelGrid(8 * 4096, 1, 512)));
        Assert.That(few.BackwardGrid, Is.EqualTo(new KernelGrid(8 * 8192, 1, 256)));
        Assert.That(few.ControlCount, Is.EqualTo(4 + 129 * 8 * 8192));
        Assert.That(few.PartialRows(1), Is.EqualTo(8192));
    }

    [Test]
    public void A_device_with_few_multiprocessors_has_many_channels_sooner()
    {
        Assert.That(ScanKernel.Choose(32, 512, 1000, false, true, 28).Chunked, Is.False);
        Assert.That(ScanKernel.Choose(32, 512, 1000, false, true, H200).Chunked, Is.True);
    }

    // Strips that fill the device, fewer, and very few.
    [TestCase(32, 256, 16384, 4, 4)]
    [TestCase(32, 64, 16384, 9, 5)]
    [TestCase(1, 64, 100000, 16, 8)]
    public void The_tiles_of_a_strip_that_are_under_way_lie_in_one_look_back(
        int batch,
        int size,
        int steps,
        int warps,
        int backwardWarps
    )
    {
        ScanKernel kernel = Choose(batch, size, steps);
        Assert.That((kernel.Warps, kernel.BackwardWarps), Is.EqualTo((warps, backwardWarps)));
    }

    // The adding problem's 600 steps, 32 sequences and 53 channels once had 265 blocks where 264 fit.
    [Test]
    public void No_block_is_left_for_a_second_wave()
    {
        int left = 0;
        int all = 0;
        foreach (int multiprocessors in s_multiprocessors)
        foreach (int batch in (int[])[1, 8, 32, 50])
        foreach (int size in (int[])[16, 53, 128, 192, 256, 384])
        foreach (int steps in (int[])[100, 600, 1024, 2048, 4096, 10000])
        {
            ScanKernel kernel = ScanKernel.Choose(
                batch,
                size,
                steps,
                false,
                false,
                multiprocessors
            );
            if (!kernel.Chunked)
                continue;
            all += 2;
            left += IsLeft(kernel.Grid.X, multiprocessors * (32 / kernel.Warps));
            left += IsLeft(kernel.BackwardGrid.X, multiprocessors * (16 / kernel.BackwardWarps));
        }
        Assert.That(all, Is.GreaterThan(1000));
        Assert.That(left, Is.Zero);

        ScanKernel adding = Choose(32, 53, 600);
        Assert.That(adding.Grid.X, Is.LessThanOrEqualTo(H200 * (32 / adding.Warps)));
        Assert.That(
            adding.BackwardGrid.X % (H200 * (16 / adding.BackwardWarps)),
            Is.Not.EqualTo(1)
        );

        static int IsLeft(int blocks, int places) =>
            blocks > places
            && blocks < 16 * places
            && blocks % places > 0
            && 4 * (blocks % places) < places
                ? 1
                : 0;
    }

    // The rule reckons with so many warps on a multiprocessor.
    [TestCase(80)]
    [TestCase(86)]
    [TestCase(90)]
    public void Two_blocks_of_the_longest_tiles_fit_on_a_multiprocessor(int architecture)
    {
        PtxasRow[] rows =
        [
            .. PtxasTable
                .Shipped.Modules.Single(m => m.Name == "scan_chunked")
                .Rows.Where(row => row.Architecture == architecture),
        ];
        Assert.That(rows, Has.Length.EqualTo(4));
        foreach (PtxasRow row in rows)
        {
            bool forward = row.Kernel.Contains("forward", StringComparison.Ordinal);
            Assert.That(row.Threads, Is.EqualTo(32 * (forward ? 16 : 8)), row.Kernel);
            Assert.That(row.Registers, Is.AtMost(forward ? 64 : 128), row.Kernel);
            Assert.That(row.Blocks, Is.AtLeast(2), row.Kernel);
            Assert.That((row.SpillStores, row.SpillLoads), Is.EqualTo((0, 0)), row.Kernel);
        }
    }

    [Test]
    public void Wanted_tiles_are_taken()
    {
        ScanKernel forced = ScanKernel.Of(32, 256, 16384, false, true, H200, 16);
        Assert.That((forced.Warps, forced.BackwardWarps), Is.EqualTo((16, 8)));
        Assert.That(ScanKernel.Of(32, 256, 16384, false, true, H200, 0).Chunked, Is.False);
        Assert.That(ScanKernel.Of(32, 256, 64, false, true, H200, 8).Chunked, Is.False);
        Assert.That(ScanKernel.Of(4096, 64, 65, false, true, H200, 8).Tiles, Is.EqualTo(1));
        Assert.That(
            ScanKernel.Of(32, 53, 600, false, true, H200, Choose(32, 53, 600).Warps),
            Is.EqualTo(Choose(32, 53, 600))
        );
    }

    [Test]
    public void Sizes_beyond_a_limit_are_refused()
    {
        Refuses(() => Choose(1 << 20, 1 << 11, 1), "2^30");
        Refuses(() => Choose(1, 0, 1), "size");
        Refuses(() => Choose(0, 1, 1), "batch");
        Refuses(() => Choose(1, 1, 0), "steps");
        Refuses(() => ScanKernel.Choose(1, 1, 1, false, false, 0), "multiprocessors");
        Refuses(() => ScanKernel.Of(1, 1, 100, false, false, H200, 3), "4 to 16");
        Refuses(() => ScanKernel.Of(1, 1, 100, false, false, H200, 17), "4 to 16");

        const int Most = ScanKernel.MostSplitChannels;
        Assert.That(
            ScanKernel.Of(1, Most, 65, false, false, H200, 16).Grid.X,
            Is.EqualTo(Most / 32)
        );
        Refuses(() => ScanKernel.Of(1, Most + 1, 65, false, false, H200, 16), "2^27");
        const int Longest = 64 * ScanKernel.MostRoom;
        Assert.That(
            ScanKernel.Of(1, 32, Longest, false, false, H200, 4).Room,
            Is.EqualTo(ScanKernel.MostRoom)
        );
        // Of more tiles than there are words for, time is not split.
        Assert.That(ScanKernel.Of(1, 32, Longest + 1, false, false, H200, 4).Chunked, Is.False);
        Assert.That(Choose(1, 6, Longest).Chunked);
        Assert.That(Choose(1, 6, int.MaxValue).Chunked, Is.False);
        Assert.That(
            ScanKernel.MostTiles(1, 6, int.MaxValue, H200),
            Is.EqualTo(ScanKernel.MostRoom)
        );
        Assert.That(
            ScanKernel.ControlCountOf(ScanKernel.MostRoom),
            Is.LessThanOrEqualTo(int.MaxValue)
        );
        Refuses(() => ScanKernel.ControlCountOf(ScanKernel.MostRoom + 1L), "at most");

        static void Refuses(Func<object> make, string says) =>
            Assert.That(
                () => make(),
                Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contain(says)
            );
    }

    [Test]
    public void Room_for_the_largest_scan_is_room_for_every_smaller_one()
    {
        foreach (int multiprocessors in (int[])[1, 28, H200])
        foreach (int size in (int[])[1, 31, 33, 257, 4000, 67583, 67584])
        foreach (int steps in (int[])[1, 64, 65, 700, 5000])
        foreach (int batch in (int[])[1, 3, 40])
        foreach (int warps in (int[])[-1, 0, 4, 10, 16])
        {
            long most = 0;
            for (int b = 1; b <= batch; b++)
            for (int t = 1; t <= steps; t += t < 200 ? 1 : 97)
            {
                ScanKernel kernel =
                    warps < 0
                        ? ScanKernel.Choose(b, size, t, false, false, multiprocessors)
                        : ScanKernel.Of(b, size, t, false, false, multiprocessors, warps);
                most = Math.Max(most, kernel.Room);
            }
            long room =
                warps < 0
                    ? ScanKernel.MostTiles(batch, size, steps, multiprocessors)
                    : ScanKernel.MostTilesOf(batch, size, steps, multiprocessors, warps);
            Assert.That(room, Is.GreaterThanOrEqualTo(most));
        }
        Assert.That(ScanKernel.MostTiles(40, 257, 64, H200), Is.Zero);
        Assert.That(ScanKernel.MostTiles(1, 256, 1 << 20, H200), Is.EqualTo(8 << 14));
    }

    private static ScanKernel Choose(int batch, int size, int steps) =>
        ScanKernel.Choose(batch, size, steps, false, true, H200);
}
