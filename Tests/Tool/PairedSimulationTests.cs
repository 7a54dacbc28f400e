using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>
/// How often <c>bench --paired</c> would accuse unchanged code, and find slower code, by replays of rounds that were recorded of
/// two processes of the same program.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
[Category("Long")]
public sealed class PairedSimulationTests
{
    private const int Replays = 10_000;
    private const string Row = "row";

    // Rounds of pairs of processes, as they were recorded, and how many pairs two minutes had room for.
    private static (double[][] Base, double[][] Head) Recorded(string name)
    {
        using Stream stream = typeof(PairedSimulationTests).Assembly.GetManifestResourceStream(
            $"rounds/{name}"
        )!;
        JsonNode report = JsonNode.Parse(stream)!;
        IGrouping<int, JsonNode?>[] workers =
        [
            .. report["pairs"]!.AsArray().GroupBy(pair => (int)pair!["workers"]!),
        ];
        return (Times("base"), Times("head"));

        double[][] Times(string side) =>
            [.. workers.Select(w => w.Select(pair => (double)pair![side]!).ToArray())];
    }

    // The verdict of a run whose processes are drawn from the recorded ones.
    private static string Replay(
        (double[][] Base, double[][] Head) recorded,
        double slower,
        int most,
        Random random
    )
    {
        PairedPlan plan = PairedPlan.Of(TimeSpan.FromMinutes(2));
        var verdicts = new PairedVerdicts(new JudgementOptions());
        var pairs = new List<TurnPair>();
        int look = 0;
        for (int w = 1; w <= most && !verdicts.AreAll([Row]); w++)
        {
            int drawn = random.Next(recorded.Base.Length);
            bool swap = random.Next(2) == 0;
            (double[] before, double[] after) = swap
                ? (recorded.Head[drawn], recorded.Base[drawn])
                : (recorded.Base[drawn], recorded.Head[drawn]);
            for (int round = 0; round < before.Length; round++)
                pairs.Add(new TurnPair(Row, w, before[round], after[round] * slower));
            if (plan.IsLook(w) || w == most)
                verdicts.Look(pairs, [Row], PairedPlan.Share(++look));
        }
        return verdicts.Of(Row);
    }

    [TestCase("paired-loaded.json", 8)]
    [TestCase("paired-loaded-2.json", 8)]
    public void Unchanged_code_is_accused_in_one_run_of_a_hundred_at_most(string name, int workers)
    {
        (double[][] Base, double[][] Head) recorded = Recorded(name);
        foreach (double slower in (double[])[1, 1.03, 1.1])
        {
            int[] verdicts = new int[Replays];
            Parallel.For(
                0,
                Replays,
                i =>
                    verdicts[i] = RowVerdict
                        .All.ToList()
                        .IndexOf(Replay(recorded, slower, workers, new Random(i)))
            );
            string counts = string.Join(
                ", ",
                verdicts.CountBy(v => v).Select(v => $"{v.Value} {RowVerdict.All[v.Key]}")
            );
            TestContext.Out.WriteLine(
                $"{name}, {workers} pairs of processes at most, x {slower}: {counts}"
            );
            int accused = verdicts.Count(v => RowVerdict.All[v] is RowVerdict.Slower);
            int praised = verdicts.Count(v => RowVerdict.All[v] is RowVerdict.Faster);
            if (slower == 1)
                Assert.That(accused, Is.LessThanOrEqualTo(Replays / 100), counts);
            Assert.That(praised, Is.LessThanOrEqualTo(Replays / 100), counts);
        }
    }
}
