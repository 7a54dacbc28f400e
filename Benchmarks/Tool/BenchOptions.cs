using System.CommandLine;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The options of sequor bench.</summary>
internal sealed class BenchOptions
{
    public Option<int[]?> Sweep { get; } =
        Options.Ascending(
            "--sweep",
            "instead of --length, lengths to measure one after another, with the same models; each has 45 seconds of its own",
            "T,T,...",
            1,
            Limits.Length
        );

    /// <summary>T of a grid where none is asked for: its many cells have to end.</summary>
    public const int GridLength = 25;

    public Option<int[]?> Widths { get; } =
        Options.Ascending(
            "--widths",
            $"instead of models of one size, widths to measure one after another, each at all batch sizes, at T={GridLength} where --length says nothing; tells neighbours whose times differ by more than what they compute and move says",
            "N,N,...",
            1,
            Limits.Width,
            fewest: 1
        );

    public Option<int[]?> Batches { get; } =
        Options.Ascending(
            "--batches",
            "of --widths: the batch sizes (32)",
            "B,B,...",
            1,
            Limits.Batch,
            fewest: 1
        );

    public Option<bool> Stream { get; } =
        new("--stream")
        {
            Description =
                "instead of training steps, measures steps of a stream on the CPU: one sequence, step by step, with its states carried on (20000 steps after 2000)",
        };

    public Option<long?> Rounds { get; } =
        Options.Whole(
            "--rounds",
            "measures so often, each time in a process of its own, for compare",
            "N",
            1,
            1000
        );

    public Option<string?> Paired { get; } =
        Options.Text(
            Gate.PairedOption,
            "measures this program against another built sequor, a script that starts one, or a bundle's folder, which is the base",
            "OTHER"
        );

    public Option<float?> Minutes { get; } =
        Options.Number("--minutes", "of --paired: no further processes begin after this time (2)");

    public Option<long?> OrderSeed { get; } =
        Options.Whole(
            "--order-seed",
            "of --paired: draws the order of turns as another run did, which told it (the clock)",
            "N",
            0,
            int.MaxValue
        );

    public Option<bool> Force { get; } =
        new("--force") { Description = "of --paired: compares unlike programs all the same" };

    public Option<bool> Strict { get; } =
        new("--strict") { Description = "of --paired: exits with 3 where it is unclear" };

    public Option<bool> Bisect { get; } =
        new(Gate.BisectOption) { Description = "of --paired: exits with 125 in place of 2 and 3" };

    public Option<bool> Worker { get; } = new("--worker") { Hidden = true };

    public StepOptions Measured { get; } = new();

    public Option<long?> Steps => Measured.Steps;

    public Option<long?> Warmup => Measured.Warmup;

    public WorkloadOptions Workload { get; } = new();

    public Option<string?> Json { get; } = Options.Json();

    public Option<string?> Html { get; } = Options.Html();

    public Option<string?> History { get; } =
        Options.Text(
            "--history",
            "appends the results to a file, a line a run, for history",
            "FILE"
        );

    public void AddTo(Command command)
    {
        command.Options.Add(Measured.Architectures);
        Workload.AddTo(command);
        foreach (
            Option option in (Option[])
                [
                    Sweep,
                    Widths,
                    Batches,
                    Stream,
                    Measured.Steps,
                    Measured.Warmup,
                    Rounds,
                    Paired,
                    Minutes,
                    OrderSeed,
                    Force,
                    Strict,
                    Bisect,
                    Measured.ProfilerRange,
                    Worker,
                    Json,
                    Html,
                    History,
                ]
        )
            command.Options.Add(option);
    }

    /// <summary>T, once or, in a sweep, several times.</summary>
    /// <exception cref="UsageException">Both options are given.</exception>
    public IReadOnlyList<int> Lengths(ParseResult result)
    {
        // Without the option this is an empty array.
        if (result.GetValue(Sweep) is not { Length: > 0 } sweep)
            return [Workload.LengthOf(result)];
        if (result.GetValue(Workload.Length) is not null)
            throw new UsageException("--sweep and --length exclude each other; give one of them");
        return Workload.TaskOf(result) is { IsStream: false } task
            ? throw WorkloadOptions.NoLength(task, Sweep.Name)
            : sweep;
    }

    /// <summary>The workloads of every length: the same models, sized once.</summary>
    /// <exception cref="UsageException">There are no such models.</exception>
    public IReadOnlyList<IReadOnlyList<Workload>> Workloads(
        ParseResult result,
        IReadOnlyList<int> lengths,
        int? batch = null
    )
    {
        TaskEntry task = Workload.TaskOf(result);
        TaskData? data = Workload.DataOf(result, task);
        int sequences =
            batch ?? (int)(result.GetValue(Workload.Batch) ?? WorkloadOptions.DefaultBatch);
        string option = lengths.Count > 1 ? Sweep.Name : Workload.Length.Name;
        SequenceTask[] tasks =
        [
            .. lengths.Select(length => WorkloadOptions.CreateTask(task, data, length, option)),
        ];
        Workload[] first =
        [
            .. Measured.Of(result).Select(arch => Workload.Size(result, arch, tasks[0], sequences)),
        ];
        return
        [
            .. tasks.Select(task => (Workload[])[.. first.Select(w => w with { Task = task })]),
        ];
    }

    /// <summary>How much is measured: what is asked for whole, else within the limits.</summary>
    public MeasurementOptions Measurement(ParseResult result) =>
        Measured.Read(result, Workload.Seed);
}
