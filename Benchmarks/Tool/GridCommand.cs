using System.CommandLine;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>sequor bench --widths: training steps of many widths at many batch sizes, and where they differ without need.</summary>
internal static class GridCommand
{
    public static int Run(BenchOptions options, ParseResult result)
    {
        RequireOptions(options, result);
        using var run = new StepsRun("bench", result, options.Measured, options.Workload);
        int length = LengthOf(options, result);
        Workload[] workloads = [.. Workloads(options, result, length)];
        run.RequireDevice(_ => { });
        OutputFile? json = OutputFile.For(options.Json.Name, result.GetValue(options.Json));
        run.RequireOutputs(json);
        run.Screen.Line(BenchView.MachineLine(run.Machine));
        run.Screen.Line(
            $"device {run.Device.Device}: {run.Device.Description} ({run.Device.Reason})"
        );
        run.Screen.Line(
            Figures.Text(
                $"{workloads[0].Task}, {Figures.Several(workloads.Length, "cell")}, Adam, seed {run.Options.Seed}"
            )
        );
        run.Screen.Line();
        IReadOnlyList<StepGrid.Cell> cells = [];
        MachinePeaks? peaks = null;
        run.Measure(
            progress =>
            {
                using (Backend backend = run.CreateBackend())
                    peaks = MachinePeaks.Measure(backend);
                cells = StepGrid.Run(
                    workloads,
                    run.CreateBackend,
                    peaks,
                    run.Options.Seed,
                    (done, next) => Show(progress, done, next),
                    run.Stops
                );
            },
            () => false
        );
        var grid = GridReport.Of(cells, workloads[0].Task, length, run.Device);
        Measured[] measured = [.. cells.Select(cell => cell.Measured).OfType<Measured>()];
        var report = new BenchReport
        {
            Status = run.Status,
            Reason = run.Reason(() =>
                Figures.Text(
                    $"Interrupted: these results are partial, of {cells.Count} of {Figures.Several(workloads.Length, "cell")}."
                )
            ),
            Machine = run.Machine,
            Date = ReportWriter.Date(run.Begin),
            Gpu = GpuReport.Of(run.Device),
            Threads = run.Device.Threads,
            Task = workloads[0].Task.Name,
            Seed = run.Options.Seed,
            Warmup = measured.Select(m => m.Warmup).DefaultIfEmpty().Min(),
            Steps = measured.Select(m => m.Steps.Count).DefaultIfEmpty().Min(),
            Seconds = run.Seconds,
            Peaks = PeaksReport.Of(peaks),
            Results = [],
            Grid = grid,
        };
        if (cells.Count > 0)
            GridView.Results(run.Screen, grid, run.Status == RunStatus.Finished, run.Seconds);
        return run.End(report, [], (json, () => ReportWriter.ToUtf8(report)));
    }

    private static void Show(ProgressLine progress, double done, Workload next) =>
        progress.Show(
            done,
            () => Figures.Text($"{done:P0} {next.Architecture} {next.Width}, B={next.Batch}")
        );

    private static int LengthOf(BenchOptions options, ParseResult result)
    {
        WorkloadOptions of = options.Workload;
        return result.GetValue(of.Length) is null && of.TaskOf(result).IsStream
            ? BenchOptions.GridLength
            : of.LengthOf(result);
    }

    private static IEnumerable<Workload> Workloads(
        BenchOptions options,
        ParseResult result,
        int length
    )
    {
        WorkloadOptions of = options.Workload;
        TaskEntry entry = of.TaskOf(result);
        SequenceTask task = WorkloadOptions.CreateTask(entry, of.DataOf(result, entry), length);
        int[] batches = result.GetValue(options.Batches) is { Length: > 0 } several
            ? several
            : [(int)(result.GetValue(of.Batch) ?? WorkloadOptions.DefaultBatch)];
        foreach (Architecture arch in options.Measured.Of(result))
        foreach (int width in result.GetValue(options.Widths)!)
        {
            Workload first = of.Size(result, arch, task, batches[0], width, options.Widths.Name);
            foreach (int batch in batches)
                yield return first with
                {
                    Batch = batch,
                };
        }
    }

    private static void RequireOptions(BenchOptions options, ParseResult result)
    {
        if (
            result.GetResult(options.Batches) is { Implicit: false }
            && result.GetResult(options.Workload.Batch) is { Implicit: false }
        )
            throw new UsageException(
                $"{options.Batches.Name} and {options.Workload.Batch.Name} exclude each other; give one of them"
            );
    }
}
