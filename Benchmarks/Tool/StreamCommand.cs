using System.CommandLine;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>sequor bench --stream: what a step of one sequence costs here, with the states carried from step to step.</summary>
internal static class StreamCommand
{
    private const int DefaultSteps = 20_000;
    private const int DefaultWarmup = 2_000;

    public static int Run(BenchOptions options, ParseResult result)
    {
        RequireOptions(options, result);
        using var run = new StepsRun("bench", result, options.Measured, options.Workload);
        MeasurementOptions measurement = run.Options with
        {
            Steps = (int)(result.GetValue(options.Steps) ?? DefaultSteps),
            Warmup = (int)(result.GetValue(options.Warmup) ?? DefaultWarmup),
        };
        IReadOnlyList<Workload> workloads = options.Workloads(
            result,
            [options.Workload.LengthOf(result)],
            batch: 1
        )[0];
        run.RequireDevice(backend => RequireStreams(options, result, workloads, backend));
        OutputFile? json = OutputFile.For(options.Json.Name, result.GetValue(options.Json));
        run.RequireOutputs(json);
        StreamView.Header(
            run.Screen,
            run.Machine,
            run.Device,
            workloads[0],
            options.Workload.BudgetOf(result),
            measurement
        );
        IReadOnlyList<StreamMeasured> measured = [];
        // What the machine does at most is measured with each stream, from the cache that it fits in.
        run.Measure(
            progress =>
                measured = StreamMeasurement.Run(
                    workloads,
                    run.CreateBackend,
                    measurement,
                    (done, next) => StepsRun.Show(progress, done, next),
                    run.Stops
                ),
            () => false
        );
        StreamResult[] results = [.. measured.Select(StreamResult.From)];
        var report = new BenchReport
        {
            Status = run.Status,
            Reason = run.Reason(() =>
                results.Length == 0
                    ? "Interrupted before a step was measured: there are no results."
                    : Figures.Text(
                        $"Interrupted: these results are partial, of {Figures.Several(results.Min(r => r.Steps), "step")} of {measurement.Steps} at least."
                    )
            ),
            Machine = run.Machine,
            Date = ReportWriter.Date(run.Begin),
            Threads = run.Device.Threads,
            Task = workloads[0].Task.Name,
            Seed = measurement.Seed,
            Warmup = results.Select(r => r.Warmup).DefaultIfEmpty().Min(),
            Steps = results.Select(r => r.Steps).DefaultIfEmpty().Min(),
            Seconds = run.Seconds,
            Results = [],
            Stream = results,
        };
        if (results.Length > 0)
            StreamView.Results(run.Screen, report);
        return run.End(report, [], (json, () => ReportWriter.ToUtf8(report)));
    }

    private static void RequireOptions(BenchOptions options, ParseResult result)
    {
        if (result.GetValue(options.Workload.Batch) is { } batch and not 1)
            throw new UsageException(
                $"{options.Workload.Batch.Name} {batch} makes no sense with {options.Stream.Name}, which measures a step of one sequence; leave it out"
            );
    }

    // A device or a model that cannot is told before anything is measured.
    private static void RequireStreams(
        BenchOptions options,
        ParseResult result,
        IReadOnlyList<Workload> workloads,
        Backend backend
    )
    {
        if (backend.Info.Device != "cpu")
            throw new UsageException(
                $"{options.Stream.Name} measures the CPU, and the device is {backend.Info.Device}; give {options.Workload.Backend.Device.Name} cpu"
            );
        foreach (Workload workload in workloads)
        {
            try
            {
                new StreamStep(workload, options.Workload.Backend.Create(result), 1).Dispose();
            }
            catch (NotSupportedException e)
            {
                string option = result.GetValue(options.Workload.Bidirectional)
                    ? options.Workload.Bidirectional.Name
                    : options.Measured.Architectures.Name;
                throw new UsageException(
                    $"{option}: {workload.Architecture} cannot be measured with {options.Stream.Name}. {e.Message}"
                );
            }
        }
    }
}
