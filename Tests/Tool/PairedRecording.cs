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
    public PairedVerdicts Replay(double slower, int waves, Random random)
    {
        var verdicts = new PairedVerdicts(new JudgementOptions());
        var before = new List<TurnPair>();
        int number = 0;
        for (int wave = 0; wave < waves && !verdicts.AreAll(Rows); wave++)
        {
            (int Pair, bool Swap)[] drawn =
            [
                .. Enumerable
                    .Range(0, PairsOfAWave)
                    .Select(_ => (random.Next(_turns[0].Length), random.Next(2) == 0)),
            ];
            foreach (double part in (double[])[Middle, 1])
            {
                TurnPair[] now =
                [
                    .. drawn.SelectMany(
                        (d, i) => Turns(d.Pair, d.Swap, number + i + 1, part, slower)
                    ),
                ];
                verdicts.Look([.. before, .. now], Rows, (wave + part) / waves);
                if (part == 1)
                    before.AddRange(now);
            }
            number += PairsOfAWave;
        }
        return verdicts;
    }

    private IEnumerable<TurnPair> Turns(int pair, bool swap, int number, double part, double slower)
    {
        for (int row = 0; row < Rows.Length; row++)
        {
            double factor = row == 0 ? slower : 1;
            TurnPair[] turns = _turns[row][pair];
            int count = part < 1 ? turns.Length / 2 : turns.Length;
            for (int i = 0; i < count; i++)
            {
                TurnPair t = turns[i];
                yield return swap
                    ? new TurnPair(Rows[row], number, t.Head, t.Base * factor)
                    {
                        BaseProcessor = t.HeadProcessor,
                        HeadProcessor = t.BaseProcessor * factor,
                    }
                    : new TurnPair(Rows[row], number, t.Base, t.Head * factor)
                    {
                        BaseProcessor = t.BaseProcessor,
                        HeadProcessor = t.HeadProcessor * factor,
                    };
            }
        }
    }
}
