using NUnit.Framework;
using Sequor.Layers.Cpu;

namespace Sequor.Tests.Cpu;

/// <summary>Which memory a product asks for while it runs, line by line.</summary>
[TestFixture]
public sealed unsafe class AheadTests
{
    private const int Line = 64;

    [Test]
    public void What_is_added_is_asked_for_line_by_line_and_in_order(
        [Values(1, 2, 4)] int arrays,
        [Values(1, 7, 520)] long steps,
        [Values(40, 400)] int times
    )
    {
        var random = new Random(arrays * times);
        var ahead = new Ahead();
        var from = new long[arrays];
        var bytes = new long[arrays];
        for (int i = 0; i < arrays; i++)
        {
            from[i] = (1L + i) << 32;
            // No more than a line a step of depth can be asked for.
            bytes[i] = 4 * random.NextInt64(1, times * steps * Line / 4 / arrays / 2 + 2);
            ahead.Add((float*)from[i], bytes[i] / 4);
        }
        ahead.Spread(times * steps);
        Assert.That((int)ahead.Step, Is.InRange(1, Line));
        var reached = new long[arrays];
        for (int n = 0; n < times; n++)
        {
            long place = (long)ahead.Next(steps);
            int array = Array.FindLastIndex(from, a => a <= place);
            Assert.That(place - from[array], Is.EqualTo(reached[array]), "goes on where it was");
            reached[array] += steps * ahead.Step;
        }
        for (int i = 0; i < arrays - 1; i++)
            Assert.That(reached[i], Is.GreaterThanOrEqualTo(bytes[i]), "whole arrays");
        // An array takes whole turns, so the last one may lack a turn of each of those before it.
        long lacks = arrays * steps * ahead.Step;
        Assert.That(reached[^1], Is.GreaterThanOrEqualTo(bytes[^1] - lacks));
    }

    [Test]
    public void A_product_without_whole_blocks_asks_for_nothing()
    {
        var ahead = new Ahead();
        ahead.Add((float*)4096, 1000);
        ahead.Spread(0);
        Assert.That((int)ahead.Step, Is.Zero);
        Assert.That((long)ahead.Next(130), Is.EqualTo(4096));
        Assert.That((long)ahead.Next(130), Is.EqualTo(4096));
    }

    [Test]
    public void Arrays_beyond_four_are_refused()
    {
        var ahead = new Ahead();
        for (int i = 0; i < 4; i++)
            ahead.Add((float*)4096, 1);
        bool refused = false;
        try
        {
            ahead.Add((float*)4096, 1);
        }
        catch (ArgumentOutOfRangeException)
        {
            refused = true;
        }
        Assert.That(refused);
    }
}
