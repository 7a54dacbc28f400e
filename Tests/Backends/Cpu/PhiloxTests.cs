using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Cpu;

/// <summary>The Philox random number generator against its authors' known answers, and the distributions drawn from it.</summary>
public sealed class PhiloxTests
{
    // The known answers that the authors publish with Random123.
    [TestCase(0ul, 0ul, 0ul, 0x6627E8D5u, 0xE169C58Du, 0xBC57AC4Cu, 0x9B00DBD8u)]
    [TestCase(
        ulong.MaxValue,
        ulong.MaxValue,
        ulong.MaxValue,
        0x408F276Du,
        0x41C83B0Eu,
        0xA20BC7C6u,
        0x6D5451FDu
    )]
    [TestCase(
        0x299F31D0A4093822ul,
        0x0370734413198A2Eul,
        0x85A308D3243F6A88ul,
        0xD16CFE09u,
        0x94FDCCEBu,
        0x5001E420u,
        0x24126EA1u
    )]
    public void Blocks_are_those_of_philox_4x32_10(
        ulong seed,
        ulong stream,
        ulong index,
        uint a,
        uint b,
        uint c,
        uint d
    ) => Assert.That(Philox.Block(seed, stream, index), Is.EqualTo((a, b, c, d)));

    [Test]
    public void Draws_are_the_blocks_in_their_order()
    {
        var random = new Philox(7, 9);
        for (ulong index = 0; index < 3; index++)
        {
            (uint a, uint b, uint c, uint d) = Philox.Block(7, 9, index);
            foreach (uint expected in new[] { a, b, c, d })
                Assert.That(random.NextBits(), Is.EqualTo(expected));
        }
    }

    [Test]
    public void Draws_have_the_range_mean_and_deviation_of_their_distribution()
    {
        const int Count = 100_000;
        var random = new Philox(1, 2);
        float[] uniform = new float[Count];
        float[] normal = new float[Count];
        int[] whole = new int[7];
        for (int i = 0; i < Count; i++)
        {
            uniform[i] = random.NextFloat(-2, 4);
            normal[i] = random.NextNormal();
            whole[random.Next(7)]++;
        }

        // Five standard deviations of the mean, and about as many of the deviation.
        Assert.That(uniform, Is.All.InRange(-2f, 4f));
        Assert.That(uniform.Average(), Is.EqualTo(1).Within(5 * Math.Sqrt(3.0 / Count)));
        Assert.That(normal.Average(), Is.EqualTo(0).Within(5 / Math.Sqrt(Count)));
        Assert.That(normal.Average(v => v * v), Is.EqualTo(1).Within(5 * Math.Sqrt(2.0 / Count)));
        Assert.That(whole, Is.All.EqualTo(Count / 7.0).Within(5 * Math.Sqrt(Count / 7.0)));
    }

    [Test]
    public void A_whole_number_below_less_than_1_is_refused()
    {
        var random = new Philox(1, 2);

        Assert.That(() => random.Next(0), Throws.TypeOf<ArgumentOutOfRangeException>());
    }
}
