using NUnit.Framework;
using Sequor.Tool;

namespace Sequor.Tests.Tool;

/// <summary>Bounds of the ratio of times, against all orders of few rounds, and against how often they leave out the truth.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class RatioBoundsTests
{
    // 2 / C(2n, n) is at most 1% from n = 5 on, 0.2% from 7 on.
    [TestCase(0.01, 5)]
    [TestCase(0.002, 7)]
    [TestCase(1, 1)]
    public void Few_rounds_have_no_bounds(double error, int rounds)
    {
        Assert.That(RatioBounds.RoundsFor(error), Is.EqualTo(rounds));
        double[] enough = [.. Enumerable.Range(1, rounds).Select(i => (double)i)];
        Assert.That(RatioBounds.Of(enough, enough, error), Is.Not.Null);
        if (rounds > 1)
            Assert.That(RatioBounds.Of(enough[1..], enough, error * 0.5), Is.Null);
    }

    [Test]
    public void The_least_rounds_give_the_extreme_ratios()
    {
        RatioBounds bounds = RatioBounds.Of([1, 2, 4, 8, 16], [3, 6, 12, 24, 48], 0.01)!.Value;
        Assert.That((bounds.Low, bounds.Ratio, bounds.High), Is.EqualTo((3.0 / 16, 3.0, 48.0)));
    }

    // Of all orders that rounds can come in, those with fewer pairs than this are as rare as the error.
    [Test]
    public void The_bounds_are_those_of_all_orders([Values(4, 6)] int m, [Values(5, 7)] int n)
    {
        int[] pairs = [.. Orders(m, n).Order()];
        double[] before = [.. Enumerable.Range(0, m).Select(i => Math.Pow(1.1, i))];
        double[] after = [.. Enumerable.Range(0, n).Select(i => Math.Pow(1.37, i))];
        double[] ratios = [.. after.SelectMany(a => before.Select(b => a / b)).Order()];
        foreach (double error in (double[])[0.02, 0.05, 0.3])
        {
            int outside = -1;
            while (pairs.Count(p => p <= outside + 1) <= error / 2 * pairs.Length)
                outside++;
            RatioBounds? bounds = RatioBounds.Of(before, after, error);
            Assert.That(bounds.HasValue, Is.EqualTo(outside >= 0));
            if (bounds is not { } found)
                continue;
            Assert.That(found.Low, Is.EqualTo(ratios[outside]));
            Assert.That(found.High, Is.EqualTo(ratios[^(outside + 1)]));
        }
    }

    // Of each order of m and n things: in how many pairs one of the n comes before one of the m.
    private static IEnumerable<int> Orders(int m, int n) =>
        m == 0 || n == 0 ? [0] : Orders(m - 1, n).Select(u => u + n).Concat(Orders(m, n - 1));

    [Test]
    public void They_hold_the_true_ratio_as_often_as_they_say([Values(8, 20)] int rounds)
    {
        const int Times = 4000;
        var random = new Random(5);
        int outside = 0;
        for (int i = 0; i < Times; i++)
        {
            RatioBounds bounds = RatioBounds
                .Of(Draw(random, rounds, 1), Draw(random, rounds, 1.5), 0.05)!
                .Value;
            outside += bounds.Low > 1.5 || bounds.High < 1.5 ? 1 : 0;
        }
        // 5% and three standard deviations; not so few that they say nothing.
        Assert.That(outside, Is.InRange(0.02 * Times, 0.0604 * Times));
    }

    // More orders than a double can count.
    [Test]
    public void A_hundred_rounds_have_bounds()
    {
        double[] rounds = Draw(new Random(7), 100, 1);
        RatioBounds bounds = RatioBounds.Of(rounds, rounds, 0.01)!.Value;
        Assert.That(bounds.Ratio, Is.EqualTo(1).Within(1e-12));
        Assert.That(bounds.Low, Is.InRange(0.9, 0.999));
        Assert.That(bounds.High, Is.EqualTo(1 / bounds.Low).Within(1e-9));
    }

    // Times have a floor and a long tail.
    private static double[] Draw(Random random, int count, double scale) =>
        [
            .. Enumerable
                .Range(0, count)
                .Select(_ => scale * (1 - (0.1 * Math.Log(1 - random.NextDouble())))),
        ];
}
