using System.Collections.Concurrent;
using NUnit.Framework;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>
/// How often <c>bench --paired</c> would accuse unchanged code, and find slower code, by replays of turns that were recorded of
/// a program against itself: <c>Tests/Scripts/paired.sh record</c> makes such a recording.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
[Category("Long")]
public sealed class PairedSimulationTests
{
    private const int Replays = 10_000;

    /// <summary>All recordings that there are, by name.</summary>
    private static readonly string[] Names =
    [
        .. typeof(PairedSimulationTests)
            .Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(PairedRecording.Folder, StringComparison.Ordinal))
            .Order(),
    ];

    [TestCaseSource(nameof(Names))]
    public void Unchanged_code_is_accused_in_one_run_of_a_hundred_at_most(string name)
    {
        PairedRecording recording = PairedRecording.Read(name);
        Assert.That(Replay(recording, 1, waves: 1).Accused, Is.LessThanOrEqualTo(Replays / 100));
        Assert.That(Replay(recording, 1, waves: 5).Accused, Is.LessThanOrEqualTo(Replays / 100));
    }

    // As a loaded machine leaves it: few rounds of few processes.
    [TestCaseSource(nameof(Names))]
    public void Unchanged_code_of_few_rounds_is_accused_in_one_run_of_a_hundred_at_most(string name)
    {
        PairedRecording recording = PairedRecording.Read(name);
        foreach (int rounds in (int[])[3, 5, 8, 15])
        {
            var how = new PairedReplay { Pairs = 10, Rounds = rounds };
            Assert.That(
                Replay(recording, 1, waves: 1, how).Accused,
                Is.LessThanOrEqualTo(Replays / 100),
                $"{rounds} rounds"
            );
        }
    }

    // Whole processes that are slow: some in slow code throughout, or with tails as heavy as Cauchy's.
    private static readonly (string Name, Func<Random, double> Effect)[] Effects =
    [
        ("a third takes three times as long", random => random.Next(3) == 0 ? 3 : 1),
        ("one of ten takes 15% longer", random => random.Next(10) == 0 ? 1.15 : 1),
        (
            "Cauchy's",
            random =>
                Math.Exp(Math.Clamp(0.05 * Math.Tan(Math.PI * (random.NextDouble() - 0.5)), -5, 5))
        ),
    ];

    [TestCaseSource(nameof(Names))]
    public void Processes_that_are_slow_as_a_whole_accuse_no_program(string name)
    {
        PairedRecording recording = PairedRecording.Read(name);
        foreach ((string what, Func<Random, double> effect) in Effects)
        {
            foreach (int rounds in (int[])[3, 15])
            {
                foreach (int pairs in (int[])[10, 16])
                {
                    var how = new PairedReplay
                    {
                        Pairs = pairs,
                        Rounds = rounds,
                        Effect = effect,
                    };
                    Assert.That(
                        Replay(recording, 1, waves: 1, how).Accused,
                        Is.LessThanOrEqualTo(Replays / 100),
                        what
                    );
                }
            }
        }
    }

    // Of a machine that others load as they like this is told, and nothing is promised.
    [TestCaseSource(nameof(Names))]
    public void Slower_code_is_found(string name)
    {
        PairedRecording recording = PairedRecording.Read(name);
        Outcome tenth = Replay(recording, 1.1, waves: 1);
        Outcome third = Replay(recording, 1.03, waves: 5);
        Assert.That(tenth.Praised, Is.LessThanOrEqualTo(Replays / 100));
        Assert.That(third.Praised, Is.LessThanOrEqualTo(Replays / 100));
        if (!name.Contains("loaded", StringComparison.Ordinal))
            Assert.That(tenth.Found, Is.GreaterThanOrEqualTo(0.95 * Replays));
        if (name.Contains("quiet", StringComparison.Ordinal))
            Assert.That(third.Found, Is.GreaterThanOrEqualTo(0.8 * Replays));
    }

    // Code of the first row is slower, and that of the others is not.
    private static Outcome Replay(
        PairedRecording recording,
        double slower,
        int waves,
        PairedReplay? how = null
    )
    {
        int accused = 0;
        int found = 0;
        int praised = 0;
        Parallel.ForEach(
            Partitioner.Create(0, Replays),
            range =>
            {
                for (int i = range.Item1; i < range.Item2; i++)
                {
                    PairedVerdicts verdicts = recording.Replay(slower, waves, new Random(i), how);
                    string[] of = [.. recording.Rows.Select(verdicts.Of)];
                    if (of.Skip(slower > 1 ? 1 : 0).Contains(RowVerdict.Slower))
                        Interlocked.Increment(ref accused);
                    if (of[0] == RowVerdict.Slower)
                        Interlocked.Increment(ref found);
                    if (of[0] == RowVerdict.Faster)
                        Interlocked.Increment(ref praised);
                }
            }
        );
        TestContext.Out.WriteLine(
            $"{recording.Name}, {how?.Pairs ?? recording.PairsOfAWave} pairs of processes a wave, rounds {how?.Rounds}, {(how?.Effect is null ? "as recorded" : "slow as a whole")}, waves {waves}, x {slower}: found {found}, others accused {accused}, praised {praised} of {Replays}"
        );
        return new Outcome(slower > 1 ? accused : Math.Max(accused, found), found, praised);
    }

    private readonly record struct Outcome(int Accused, int Found, int Praised);
}
