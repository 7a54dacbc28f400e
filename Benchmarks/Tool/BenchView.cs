using Sequor.Layers;
using Sequor.Workloads;
using static Sequor.Workloads.Figures;

namespace Sequor.Tool;

/// <summary>How a measurement looks to people.</summary>
internal static class BenchView
{
    // Below it the columns that the second table has as well are left out of the first.
    private const int RoomForAll = 112;

    public static void Header(
        Screen screen,
        Machine machine,
        BackendInfo device,
        Workload workload,
        IReadOnlyList<int> lengths,
        long? budget,
        MeasurementOptions options,
        string measured = "measured"
    )
    {
        screen.Line(MachineLine(machine));
        screen.Line($"device {device.Device}: {device.Description} ({device.Reason})");
        // The first length is part of the task's name.
        string others = string.Concat(lengths.Skip(1).Select(length => Text($", {length}")));
        string size = budget is { } n
            ? Several(n, "parameter") + " each"
            : Text($"width {workload.Width}");
        screen.Line(
            Text(
                $"{workload.Task}{others}, B={workload.Batch}, {size}, Adam, seed {options.Seed}; "
            )
                + Text(
                    $"{Several(options.Warmup, "step")} of warm-up{(options.WarmupLimit is null ? "" : " or more")}, then {options.Steps} {measured}"
                )
                + (
                    options.Limit is { } limit
                        ? Text($" or those that {limit.TotalSeconds} s give room for")
                            + (lengths.Count > 1 ? ", at each length" : "")
                        : ""
                )
        );
        screen.Line();
    }

    public static string MachineLine(Machine machine) =>
        Text(
            $"Sequor {machine.Describe()}, {machine.DescribeRuntime()}, {machine.Os}; {machine.Cpu}, {Several(machine.Cores, "core")}, {machine.MemoryBytes / (double)(1L << 30):0.0} GiB"
        );

    public static void Results(Screen screen, IReadOnlyList<Measured> results, BenchReport report)
    {
        bool all = screen.Width >= RoomForAll;
        List<string> head =
        [
            "arch",
            "size",
            "params",
            "step ms",
            "p05-p95",
            "forward",
            "backward",
            "optim",
            "tokens/s",
        ];
        if (all)
            head.AddRange(["peak MiB", "x floor", "allocs"]);
        screen.Table(
            "One training step",
            head,
            results.Select(r =>
            {
                List<string> row =
                [
                    r.Workload.Architecture.Name,
                    Size(r.Workload.Width, r.Workload.Depth, r.Workload.Variant.InWords),
                    Text($"{r.Workload.Parameters}"),
                    Milliseconds(r.Median),
                    Range(r),
                    Milliseconds(Statistics.Median(r.Steps.Select(s => s.Forward))),
                    Milliseconds(Statistics.Median(r.Steps.Select(s => s.Backward))),
                    Milliseconds(Statistics.Median(r.Steps.Select(s => s.Optimizer))),
                    Text($"{r.TokensPerSecond:#,0}"),
                ];
                if (all)
                    row.AddRange([
                        Mebibytes(r.PeakBytes),
                        Text($"{r.FloorRatio:0.00}"),
                        Allocations(r.NativeAllocations, r.ManagedBytes),
                    ]);
                return row.ToArray();
            })
        );
        MemoryCategory[] categories =
        [
            .. Enum.GetValues<MemoryCategory>()
                .Where(c =>
                    c is not (MemoryCategory.Reserve or MemoryCategory.Graphs)
                    || results.Any(r => r.BytesAtPeak[c] > 0)
                ),
        ];
        screen.Table(
            "Memory at its peak, MiB",
            [
                "arch",
                .. categories.Select(c => Name(c, all)),
                "sum",
                "floor",
                "x floor",
                .. all ? Array.Empty<string>() : ["allocs"],
            ],
            results.Select(r =>
                (string[])
                    [
                        r.Workload.Architecture.Name,
                        .. categories.Select(c => Mebibytes(r.BytesAtPeak[c])),
                        Mebibytes(r.PeakBytes),
                        Mebibytes(r.Workload.FloorBytes),
                        Text($"{r.FloorRatio:0.00}"),
                        .. all
                            ? Array.Empty<string>()
                            : [Allocations(r.NativeAllocations, r.ManagedBytes)],
                    ]
            )
        );
        WorkView.Results(screen, report);
        screen.Line(Summary(results));
        if (results[0].Device.Device != "cpu")
        {
            screen.Line(Graphs(results));
            if (Host(results) is { } host)
                screen.Line(host);
            foreach (Measured r in results.Where(r => r.Fallbacks.Count > 0))
                screen.Line(Otherwise(r));
            foreach (Measured r in results)
            foreach (string line in ChoiceReport.Lines(r.Choices))
                screen.Line($"{r.Workload.Architecture}: {line}.");
        }
        screen.Line(
            Text(
                $"Size: width x layers, levels or blocks. Medians of {StepCounts(results)} {(results.Max(r => r.Steps.Count) == 1 ? "step" : "steps")} each, percentiles interpolated between samples; floor: the least bytes that the algorithm needs; allocs: native + managed bytes, a step. {report.Seconds:0.0} s in all."
            )
        );
    }

