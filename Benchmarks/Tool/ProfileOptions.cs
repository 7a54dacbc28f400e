using System.CommandLine;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The options of sequor profile: what runs and how many steps, as for bench, and where the results go.</summary>
internal sealed class ProfileOptions
{
    public StepOptions Measured { get; } = new();

    public WorkloadOptions Workload { get; } = new();

    public Option<string?> Json { get; } = Options.Json();

    public Option<string?> Html { get; } =
        Options.Text(
            "--html",
            "writes a page with a timeline, the layers and the memory to a file, or to -",
            "FILE|-"
        );

    public Option<string?> Trace { get; } =
        Options.Text(
            "--trace",
            "writes the profiled steps as a Chrome trace, for Perfetto, to a file, or to -",
            "FILE|-"
        );

    public void AddTo(Command command)
    {
        command.Options.Add(Measured.Architectures);
        Workload.AddTo(command);
        foreach (
            Option option in (Option[])
                [Measured.Steps, Measured.Warmup, Measured.ProfilerRange, Json, Html, Trace]
        )
            command.Options.Add(option);
    }

    /// <summary>T, as the task counts it.</summary>
    public int Length(ParseResult result) => Workload.LengthOf(result);

    /// <summary>The workloads, one an architecture.</summary>
    /// <exception cref="UsageException">There are no such models.</exception>
    public IReadOnlyList<Workload> Workloads(ParseResult result)
    {
        TaskEntry entry = Workload.TaskOf(result);
        SequenceTask task = WorkloadOptions.CreateTask(
            entry,
            Workload.DataOf(result, entry),
            Length(result)
        );
        int batch = (int)(result.GetValue(Workload.Batch) ?? WorkloadOptions.DefaultBatch);
        return [.. Measured.Of(result).Select(arch => Workload.Size(result, arch, task, batch))];
    }
}
