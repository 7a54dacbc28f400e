using System.Diagnostics;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.BenchmarkDotNet;

/// <summary>What a benchmark says of its work, for <see cref="SequorDiagnoser"/>.</summary>
/// <example>
/// <code>
/// [SequorDiagnoser]
/// public class GruBenchmark
/// {
///     [GlobalSetup] public void SetUp() { ... }
///
///     [Benchmark] public void Forward() { Queue(); _backend.Synchronize(); }
///
///     [GlobalCleanup]
///     public void CleanUp()
///     {
///         SequorDiagnostics.Report(_backend, Queue);
///         _plan.Dispose(); _model.Dispose(); _backend.Dispose();
///     }
///
///     private void Queue() => _plan.Forward(_input);
/// }
/// </code>
/// </example>
public static class SequorDiagnostics
{
    private const int Least = 3;
    private const int Most = 101;
    private static readonly TimeSpan Enough = TimeSpan.FromMilliseconds(250);

    // A process of BenchmarkDotNet's has one device as a rule, whose peaks need no second look.
    private static readonly Dictionary<string, MachinePeaks?> Peaks = [];

    /// <summary>Whether a diagnoser asked for a report; else a report does nothing.</summary>
    public static bool IsAsked => Target is not null;

    private static string? Target =>
        Environment.GetEnvironmentVariable(DiagnosticsRecord.Variable) is { Length: > 0 } path
            ? path
            : null;

    /// <summary>
    /// Runs the work of a benchmark some more times, after BenchmarkDotNet has measured it, and reports what it takes: time between
    /// two marks in the device's queue, which are events on a GPU; launches, bytes and operations, counted; the most memory by
    /// category that the backend has had; and how near it comes to what the machine does at most, which is measured once a
    /// process in less than a second. It is called in a GlobalCleanup, before anything is disposed. Does nothing where no
    /// diagnoser asked.
    /// </summary>
    /// <param name="backend">What the work runs on.</param>
    /// <param name="work">What the benchmark queues, without waiting for it: what waits is timed as well.</param>
    /// <param name="options">What has to come before, and more; null for nothing.</param>
    /// <exception cref="ArgumentOutOfRangeException"><see cref="ReportOptions.OperationsPerInvoke"/> is below 1.</exception>
    public static void Report(Backend backend, Action work, ReportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(work);
        options ??= new ReportOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(
            options.OperationsPerInvoke,
            1,
            nameof(options)
        );
        if (Target is { } path)
            Measure(backend, work, options).WriteTo(path);
    }

    /// <summary>The same, of work on a plan's backend.</summary>
    /// <param name="plan">The plan that the work runs.</param>
    /// <param name="work">What the benchmark queues, without waiting for it.</param>
    /// <param name="options">What has to come before, and more; null for nothing.</param>
    public static void Report(Plan plan, Action work, ReportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Report(plan.Backend, work, options);
    }

    /// <summary>What work takes.</summary>
    internal static DiagnosticsRecord Measure(Backend backend, Action work, ReportOptions options)
    {
        // Before anything more is allocated.
        Dictionary<MemoryCategory, long> peak = Enum.GetValues<MemoryCategory>()
            .Where(category => backend.Memory.AtPeak(category) > 0)
            .ToDictionary(category => category, backend.Memory.AtPeak);
        double milliseconds = Time(backend, work, options.Before);
        WorkCost? count = Count(backend, work, options);
        MachinePeaks? peaks = PeaksOf(backend);
        double operations = options.OperationsPerInvoke;
        return new DiagnosticsRecord
        {
            Device = backend.Info.Device,
            Threads = backend.Info.Threads,
            VectorBits = backend.Info.VectorBits,
            Gpu = GpuReport.Of(backend.Info),
            DeviceMs = milliseconds / operations,
            PeakBytes = peak,
            BytesMoved = count?.BytesMoved / operations,
            BytesUnknown = count?.BytesUnknown,
            Flops = count?.Flops / operations,
            Launches = backend.Info.Gpu is null ? null : count?.Launches / operations,
            FloorMs = peaks is null ? null : count?.FloorMilliseconds(peaks) / operations,
            Peaks = PeaksReport.Of(peaks),
        };
    }

    private static double Time(Backend backend, Action work, Action? before)
    {
        using TimeMark begin = backend.CreateMark();
        using TimeMark end = backend.CreateMark();
        var times = new List<double>();
        var clock = Stopwatch.StartNew();
        while (times.Count < Least || (times.Count < Most && clock.Elapsed < Enough))
        {
            before?.Invoke();
            // What came before is over, so that the host does not fall behind the device between the marks.
            backend.Synchronize();
            begin.Record();
            work();
            end.Record();
            times.Add(end.MillisecondsSince(begin));
        }
        return Statistics.Median(times);
    }

    private static WorkCost? Count(Backend backend, Action work, ReportOptions options)
    {
        options.Before?.Invoke();
        var count = WorkCost.Of(backend, options.Eager ?? work);
        backend.Synchronize();
        return count.Operations == 0 ? null : count;
    }

    private static MachinePeaks? PeaksOf(Backend backend)
    {
        lock (Peaks)
        {
            string device = $"{backend.Info.Device} {backend.Info.Description}";
            if (Peaks.TryGetValue(device, out MachinePeaks? known))
                return known;
            MachinePeaks? peaks = null;
            try
            {
                peaks = MachinePeaks.Measure(backend);
            }
            catch (DeviceMemoryException)
            {
                // A benchmark may leave no room; then no share of a peak is told.
            }
            return Peaks[device] = peaks;
        }
    }
}
