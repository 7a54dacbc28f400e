using System.CommandLine;
using Sequor.Layers;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.Counts;

/// <summary>./build.sh counts: what a training step does on the virtual GPU, and the least time that a GPU needs for it.</summary>
internal static class CountsCommand
{
    private const string DefaultGpu = "h200";

    public static RootCommand CreateRoot()
    {
        var root = new RootCommand(
            "Counts what a training step does on a GPU made of C#, for any shape."
        );
        root.Subcommands.Add(Create());
        root.Subcommands.Add(GateCommand.Create());
        return root;
    }

    private static Command Create()
    {
        Option<string[]?> architectures = Options.Choices(
            "--arch",
            $"architectures to count, of {string.Join(", ", Architecture.Names)} ({string.Join(", ", Architecture.Compared)})",
            Architecture.Names
        );
        var workload = new WorkloadOptions();
        Option<string?> gpu = Options.Text(
            "--gpu",
            $"the GPU whose floors are told: {string.Join(", ", Gpu.Known)}, or a file like those of Tests/Counts/Gpus ({DefaultGpu})",
            $"{string.Join('|', Gpu.Known)}|FILE"
        );
        Option<string?> json = Options.Json();
        var command = new Command(
            "counts",
            "Counts launches, bytes, sectors, bank conflicts and operations of a training step on a virtual GPU, and the least time that a GPU needs for it: a bound, and no forecast."
        );
        foreach (
            Option option in (Option[])
                [
                    architectures,
                    .. workload.Model,
                    .. workload.Backend.Arithmetic,
                    workload.Seed,
                    gpu,
                    json,
                ]
        )
            command.Options.Add(option);
        command.SetAction(result =>
        {
            using var stop = new StopSignal();
            var on = Gpu.Get(gpu.Name, result.GetValue(gpu) ?? DefaultGpu);
            int length = workload.LengthOf(result);
            Workload[] workloads = Workloads(
                workload,
                result,
                length,
                result.GetValue(architectures)
            );
            OutputFile? file = OutputFile.For(json.Name, result.GetValue(json));
            OutputFile.RequireApart(file);
            OutputFile.RequireApartFrom(workload.Data.Name, result.GetValue(workload.Data), file);
            OutputFile.RequireApartFrom(gpu.Name, result.GetValue(gpu), file);
            var screen = new Screen(file);
            CountsView.Header(screen, on);
            var counts = new List<StepCount>();
            foreach (Workload each in workloads)
            {
                counts.Add(
                    StepCount.Of(
                        each,
                        on,
                        // The virtual GPU's times are no one's, and nothing of them is to be kept.
                        workload.Backend.Cuda(result) with
                        {
                            Autotune = Autotune.Off,
                        },
                        (ulong)(result.GetValue(workload.Seed) ?? 1)
                    )
                );
                CountsView.Show(screen, counts[^1]);
            }
            file?.Write(CountsReport.Of(on, length, counts).ToUtf8());
            return ExitCode.Success;
        });
        return command;
    }

    private static Workload[] Workloads(
        WorkloadOptions options,
        ParseResult result,
        int length,
        string[]? names
    )
    {
        TaskEntry entry = options.TaskOf(result);
        SequenceTask task = WorkloadOptions.CreateTask(
            entry,
            options.DataOf(result, entry),
            length
        );
        int batch = (int)(result.GetValue(options.Batch) ?? WorkloadOptions.DefaultBatch);
        return
        [
            .. (names is { Length: > 0 } ? names : [.. Architecture.Compared.Select(a => a.Name)])
                .Select(Architecture.Get)
                .Select(architecture => options.Size(result, architecture, task, batch)),
        ];
    }
}
