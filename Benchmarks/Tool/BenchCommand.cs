using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>sequor bench: what a training step of each architecture costs here.</summary>
internal static class BenchCommand
{
    private const int DefaultSteps = 30;
    private const int DefaultWarmup = 20;

    // With what comes before and after it, the whole ends within a minute.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(45);

    public static Command Create()
    {
        var workload = new WorkloadOptions();
        Option<string[]?> architectures = Options.Choices(
            "--arch",
            "architectures to compare (all)",
            Architecture.Names
        );
        Option<long?> steps = Options.Whole(
            "--steps",
            "measured steps of each (30, fewer if 45 seconds are over)",
            "N",
            1,
            1_000_000
        );
        Option<long?> warmup = Options.Whole(
            "--warmup",
            "steps of each before the measured ones (20)",
            "N",
            0,
            1_000_000
        );
        Option<string?> json = Options.Json();
        var command = new Command(
            "bench",
            "Measures a training step of each architecture, all with about as many parameters."
        );
        command.Options.Add(architectures);
        workload.AddTo(command);
        command.Options.Add(steps);
        command.Options.Add(warmup);
        command.Options.Add(json);
        command.SetAction(result =>
        {
            var clock = Stopwatch.StartNew();
            int length = (int)(result.GetValue(workload.Length) ?? WorkloadOptions.DefaultLength);
            int batch = (int)(result.GetValue(workload.Batch) ?? WorkloadOptions.DefaultBatch);
            SequenceTask task = WorkloadOptions.CreateTask(
                result.GetValue(workload.Task) ?? WorkloadOptions.DefaultTask,
                length
            );
            // Without the option this is an empty array.
            string[] names = result.GetValue(architectures) is { Length: > 0 } given
                ? given
                : [.. Architecture.Names];
            Workload[] workloads =
            [
                .. names.Select(name => workload.Size(result, Architecture.Get(name), task, batch)),
            ];
            var options = new MeasurementOptions
            {
                Warmup = (int)(result.GetValue(warmup) ?? DefaultWarmup),
                Steps = (int)(result.GetValue(steps) ?? DefaultSteps),
                Limit = result.GetValue(steps) is null ? Limit : null,
                Seed = (ulong)(result.GetValue(workload.Seed) ?? 1),
            };
            BackendInfo device;
            using (Backend backend = workload.CreateBackend(result))
                device = backend.Info;
            Measurement.RequireMemory(workloads);
            OutputFile? file = OutputFile.For("--json", result.GetValue(json));

            var screen = new Screen();
            Machine machine = Machine.Read();
            long? budget = result.GetValue(workload.Hidden) is null
                ? result.GetValue(workload.Parameters) ?? WorkloadOptions.DefaultParameters
                : null;
            BenchView.Header(screen, machine, device, workloads[0], budget, options);
            IReadOnlyList<Measured> results;
            using (var progress = new ProgressLine(screen))
            {
                results = Measurement.Run(
                    workloads,
                    () => workload.CreateBackend(result),
                    options,
                    (done, next) =>
                        progress.Show(
                            done,
                            () =>
                                $"{done.ToString("P0", CultureInfo.InvariantCulture)} {next.Architecture}"
                        )
                );
            }
            BenchView.Results(screen, results, clock.Elapsed);
            file?.Write(
                ReportWriter.ToUtf8(
                    new BenchReport
                    {
                        Machine = machine,
                        Threads = device.Threads,
                        Task = task.Name,
                        Seed = options.Seed,
                        Warmup = options.Warmup,
                        Steps = results[0].Steps.Count,
                        Seconds = Math.Round(clock.Elapsed.TotalSeconds, 3),
                        Results = [.. results.Select(r => BenchResult.From(r, length))],
                    }
                )
            );
            return ExitCode.Success;
        });
        return command;
    }
}
