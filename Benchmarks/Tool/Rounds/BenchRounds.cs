using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// Measures in rounds, each a process of its own with memory and compiled code of its own: what differs between two runs of a
/// program differs between two rounds.
/// </summary>
internal static class BenchRounds
{
    // A process measures for 60 seconds at most at each length, and makes its models before.
    private static readonly TimeSpan Patience = TimeSpan.FromHours(6);

    /// <summary>Runs the rounds, one after the other.</summary>
    /// <param name="words">The command line of a round, without outputs.</param>
    /// <param name="rounds">How many.</param>
    /// <param name="progress">Called with the number of rounds done.</param>
    /// <param name="ended">Given the report of each round.</param>
    /// <param name="stop">Ends the round that is under way, and its process.</param>
    /// <exception cref="FailureException">A round failed.</exception>
    public static void Run(
        IReadOnlyList<string> words,
        int rounds,
        Action<int> progress,
        Action<BenchReport> ended,
        CancellationToken stop
    )
    {
        for (int i = 0; i < rounds && !stop.IsCancellationRequested; i++)
        {
            progress(i);
            string what = FormattableString.Invariant($"round {i + 1}");
            using var child = new ChildProcess(OwnProgram.Start([.. words, "--json", "-"]), what);
            try
            {
                ended(
                    ReportWriter.ReadBench(child.ReadToEnd(Patience, stop))
                        ?? throw new JsonException("there is no report")
                );
            }
            catch (JsonException e) when (!stop.IsCancellationRequested)
            {
                throw new FailureException($"{what} gave no report: {e.Message}", e);
            }
            // A signal to the group of both ends the round by itself.
            catch (Exception e)
                when (e is OperationCanceledException
                    || (e is FailureException && stop.IsCancellationRequested)
                )
            {
                return;
            }
        }
    }

    /// <summary>The words of a command line that say what is measured and how, without these options and their values.</summary>
    public static IReadOnlyList<string> Words(ParseResult result, params Option[] without)
    {
        var words = new List<string> { result.CommandResult.Command.Name };
        bool left = false;
        foreach (Token token in result.Tokens)
        {
            if (token.Type == TokenType.Option)
                left = without.Any(option => option.Name == token.Value);
            if (token.Type is TokenType.Option or TokenType.Argument && !left)
                words.Add(token.Value);
        }
        return words;
    }

    /// <summary>One result an architecture and length, of the rounds that all of them are in.</summary>
    public static BenchResult[] Merge(IReadOnlyList<BenchReport> reports) =>
        reports.Count == 0
            ? []
            :
            [
                .. reports[0]
                    .Results.Select(
                        (_, i) => Merge([.. reports.Select(report => report.Results[i])])
                    ),
            ];

    // Times are medians over the rounds, and what is counted the most of them.
    private static BenchResult Merge(BenchResult[] rounds)
    {
        double[] medians = [.. rounds.Select(r => r.StepMs.Median)];
        BenchResult most = rounds.MaxBy(r => r.PeakBytes)!;
        double[] samples = [.. rounds.SelectMany(r => r.SamplesMs)];
        double median = Statistics.Median(medians);
        return most with
        {
            StepMs = Spread.Of(samples) with { Median = Math.Round(median, 4) },
            SamplesMs = samples,
            RoundsMs = medians,
            ForwardMs = Of(r => r.ForwardMs),
            BackwardMs = Of(r => r.BackwardMs),
            OptimizerMs = Of(r => r.OptimizerMs),
            TokensPerS = Math.Round(most.SequenceLength * most.Batch / (median / 1000), 1),
            AllocationsPerStep = rounds.Max(r => r.AllocationsPerStep),
            NativeAllocationsPerStep = rounds.Max(r => r.NativeAllocationsPerStep),
            ManagedBytesPerStep = rounds.Max(r => r.ManagedBytesPerStep),
            GraphNodes = rounds.Max(r => r.GraphNodes),
            BytesMoved = rounds.Max(r => r.BytesMoved),
            Flops = rounds.Max(r => r.Flops),
            Launches = rounds.Max(r => r.Launches),
            FloorMs = OfAll(r => r.FloorMs),
            HostMs = OfAll(r => r.HostMs),
            HostProcessorMs = OfAll(r => r.HostProcessorMs),
            Work = StepWork.Merge([.. rounds.Select(r => r.Work)]),
            GpuConditions = GpuConditionsReport.Merge(
                [.. rounds.Select(r => r.GpuConditions)],
                samples.Length
            ),
        };

        double Of(Func<BenchResult, double> time) =>
            Math.Round(Statistics.Median(rounds.Select(time)), 4);

        double? OfAll(Func<BenchResult, double?> time) =>
            rounds.All(r => time(r) is not null) ? Of(r => time(r)!.Value) : null;
    }
}
