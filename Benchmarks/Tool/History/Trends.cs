using System.Globalization;
using System.Text.Json;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>Reads the lines of a history and sorts them: by machine, by commit, by figure.</summary>
internal static class Trends
{
    private const string Unknown = "unknown";

    private static readonly BenchReader Reader = new();

    /// <summary>The trends of a history.</summary>
    /// <param name="path">Its name, for the report.</param>
    /// <param name="bytes">Its lines.</param>
    /// <exception cref="UsageException">No line can be read.</exception>
    public static TrendReport Of(string path, ReadOnlyMemory<byte> bytes)
    {
        var runs = new List<Run>();
        var damaged = new List<DamagedLine>();
        int number = 0;
        int lines = 0;
        while (!bytes.IsEmpty)
        {
            int end = bytes.Span.IndexOf((byte)'\n');
            ReadOnlyMemory<byte> line = end < 0 ? bytes : bytes[..end];
            bytes = end < 0 ? default : bytes[(end + 1)..];
            number++;
            if (line.Span.Trim(" \t\r"u8).IsEmpty)
                continue;
            lines++;
            try
            {
                runs.Add(ReadLine(line));
            }
            catch (Exception e) when (e is FigureException or JsonException)
            {
                damaged.Add(
                    new DamagedLine(
                        number,
                        e is JsonException ? "is damaged or cut off: no JSON" : e.Message
                    )
                );
            }
        }
        if (runs.Count == 0)
            throw new UsageException(
                damaged.Count == 0
                    ? $"'{path}' has no line; bench --history writes them"
                    : $"'{path}' has no line of {HistoryLine.Schema}; line {damaged[0].Line} {damaged[0].Reason}"
            );
        IGrouping<string, Run>[] machines = [.. runs.GroupBy(run => run.Key)];
        string[] names = Names([.. machines.Select(m => m.First().Conditions)]);
        return new TrendReport
        {
            File = path,
            Lines = lines,
            Damaged = damaged,
            Machines = [.. machines.Select((m, i) => Machine(names[i], [.. m]))],
        };
    }

    private static Run ReadLine(ReadOnlyMemory<byte> line)
    {
        using JsonDocument document = JsonDocument.Parse(line);
        var json = new FigureJson(document.RootElement);
        string? schema = FigureReader.Schema(json);
        if (schema != HistoryLine.Schema)
            throw new FigureException(
                schema is null
                    ? $"names no schema, where {HistoryLine.Schema} belongs"
                    : $"is {Printable.Shortened(schema, 60)}, and not {HistoryLine.Schema}"
            );
        FigureFile file = Reader.Read(json);
        return new Run(
            [.. file.Conditions.Where(c => c.Agreement != Agreement.Told)],
            json["machine"].Maybe("commit")?.Text() ?? Unknown,
            json["date"].Text(),
            file.Figures
        );
    }

    private static TrendMachine Machine(string name, IReadOnlyList<Run> runs)
    {
        // Of a build that knows no commit nothing says that two runs are of the same code.
        int unknown = 0;
        IReadOnlyList<Run>[] commits =
        [
            .. runs.GroupBy(run =>
                    run.Commit == Unknown
                        ? string.Create(CultureInfo.InvariantCulture, $"{Unknown} {unknown++}")
                        : run.Commit
                )
                .Select(group => (IReadOnlyList<Run>)[.. group]),
        ];
        var series =
            new Dictionary<(string Name, string Metric), (Figure Figure, List<double>?[] Values)>();
        for (int c = 0; c < commits.Length; c++)
        {
            foreach (Figure figure in commits[c].SelectMany(run => run.Figures))
            {
                string subject =
                    figure.Subject.Size.Length > 0
                        ? $"{figure.Name}, {figure.Subject.Size}"
                        : figure.Name;
                if (!series.TryGetValue((subject, figure.Metric), out var found))
                    series[(subject, figure.Metric)] = found = (
                        figure,
                        new List<double>?[commits.Length]
                    );
                (found.Values[c] ??= []).AddRange(figure.Values);
            }
        }
        TrendCommit[] named =
        [
            .. commits.Select(c => new TrendCommit(c[0].Commit, c[0].Date, c.Count)),
        ];
        return new TrendMachine
        {
            Name = name,
            Conditions = [.. runs[0].Conditions.Select(c => new TrendCondition(c.Name, c.Value))],
            Commits = named,
            Series =
            [
                .. series.Select(s => Series(s.Key.Name, s.Value.Figure, s.Value.Values, named)),
            ],
        };
    }

    private static TrendSeries Series(
        string name,
        Figure figure,
        List<double>?[] values,
        TrendCommit[] commits
    )
    {
        bool counted = figure.Kind == FigureKind.Counted;
        double?[] points =
        [
            .. values.Select(v =>
                v is null ? null : (double?)(counted ? v.Max() : Statistics.Median(v))
            ),
        ];
        int[] there = [.. Enumerable.Range(0, points.Length).Where(i => points[i] is not null)];
        double[] known = [.. there.Select(i => points[i]!.Value)];
        return new TrendSeries(
            name,
            figure.Metric,
            figure.Unit,
            points,
            [
                .. (counted ? ChangePoints.OfCounts(known) : ChangePoints.OfTimes(known)).Select(
                    change => new TrendChange(
                        there[change.At],
                        commits[there[change.At]].Commit,
                        change.Before,
                        change.After,
                        change.Before > 0 ? Math.Round(change.After / change.Before, 6) : null
                    )
                ),
            ]
        );
    }

    // What all machines have in common tells none from another, but for the processor.
    private static string[] Names(IReadOnlyList<IReadOnlyList<Condition>> machines)
    {
        HashSet<string> telling =
        [
            "cpu",
            "GPU",
            "task",
            .. machines
                .SelectMany(m => m)
                .GroupBy(c => c.Name)
                .Where(g =>
                    g.Count() < machines.Count || g.Select(c => c.Value).Distinct().Count() > 1
                )
                .Select(g => g.Key),
        ];
        return
        [
            .. machines.Select(m =>
                string.Join(
                    ", ",
                    m.Where(c => telling.Contains(c.Name))
                        .Select(c => c.Name is "cpu" or "GPU" ? c.Value : $"{c.Name} {c.Value}")
                )
            ),
        ];
    }

    private sealed record Run(
        IReadOnlyList<Condition> Conditions,
        string Commit,
        string Date,
        IReadOnlyList<Figure> Figures
    )
    {
        public string Key { get; } =
            string.Join('\n', Conditions.Select(c => $"{c.Name}={c.Value}"));
    }
}
