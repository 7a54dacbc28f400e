using System.Text.Json.Nodes;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>Turns of a program against itself, as <c>bench --paired --json</c> recorded them, to draw runs from.</summary>
internal sealed class PairedRecording
{
    public const string Folder = "rounds/";

    // Of a wave's turns, where half of the time after the processes' start is over.
    private const double Middle = 0.7;

    // By row and by pair of processes.
    private readonly TurnPair[][][] _turns;

    private PairedRecording(string name, string[] rows, TurnPair[][][] turns, int pairs) =>
        (Name, Rows, _turns, PairsOfAWave) = (name, rows, turns, pairs);

    public string Name { get; }

    public string[] Rows { get; }

    public int PairsOfAWave { get; }

    public static PairedRecording Read(string name)
    {
        using Stream stream =
            typeof(PairedRecording).Assembly.GetManifestResourceStream(name)
            ?? throw new FileNotFoundException(name);
        TurnPair[] all =
        [
            .. JsonNode.Parse(stream)!["pairs"]!
                .AsArray()
                .Select(turn => new TurnPair(
                    (string)turn!["name"]!,
                    (int)turn["workers"]!,
                    (double)turn["base"]!,
                    (double)turn["head"]!
                )
                {
                    BaseProcessor = (double?)turn["base_processor"],
                    HeadProcessor = (double?)turn["head_processor"],
                }),
        ];
        string[] rows = [.. all.Select(t => t.Name).Distinct()];
        // In a round each pair of processes takes its turns once.
        var first = new HashSet<int>();
        foreach (TurnPair turn in all.Where(t => t.Workers > 0 && t.Name == rows[0]))
        {
            if (!first.Add(turn.Workers))
                break;
        }
        return new PairedRecording(
            name[Folder.Length..],
            rows,
            [
                .. rows.Select(row =>
                    all.Where(t => t.Workers > 0 && t.Name == row)
                        .GroupBy(t => t.Workers)
                        .Select(group => group.ToArray())
                        .ToArray()
                ),
            ],
            first.Count
        );
    }

    /// <summary>
    /// A run: its pairs of processes are drawn from the recorded ones, and which of the two is the base; the head's turns of the
    /// first row take longer.
    /// </summary>
    public PairedVerdicts Replay(double slower, int waves, Random random, PairedReplay? how = null)
    {
        int pairs = how?.Pairs ?? Math.Max(PairsOfAWave, PairedPlan.LeastPairs);
        var verdicts = new PairedVerdicts(new JudgementOptions());
        var before = new List<TurnPair>();
        int number = 0;
        for (int wave = 0; wave < waves && !verdicts.AreAll(Rows); wave++)
        {
            Drawn[] drawn = [.. Enumerable.Range(0, pairs).Select(_ => Draw(random, how))];
            foreach (double part in (double[])[Middle, 1])
            {
                TurnPair[] now =
                [
                    .. drawn.SelectMany((d, i) => Turns(d, number + i + 1, part, slower)),
                ];
                verdicts.Look([.. before, .. now], Rows, (wave + part) / waves);
                if (part == 1)
                    before.AddRange(now);
            }
            number += pairs;
        }
        return verdicts;
    }

    private Drawn Draw(Random random, PairedReplay? how)
    {
        int pair = random.Next(_turns[0].Length);
        int all = _turns[0][pair].Length;
        int rounds = Math.Min(how?.Rounds ?? all, all);
        return new Drawn(
            pair,
            random.Next(2) == 0,
            random.Next(all - rounds + 1),
            rounds,
            how?.Effect?.Invoke(random) ?? 1,
            how?.Effect?.Invoke(random) ?? 1
        );
    }

    private IEnumerable<TurnPair> Turns(Drawn drawn, int number, double part, double slower)
    {
        for (int row = 0; row < Rows.Length; row++)
        {
            double before = drawn.Base;
            double after = drawn.Head * (row == 0 ? slower : 1);
            TurnPair[] turns = _turns[row][drawn.Pair];
            int count = part < 1 ? drawn.Rounds / 2 : drawn.Rounds;
            for (int i = 0; i < count; i++)
            {
                TurnPair t = turns[drawn.First + i];
                (double one, double other) = drawn.Swap ? (t.Head, t.Base) : (t.Base, t.Head);
                (double? first, double? last) = drawn.Swap
                    ? (t.HeadProcessor, t.BaseProcessor)
                    : (t.BaseProcessor, t.HeadProcessor);
                yield return new TurnPair(Rows[row], number, one * before, other * after)
                {
                    BaseProcessor = first * before,
                    HeadProcessor = last * after,
                };
            }
        }
    }

    // Of a pair of processes: its recorded one, which of them is the base, its rounds, and what the whole of each takes longer by.
    private readonly record struct Drawn(
        int Pair,
        bool Swap,
        int First,
        int Rounds,
        double Base,
        double Head
    );
}

/// <summary>How a run differs from those that were recorded.</summary>
internal sealed record PairedReplay
{
    /// <summary>Pairs of processes of a wave; null for as many as were recorded, and ten at least.</summary>
    public int? Pairs { get; init; }

    /// <summary>Rounds that follow each other, from anywhere of what was recorded; null for all.</summary>
    public int? Rounds { get; init; }

    /// <summary>Draws what all turns of a process take longer by.</summary>
    public Func<Random, double>? Effect { get; init; }
}
