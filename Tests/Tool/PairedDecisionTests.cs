using NUnit.Framework;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>What <c>bench --paired</c> decides by beside bounds: signed ranks, enough pairs, code that has settled.</summary>
[TestFixture]
public sealed class PairedDecisionTests
{
    // All ways to give the values signs, counted one by one.
    [TestCase(new[] { 1.0 })]
    [TestCase(new[] { 3.0, -1, 2, 5, -4 })]
    [TestCase(new[] { -3.0, -1, -2 })]
    [TestCase(new[] { 1.0, 1, -1, 2, 2, -2, 7 })]
    [TestCase(new[] { 0.0, 0, 1, -2, 3, 0, 9, 9, 9, -9 })]
    public void Signed_ranks_count_all_signs(double[] values)
    {
        double[] sizes = [.. values.Select(Math.Abs)];
        double[] ranks =
        [
            .. sizes.Select(size =>
                sizes.Count(s => s < size) + ((sizes.Count(s => s == size) + 1) / 2.0)
            ),
        ];
        double sum = values.Zip(ranks, (value, rank) => value > 0 ? rank : 0).Sum();
        int asLarge = Enumerable
            .Range(0, 1 << values.Length)
            .Count(signs => ranks.Where((_, i) => (signs >> i & 1) == 1).Sum() >= sum);
        Assert.That(
            SignedRanks.Above(values),
            Is.EqualTo((double)asLarge / (1 << values.Length)).Within(1e-12)
        );
    }

    [Test]
    public void Signed_ranks_of_values_above_zero_are_as_sure_as_there_are_many()
    {
        for (int n = 1; n <= 90; n++)
            Assert.That(
                SignedRanks.Above([.. Enumerable.Range(1, n).Select(i => (double)i * i)]),
                Is.EqualTo(Math.Pow(2, -n)).Within(1e-9).Percent
            );
        Assert.That(
            SignedRanks.Above([double.NaN, 1, 2]),
            Is.EqualTo(SignedRanks.Above([-0.5, 1, 2]))
        );
        Assert.That(SignedRanks.Above([]), Is.EqualTo(1));
        Assert.That(
            ((double[])[1, 0.5, 0.25, 0.2, 1e-3]).Select(SignedRanks.Least),
            Is.EqualTo(new[] { 0, 1, 2, 3, 10 })
        );
    }

    [Test]
    public void A_verdict_needs_ten_pairs_and_more_of_them_for_many_rows()
    {
        Assert.That(
            ((int[])[1, 2, 5, 24]).Select(rows => PairedPlan.PairsOfVerdict(0.01, rows)),
            Is.EqualTo(new[] { 10, 11, 12, 14 })
        );
        Assert.That(Verdict(9), Is.EqualTo(RowVerdict.Unclear));
        Assert.That(Verdict(10), Is.EqualTo(RowVerdict.Slower));
        // A look that has too few of them uses nothing of the error that a later one needs.
        var verdicts = new PairedVerdicts(new JudgementOptions());
        verdicts.Look(Turns(9, 1.1), ["row"], 1);
        verdicts.Look(Turns(10, 1.1), ["row"], 1);
        Assert.That(verdicts.Of("row"), Is.EqualTo(RowVerdict.Slower));

        static string Verdict(int pairs)
        {
            var verdicts = new PairedVerdicts(new JudgementOptions());
            verdicts.Look(Turns(pairs, 1.1), ["row"], 1);
            return verdicts.Of("row");
        }
    }

    // Bounds alone would say slower: three pairs that are not slower are too many of ten, and not of sixteen.
    [TestCase(10, "unclear")]
    [TestCase(16, "slower")]
    public void Bounds_and_signed_ranks_both_decide(int pairs, string verdict)
    {
        TurnPair[] turns =
        [
            .. Turns(pairs, 1.1).Select(t => t.Workers > 3 ? t : t with { Head = t.Base * 1.005 }),
        ];
        var verdicts = new PairedVerdicts(new JudgementOptions());
        Assert.That(
            PairedBounds
                .Of(
                    [
                        .. turns
                            .GroupBy(t => t.Workers)
                            .Select(g => g.Select(t => t.Head / t.Base).ToArray()),
                    ],
                    0.01
                )!
                .Value.Low,
            Is.GreaterThan(1.01)
        );
        verdicts.Look(turns, ["row"], 1);
        Assert.That(verdicts.Of("row"), Is.EqualTo(verdict));
    }

    [TestCase(false, "unclear")]
    [TestCase(true, "slower")]
    [TestCase(null, "slower")]
    public void Pairs_that_have_not_settled_do_not_count(bool? settled, string verdict)
    {
        TurnPair[] turns =
        [
            .. Turns(10, 1.1).Select(t => t.Workers > 1 ? t : t with { Settled = settled }),
        ];
        var verdicts = new PairedVerdicts(new JudgementOptions());
        verdicts.Look(turns, ["row"], 1);
        Assert.That(verdicts.Of("row"), Is.EqualTo(verdict));
    }

    private static TurnPair[] Turns(int pairs, double ratio) =>
        [
            .. Enumerable
                .Range(0, 5 * pairs)
                .Select(i => new TurnPair(
                    "row",
                    1 + (i % pairs),
                    1,
                    ratio * (1 + (0.001 * (i % pairs)))
                )),
        ];

    // Short steps are many before the runtime begins to count calls, and then as many as are called for; long ones are few.
    [TestCase(1, 200 + SettledCode.Steps)]
    [TestCase(4, 50 + SettledCode.Steps)]
    [TestCase(100, 2 + 10)]
    [TestCase(5000, 1 + 1)]
    public void Code_settles_some_steps_after_the_last_was_compiled(int milliseconds, int steps)
    {
        var code = new SettledCode();
        int time = 1000;
        Step(4);
        Step(4);
        Step(5);
        Assert.That(code.Is, Is.False, "after a method was compiled");
        Assert.That(Until(5), Is.EqualTo(steps));
        Step(5);
        Assert.That(code.Is, Is.True);
        Step(6);
        Assert.That(code.Is, Is.True, "what is compiled later is no part of a step");

        void Step(int methods) =>
            code.Step(
                methods,
                TimeSpan.FromMilliseconds(time),
                TimeSpan.FromMilliseconds(time += milliseconds),
                milliseconds
            );

        int Until(int methods)
        {
            int count = 0;
            for (; !code.Is; count++)
                Step(methods);
            return count;
        }
    }

    // A pause has the runtime begin to count, and calls nothing.
    [Test]
    public void A_pause_is_no_step()
    {
        var code = new SettledCode();
        code.Step(1, TimeSpan.Zero, TimeSpan.FromMilliseconds(1), 1);
        for (int i = 0; i < SettledCode.Steps; i++)
        {
            Assert.That(code.Is, Is.False);
            var now = TimeSpan.FromSeconds(5 + (0.001 * i));
            code.Step(1, now, now, 1);
        }
        Assert.That(code.Is, Is.True);
    }
}
