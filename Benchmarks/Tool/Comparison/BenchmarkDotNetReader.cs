using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// Reads BenchmarkDotNet's full JSON (<c>JsonExporter.Full</c>). A launch is a process, and so a round: its figure is the median
/// of its iterations.
/// </summary>
internal sealed class BenchmarkDotNetReader : FigureReader
{
    private const double NanosecondsOfMillisecond = 1e6;

    public override string Format => "BenchmarkDotNet";

    public override bool Reads(FigureJson file) =>
        file.Maybe("HostEnvironmentInfo") is not null && file.Maybe("Benchmarks") is not null;

    public override FigureFile Read(FigureJson file)
    {
        FigureJson host = file["HostEnvironmentInfo"];
        var conditions = new List<Condition>();
        foreach (
            (string key, Agreement agreement) in ((string, Agreement)[])
                [
                    ("ProcessorName", Agreement.Times),
                    ("LogicalCoreCount", Agreement.Times),
                    ("Architecture", Agreement.Times),
                    ("Configuration", Agreement.Always),
                    ("OsVersion", Agreement.Told),
                    ("RuntimeVersion", Agreement.Told),
                    ("BenchmarkDotNetVersion", Agreement.Told),
                ]
        )
        {
            if (host.Maybe(key)?.Value() is { } value)
                conditions.Add(new Condition(key, value, agreement));
        }
        IReadOnlyList<FigureJson> benchmarks = file["Benchmarks"].Items();
        // Where several jobs ran a benchmark, only this tells which one it was.
        bool jobs =
            benchmarks.Select(b => b["FullName"].Text()).Distinct().Count() < benchmarks.Count;
        return new FigureFile(
            conditions,
            [.. benchmarks.SelectMany(b => Of(b, b[jobs ? "DisplayInfo" : "FullName"].Text()))]
        )
        {
            Run = file.Maybe("Title")?.Text(),
        };
    }

    private static IEnumerable<Figure> Of(FigureJson benchmark, string name)
    {
        var subject = new Subject(name, "", "");
        if (benchmark.Maybe("Measurements") is not { } measurements)
            throw new FigureException(
                $"{subject} has no measurements; only the full exporter writes them"
            );
        double[] rounds =
        [
            .. measurements
                .Items()
                .Where(IsResult)
                .GroupBy(m => m["LaunchIndex"].Count())
                .Select(launch =>
                    Statistics.Median(
                        launch.Select(m => m["Nanoseconds"].Time() / m["Operations"].Time())
                    ) / NanosecondsOfMillisecond
                ),
        ];
        if (rounds.Length > 0)
            yield return new Figure(subject, "ms", FigureKind.Timed, "ms", rounds);
        if (benchmark.Maybe("Memory")?.Maybe("BytesAllocatedPerOperation")?.Count() is { } bytes)
            yield return new Figure(
                subject,
                "allocated_bytes",
                FigureKind.Counted,
                "bytes",
                [bytes]
            );
    }

    // Of a measured iteration, its overhead taken off.
    private static bool IsResult(FigureJson measurement) =>
        measurement["IterationMode"].Text() == "Workload"
        && measurement["IterationStage"].Text() == "Result";
}
