using System.CommandLine;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The options of sequor bench.</summary>
internal sealed class BenchOptions
{
    private const int DefaultSteps = 30;
    private const int DefaultWarmup = 20;

    // With what comes before and after it, a measurement at one length ends within a minute.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan WarmupLimit = TimeSpan.FromSeconds(15);

    private readonly Option<string[]?> _architectures = Options.Choices(
        "--arch",
        $"architectures to compare, of {string.Join(", ", Architecture.Names)} ({string.Join(", ", Architecture.Compared)})",
        Architecture.Names
    );

    private readonly Option<int[]?> _sweep = Options.Ascending(
        "--sweep",
        "instead of --length, lengths to measure one after another, with the same models; each has 45 seconds of its own",
        "T,T,...",
        1,
        Limits.Length
    );

    private readonly Option<long?> _steps = Options.Whole(
        "--steps",
        "measured steps of each (30, fewer if 45 seconds are over)",
        "N",
        1,
        1_000_000
    );

    private readonly Option<long?> _warmup = Options.Whole(
        "--warmup",
        "steps of each before the measured ones (20, fewer if 15 seconds are over)",
        "N",
        0,
        1_000_000
    );

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

    public Option<bool> Force { get; } =
        new("--force") { Description = "of --paired: compares unlike programs all the same" };

    public Option<bool> Strict { get; } =
        new("--strict") { Description = "of --paired: exits with 3 where it is unclear" };

    public Option<bool> Bisect { get; } =
        new(Gate.BisectOption) { Description = "of --paired: exits with 125 in place of 2 and 3" };

    public Option<bool> Worker { get; } = new("--worker") { Hidden = true };

    public Option<long?> Steps => _steps;

    public Option<long?> Warmup => _warmup;

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
        command.Options.Add(_architectures);
        Workload.AddTo(command);
        foreach (
            Option option in (Option[])
                [
                    _sweep,
                    _steps,
                    _warmup,
                    Rounds,
                    Paired,
                    Minutes,
                    Force,
                    Strict,
                    Bisect,
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
        long? length = result.GetValue(Workload.Length);
        // Without the option this is an empty array.
        if (result.GetValue(_sweep) is not { Length: > 0 } sweep)
            return [(int)(length ?? WorkloadOptions.DefaultLength)];
        if (length is not null)
            throw new UsageException("--sweep and --length exclude each other; give one of them");
        return sweep;
    }

    /// <summary>The workloads of every length: the same models, sized once.</summary>
    /// <exception cref="UsageException">There are no such models.</exception>
    public IReadOnlyList<IReadOnlyList<Workload>> Workloads(
        ParseResult result,
        IReadOnlyList<int> lengths
    )
    {
        TaskEntry task = Workload.TaskOf(result);
        TaskData? data = Workload.DataOf(result, task);
        int batch = (int)(result.GetValue(Workload.Batch) ?? WorkloadOptions.DefaultBatch);
        string option = lengths.Count > 1 ? _sweep.Name : Workload.Length.Name;
        SequenceTask[] tasks =
        [
            .. lengths.Select(length => WorkloadOptions.CreateTask(task, data, length, option)),
        ];
        string[] names = result.GetValue(_architectures) is { Length: > 0 } given
            ? given
            : [.. Architecture.Compared.Select(a => a.Name)];
        Workload[] first =
        [
            .. names.Select(arch => Workload.Size(result, Architecture.Get(arch), tasks[0], batch)),
        ];
        return
        [
            .. tasks.Select(task => (Workload[])[.. first.Select(w => w with { Task = task })]),
        ];
    }

    /// <summary>How much is measured: what is asked for whole, else within the limits.</summary>
    public MeasurementOptions Measurement(ParseResult result)
    {
        long? steps = result.GetValue(_steps);
        long? warmup = result.GetValue(_warmup);
        return new MeasurementOptions
        {
            Warmup = (int)(warmup ?? DefaultWarmup),
            Steps = (int)(steps ?? DefaultSteps),
            Limit = steps is null ? Limit : null,
            WarmupLimit = steps is null && warmup is null ? WarmupLimit : null,
            Seed = (ulong)(result.GetValue(Workload.Seed) ?? 1),
        };
    }

    /// <summary>The parameters asked for; null where models are sized by width.</summary>
    public long? Budget(ParseResult result) =>
        result.GetValue(Workload.Hidden) is null
            ? result.GetValue(Workload.Parameters) ?? WorkloadOptions.DefaultParameters
            : null;
}
