using System.Text;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using Sequor.Workloads;
using Measurement = BenchmarkDotNet.Reports.Measurement;

namespace Sequor.BenchmarkDotNet;

/// <summary>
/// Writes a summary as sequor.suites/1 (docs/json.md), which <c>sequor compare</c> reads: times by launches, and what benchmarks reported
/// of the device. It comes with <see cref="SequorDiagnoser"/>.
/// </summary>
public sealed class SequorJsonExporter : ExporterBase
{
    private const double NanosecondsOfMillisecond = 1e6;

    // To the nanosecond of a millisecond's figure, and finer than any clock.
    private const int Digits = 7;

    private readonly IReadOnlyDictionary<BenchmarkCase, DiagnosticsRecord> _records;

    internal SequorJsonExporter(IReadOnlyDictionary<BenchmarkCase, DiagnosticsRecord> records) =>
        _records = records;

    /// <inheritdoc/>
    protected override string FileExtension => "json";

    /// <inheritdoc/>
    protected override string FileNameSuffix => "-sequor";

    /// <inheritdoc/>
    public override void ExportToLog(Summary summary, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(summary);
        ArgumentNullException.ThrowIfNull(logger);
        logger.WriteLine(
            Encoding.UTF8.GetString(ReportWriter.ToUtf8(Report(summary, DateTimeOffset.Now)))
        );
    }

    /// <summary>The report of a summary.</summary>
    internal SuitesReport Report(Summary summary, DateTimeOffset now)
    {
        BenchmarkCase[] without =
        [
            .. summary.BenchmarksCases.Where(benchmark =>
                !summary.HasReport(benchmark) || Runs(summary[benchmark]!).Length == 0
            ),
        ];
        // Where several jobs ran a benchmark, only this tells which one it was.
        bool jobs =
            summary.BenchmarksCases.Select(FullName).Distinct().Count()
            < summary.BenchmarksCases.Length;
        return new SuitesReport
        {
            Status = without.Length > 0 ? RunStatus.Failed : RunStatus.Finished,
            Reason =
                without.Length > 0
                    ? $"No result of {string.Join(", ", without.Select(FullName))}."
                    : null,
            Title = summary.Title,
            Machine = Machine.Read(),
            Date = ReportWriter.Date(now),
            Results =
            [
                .. summary
                    .BenchmarksCases.Except(without)
                    .Select(benchmark =>
                        Of(summary[benchmark]!, jobs ? benchmark.DisplayInfo : FullName(benchmark))
                    ),
            ],
        };
    }

    private SuiteResult Of(BenchmarkReport report, string name)
    {
        Measurement[] runs = Runs(report);
        double[] samples = [.. runs.Select(Milliseconds)];
        return new SuiteResult
        {
            Name = name,
            Ms = new Spread(
                Round(Statistics.Median(samples)),
                Round(Statistics.Percentile(samples, 0.05)),
                Round(Statistics.Percentile(samples, 0.95))
            ),
            RoundsMs =
            [
                .. runs.GroupBy(run => run.LaunchIndex)
                    .Select(launch => Round(Statistics.Median(launch.Select(Milliseconds)))),
            ],
            ManagedBytes = report.Metrics.TryGetValue("Allocated Memory", out Metric? allocated)
                ? (long)allocated.Value
                : null,
            OnDevice = _records.TryGetValue(report.BenchmarkCase, out DiagnosticsRecord? record)
                ? OnDevice(record)
                : null,
        };
    }

    private static DeviceResult OnDevice(DiagnosticsRecord record) =>
        new()
        {
            Device = record.Device,
            Threads = record.Threads,
            VectorBits = record.VectorBits,
            Gpu = record.Gpu,
            Ms = Round(record.DeviceMs),
            Launches = record.Launches,
            BytesMoved = record.BytesMoved,
            BytesUnknown = record.BytesUnknown,
            Flops = record.Flops,
            FloorMs = record.FloorMs is { } floor ? Round(floor) : null,
            PeakBytes = record.PeakBytes.Values.Sum(),
            MemoryBytes = MemoryBytes.Of(record.PeakBytes),
            Peaks = record.Peaks,
        };

    // Measured iterations, their overhead taken off.
    private static Measurement[] Runs(BenchmarkReport report) =>
        [
            .. report.AllMeasurements.Where(run =>
                run
                    is {
                        IterationMode: IterationMode.Workload,
                        IterationStage: IterationStage.Result
                    }
            ),
        ];

    private static double Milliseconds(Measurement run) =>
        run.Nanoseconds / run.Operations / NanosecondsOfMillisecond;

    private static string FullName(BenchmarkCase benchmark) =>
        FullNameProvider.GetBenchmarkName(benchmark);

    private static double Round(double milliseconds) => Math.Round(milliseconds, Digits);
}
