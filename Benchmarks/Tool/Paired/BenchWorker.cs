using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// The process that <c>bench --paired</c> measures in. Its first line is a report of sequor.bench/1; then it answers each line
/// "turn MS" of its input with the median step of each result in that time, in milliseconds, and ends with its input. Of a
/// CPU a slash and the processor time of a step follow, that of all threads. The last word tells whether its code has settled,
/// and is all of the answer to "settle MS", which takes steps until it has, for that time at most.
/// </summary>
internal static class BenchWorker
{
    public const string Turn = "turn ";
    public const string Settle = "settle ";
    public const string Settled = "settled";
    public const string Unsettled = "unsettled";

    private static readonly MeasurementOptions First = new() { Warmup = 2, Steps = 1 };

    public static int Run(BenchOptions options, ParseResult result)
    {
        IReadOnlyList<int> lengths = options.Lengths(result);
        IReadOnlyList<IReadOnlyList<Workload>> workloads = options.Workloads(result, lengths);
        if (workloads.Count != 1)
            throw new UsageException("--paired measures at one length; --sweep has several");
        MeasurementOptions asked = options.Measurement(result);
        if (asked.ProfilerRange)
            throw new UsageException(
                "--paired measures in turns, of which a profiler gets no range; leave --profiler-range out"
            );
        ulong seed = asked.Seed;
        IReadOnlyList<Measured> measured = Measurement.Run(
            workloads[0],
            () => options.Workload.Backend.Create(result),
            First with
            {
                Seed = seed,
            }
        );
        var report = new BenchReport
        {
            Machine = Machine.Read(measured[0].Device),
            Date = ReportWriter.Date(DateTimeOffset.Now),
            Gpu = GpuReport.Of(measured[0].Device),
            Threads = measured[0].Device.Threads,
            Task = workloads[0][0].Task.Name,
            Seed = seed,
            Warmup = First.Warmup,
            Steps = First.Steps,
            Seconds = 0,
            Results = [.. measured.Select(m => BenchResult.From(m, lengths[0]))],
        };
        Say(Console.Out, System.Text.Encoding.UTF8.GetString(ReportWriter.ToUtf8(report)));
        var steps = new List<TrainingStep>();
        var code = new SettledCode();
        try
        {
            foreach (Workload workload in workloads[0])
                steps.Add(
                    new TrainingStep(workload, options.Workload.Backend.Create(result), seed)
                );
            while (Console.In.ReadLine() is { } line)
                Say(Console.Out, Answer(line, steps, code));
        }
        finally
        {
            steps.ForEach(step => step.Dispose());
        }
        return ExitCode.Success;
    }

    private static string Answer(string line, List<TrainingStep> steps, SettledCode code)
    {
        if (MillisecondsOf(line, Settle) is { } most)
        {
            // What a turn does beside its steps is compiled anew as well, so these are turns, of a step each and with no reader.
            var clock = Stopwatch.StartNew();
            do Say(TextWriter.Null, Answer(Turn + "0", steps, code));
            while (!code.Is && clock.ElapsedMilliseconds < most);
            return code.Is ? Settled : Unsettled;
        }
        int time =
            MillisecondsOf(line, Turn)
            ?? throw new FailureException(
                $"a worker takes turns, and not '{Printable.Shortened(line)}'"
            );
        string times = string.Join(' ', Take(steps, time, code));
        return $"{times} {(code.Is ? Settled : Unsettled)}";
    }

    private static int? MillisecondsOf(string line, string command) =>
        line.StartsWith(command, StringComparison.Ordinal)
        && int.TryParse(
            line[command.Length..],
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out int milliseconds
        )
            ? milliseconds
            : null;

    // A step of each in turn, so that all have their share of what the machine does meanwhile.
    private static IEnumerable<string> Take(
        List<TrainingStep> steps,
        int milliseconds,
        SettledCode code
    )
    {
        var clock = Stopwatch.StartNew();
        List<double>[] times = [.. steps.Select(_ => new List<double>())];
        double[] processor = new double[steps.Count];
        do
        {
            var began = TimeSpan.FromMilliseconds(Environment.TickCount64);
            double took = 0;
            for (int i = 0; i < steps.Count; i++)
            {
                double before = ProcessorMilliseconds();
                times[i].Add(steps[i].RunTimed().Whole);
                double used = ProcessorMilliseconds() - before;
                processor[i] += used;
                took += HasProcessorTime(steps[i]) ? used : times[i][^1];
            }
            code.Step(
                JitInfo.GetCompiledMethodCount(),
                began,
                TimeSpan.FromMilliseconds(Environment.TickCount64),
                took
            );
        } while (clock.ElapsedMilliseconds < milliseconds);
        return steps.Select(
            (step, i) =>
            {
                string wall = Text(Statistics.Median(times[i]));
                // A system that counts by ticks may have counted none.
                return HasProcessorTime(step) && processor[i] > 0
                    ? $"{wall}/{Text(processor[i] / times[i].Count)}"
                    : wall;
            }
        );

        static string Text(double milliseconds) =>
            milliseconds.ToString("0.######", CultureInfo.InvariantCulture);
    }

    // What the driver of a GPU makes threads of a CPU do is no measure of a step; and Windows counts by ticks of 16 ms.
    private static bool HasProcessorTime(TrainingStep step) =>
        !OperatingSystem.IsWindows() && step.Backend.Info.Gpu is null;

    private static double ProcessorMilliseconds() =>
        OperatingSystem.IsWindows() ? 0 : Environment.CpuUsage.TotalTime.TotalMilliseconds;

    private static void Say(TextWriter writer, string line)
    {
        writer.Write(line + "\n");
        writer.Flush();
    }
}
