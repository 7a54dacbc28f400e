using System.Runtime.Intrinsics;
using NUnit.Framework;
using Sequor.Layers.Cpu;

namespace Sequor.Tests.Cpu;

/// <summary>Products' last columns by dot products, and the stores of a row's end that they and the cells need.</summary>
[TestFixture]
public sealed unsafe class ColumnDotsTests
{
    private const float Untouched = -77f;

    [TestCase(520, 130, 16, 2)]
    [TestCase(520, 128, 16, 0, Description = "no columns are left over")]
    [TestCase(516, 129, 16, 1)]
    [TestCase(528, 132, 16, 4)]
    [TestCase(532, 133, 16, 0, Description = "a panel is as fast")]
    [TestCase(132, 33, 16, 0, Description = "sums too short")]
    [TestCase(258, 258, 8, 2)]
    [TestCase(258, 258, 4, 2)]
    public void Few_columns_of_long_sums_go_this_way(int depth, int columns, int lanes, int dots) =>
        Assert.That(ColumnDots.Columns(depth, columns, lanes), Is.EqualTo(dots));

    [Test]
    public void They_are_the_sums_of_the_product(
        [Values(4, 8, 16)] int lanes,
        [Values(1, 2, 3, 4, 5, 8, 9)] int rows,
        [Values(1, 2, 3, 4)] int columns,
        [Values(256, 257, 273)] int depth,
        [Values] bool starts
    )
    {
        var random = new Random(7 * rows + columns);
        float[] a = Draw(random, rows * (depth + 3));
        float[] b = Draw(random, columns * depth);
        float[] start = Draw(random, rows * (columns + 1));
        var c = new float[rows * (columns + 2)];
        Array.Fill(c, Untouched);
        var tile = new Tile
        {
            RowStride = depth + 3,
            DepthStride = 1,
            Depth = depth,
            Taps = 1,
            InitStride = columns + 1,
            OutputStride = columns + 2,
        };
        fixed (
            float* pa = a,
                pb = b,
                ps = start,
                pc = c
        )
            ColumnDots.Multiply(lanes, tile, rows, pa, pb, columns, starts ? ps : null, pc);
        for (int r = 0; r < rows; r++)
        {
            for (int n = 0; n < columns; n++)
            {
                double sum = starts ? start[r * (columns + 1) + n] : 0;
                for (int k = 0; k < depth; k++)
                    sum += (double)a[r * (depth + 3) + k] * b[n * depth + k];
                Assert.That(
                    c[r * (columns + 2) + n],
                    Is.EqualTo(sum).Within(2e-5),
                    $"row {r}, column {n}"
                );
            }
            Assert.That(c[(r * (columns + 2) + columns)..][..2], Is.All.EqualTo(Untouched));
        }
    }

    [Test]
    public void A_row_is_the_same_whatever_rows_are_beside_it([Values(4, 8, 16)] int lanes)
    {
        const int Depth = 300;
        float[] a = Draw(new Random(3), 7 * Depth);
        float[] b = Draw(new Random(4), 2 * Depth);
        var together = new float[14];
        var alone = new float[14];
        var tile = new Tile
        {
            RowStride = Depth,
            DepthStride = 1,
            Depth = Depth,
            Taps = 1,
            OutputStride = 2,
        };
        fixed (
            float* pa = a,
                pb = b,
                pt = together,
                pl = alone
        )
        {
            ColumnDots.Multiply(lanes, tile, 7, pa, pb, 2, null, pt);
            for (int r = 0; r < 7; r++)
                ColumnDots.Multiply(lanes, tile, 1, pa + r * Depth, pb, 2, null, pl + 2 * r);
        }
        Assert.That(alone, Is.EqualTo(together));
    }

    // All lanes may be asked for: an optimizer's loop has no other end.
    [Test]
    public void A_row_s_end_is_stored_and_nothing_behind_it([Range(0, 16)] int count)
    {
        float[] values = Draw(new Random(5), 16);
        Check(
            16,
            (p, from) => Lanes512.StorePartial((float*)p, Vector512.Load((float*)from), count)
        );
        if (count <= 8)
            Check(
                8,
                (p, from) => Lanes256.StorePartial((float*)p, Vector256.Load((float*)from), count)
            );
        if (count <= 4)
            Check(
                4,
                (p, from) => Lanes128.StorePartial((float*)p, Vector128.Load((float*)from), count)
            );

        void Check(int lanes, Action<nint, nint> store)
        {
            var stored = new float[lanes + 2];
            Array.Fill(stored, Untouched);
            fixed (float* from = values)
            fixed (float* to = stored)
                store((nint)(to + 1), (nint)from);
            Assert.That(stored[0], Is.EqualTo(Untouched));
            Assert.That(stored[1..][..count], Is.EqualTo(values[..count]), $"{lanes} lanes");
            Assert.That(stored[(1 + count)..], Is.All.EqualTo(Untouched), $"{lanes} lanes");
        }
    }

    // Of some whole huge pages, none of which reaches beyond the memory.
    [TestCase(0x400000u, 0x400000u, 0x400000u, 0x800000u)]
    [TestCase(0x400040u, 0x400000u, 0x600000u, 0x800000u)]
    [TestCase(0x5FFFC0u, 0x400080u, 0x600000u, 0xA00000u)]
    [TestCase(0x5FFFC0u, 0x40003Fu, 0x600000u, 0x800000u)]
    public void Advice_is_about_whole_huge_pages(uint address, uint bytes, uint from, uint to)
    {
        (nuint first, nuint end) = HugePages.Whole(address, bytes);
        Assert.That(((ulong)first, (ulong)end), Is.EqualTo(((ulong)from, (ulong)to)));
    }

    private static float[] Draw(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => 2 * random.NextSingle() - 1)];
}
