using Sequor.Layers;
using Sequor.Workloads;
using static Sequor.Workloads.Figures;

namespace Sequor.Tool;

/// <summary>How the measurement of streams looks to people.</summary>
internal static class StreamView
{
    public static void Header(
        Screen screen,
        Machine machine,
        BackendInfo device,
        Workload workload,
        long? budget,
        MeasurementOptions options
    )
    {
        screen.Line(BenchView.MachineLine(machine));
        screen.Line($"device {device.Device}: {device.Description} ({device.Reason})");
        string size = budget is { } n
            ? Several(n, "parameter") + " each"
            : Text($"width {workload.Width}");
        screen.Line(
            Text(
                $"inputs of {workload.Task.Name}, one sequence, an output at every step, {size}, seed {options.Seed}; {Several(options.Warmup, "step")} of warm-up{(options.WarmupLimit is null ? "" : " or more")}, then {options.Steps} measured"
            )
                + (
                    options.Limit is { } limit
                        ? Text($" or those that {limit.TotalSeconds} s give room for")
                        : ""
                )
        );
        screen.Line();
    }

    public static void Results(Screen screen, BenchReport report)
    {
        IReadOnlyList<StreamResult> results = report.Stream!;
        screen.Table(
            "One step of a stream",
            [
                "arch",
                "size",
                "params",
                "step us",
                "p05-p95",
                "steps/s",
                "weights KiB",
                "states KiB",
                "GB/s",
                "floor us",
                "of step",
                "allocs",
            ],
            results.Select(r =>
                (string[])
                    [
                        r.Arch,
                        Size(r.Hidden, r.Layers, r.Variant),
                        Text($"{r.Parameters}"),
                        Microseconds(r.StepUs.Median),
                        $"{Microseconds(r.StepUs.P05)}-{Microseconds(r.StepUs.P95)}",
                        Count(r.StepsPerS),
                        Kibibytes(r.WeightBytes),
                        Kibibytes(r.StateBytes),
                        Text($"{r.CacheBytesPerS / 1e9:0.0}"),
                        Microseconds(r.FloorUs),
                        Text($"{r.FloorShare:0%}"),
                        Allocations(r.NativeAllocationsPerStep, r.ManagedBytesPerStep),
                    ]
            )
        );
        screen.Line(
            Text(
                $"A step: values in, the step, values out, by one thread's clock, which takes some hundredths of a microsecond itself. Weights: each trained value once, of an embedding one row; states: read and written. GB/s: an array of as many bytes, read again and again by one thread in this run, the fastest; floor: weights and states at that rate. Medians of {Several(report.Steps, "step")} or more; allocs: native + managed bytes, a step. {report.Seconds:0.0} s in all."
            )
        );
    }

    private static string Microseconds(double value) =>
        value >= 100 ? Text($"{value:0}")
        : value >= 10 ? Text($"{value:0.0}")
        : Text($"{value:0.00}");

    private static string Kibibytes(long bytes) => Text($"{bytes / 1024.0:0.0}");
}