    /// <summary>That a measurement is a partial one, and which part.</summary>
    /// <param name="results">What was measured.</param>
    /// <param name="count">Models that were to be measured, at all lengths.</param>
    /// <param name="options">Steps that each was to have.</param>
    public static string Interrupted(
        IReadOnlyList<Measured> results,
        int count,
        MeasurementOptions options
    ) =>
        results.Count == 0
            ? "Interrupted before a step was measured: there are no results."
            : Text(
                $"Interrupted: these results are partial, of {results.Count} of {Several(count, "model")}, {StepCounts(results)} of {Several(options.Steps, "step")} each."
            );

    // An interruption comes between two models.
    private static string StepCounts(IReadOnlyList<Measured> results)
    {
        int least = results.Min(r => r.Steps.Count);
        int most = results.Max(r => r.Steps.Count);
        return least == most ? Text($"{least}") : Text($"{least} to {most}");
    }

    // How the device was given the steps.
    private static string Graphs(IReadOnlyList<Measured> results) =>
        "Steps: "
        + string.Join(
            ", ",
            results.Select(r =>
                r.GraphNodes > 0
                    ? Text(
                        $"{r.Workload.Architecture} one graph of {Amount.Of(r.GraphNodes, "operation")}"
                    )
                    : $"{r.Workload.Architecture} operation by operation ({r.EagerReason ?? "too few steps"})"
            )
        )
        + ".";

    // What the host takes for the steps that are graphs; null where none is.
    private static string? Host(IReadOnlyList<Measured> results)
    {
        string[] times =
        [
            .. results
                .Where(r => r.Host is not null)
                .Select(r => $"{r.Workload.Architecture} {InWords(r.Host!.Value)}"),
        ];
        return times.Length == 0
            ? null
            : $"The host's time of a replayed step, until it could go on with the next: {string.Join(", ", times)}.";

        static string InWords(HostTime time) =>
            Text($"{1000 * time.Wall:0.0} us")
            + (
                time.Processor is { } processor
                    ? Text($" ({1000 * processor:0.0} on a processor)")
                    : ""
            );
    }

    // The first of them with its reason: those of other layers are alike, and all are in the JSON.
    private static string Otherwise(Measured r) =>
        Text(
            $"Not as was asked for, in {r.Workload.Architecture}: {Amount.Of(r.Fallbacks.Count, "operation")}. {r.Fallbacks[0]}"
        );

    private static string Summary(IReadOnlyList<Measured> results)
    {
        string text = "";
        if (results.Count > 1)
        {
            Measured fastest = results.MinBy(r => r.Median)!;
            Measured slowest = results.MaxBy(r => r.Median)!;
            Measured leanest = results.MinBy(r => r.PeakBytes)!;
            text = Text(
                $"Fastest here: {fastest.Workload.Architecture}, {slowest.Median / fastest.Median:0.0} times as fast as {slowest.Workload.Architecture}; least memory: {leanest.Workload.Architecture}, {Mebibytes(leanest.PeakBytes)} MiB. "
            );
        }
        foreach (Measured r in results)
        {
            if (r.Workload.ReceptiveField is { } field)
                text += LooksBack(field, r.Workload.Task.Length);
        }
        return text.TrimEnd();
    }

    /// <summary>Whether a TCN sees the whole of a sequence.</summary>
    public static string LooksBack(long field, int length) =>
        field >= length
            ? Text($"The TCN can look back {Several(field, "step")}: all {length}.")
            : Text(
                $"The TCN can look back {Several(field, "step")}, not all {length}: more --layers see further."
            );

    private static string Name(MemoryCategory category, bool inFull) =>
        category switch
        {
            MemoryCategory.InputOutput => "io",
            _ when inFull => category.ToString().ToLowerInvariant(),
            MemoryCategory.Parameters => "params",
            MemoryCategory.Gradients => "grads",
            MemoryCategory.Optimizer => "optim",
            MemoryCategory.Activations => "activ",
            MemoryCategory.Workspace => "work",
            _ => category.ToString().ToLowerInvariant(),
        };

    private static string Range(Measured r)
    {
        double[] samples = [.. r.Steps.Select(s => s.Whole)];
        return Figures.Range(
            Statistics.Percentile(samples, 0.05),
            Statistics.Percentile(samples, 0.95)
        );
    }
}
