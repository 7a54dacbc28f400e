using Sequor.Layers;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.Counts;

/// <summary>Counts as text.</summary>
internal static class CountsView
{
    /// <summary>What is counted, and what a floor is.</summary>
    public static void Header(Screen screen, Gpu gpu)
    {
        screen.Line(
            Figures.Text(
                $"counted on a virtual GPU; floors on {gpu.Name}: {gpu.Multiprocessors} multiprocessors, {gpu.BytesPerSecond / 1e9:#,0} GB/s, {gpu.Float32 / 1e12:0.##} TFLOP/s (float64 {gpu.Float64 / 1e12:0.##}, tf32 {gpu.Tf32 / 1e12:0.##})"
            )
        );
        screen.Line(
            "A floor is a bound and no forecast: the longer of bytes over bandwidth and operations over rate, by the maker's figures, as if nothing else took time and nothing lay in a cache before."
        );
        if (gpu.MeasuredCopy is { } copy)
            screen.Line(
                Figures.Text(
                    $"A copy was measured at {copy / 1e9:#,0} GB/s by others: floors by bytes would be {gpu.BytesPerSecond / copy:0.00} times as long at that rate."
                )
            );
        screen.Line();
    }

    /// <summary>A step of one architecture.</summary>
    public static void Show(Screen screen, StepCount count)
    {
        Workload w = count.Workload;
        screen.Line(
            Figures.Text(
                $"{w.Architecture}: {w.Task.Name}, T={w.Task.Length}, B={w.Batch}, {w.Width} x {w.Depth}, {w.Parameters} parameters, Adam"
            )
        );
        screen.Line();
        screen.Table(
            "Kernels",
            [
                "kernel",
                "launches",
                "MiB",
                "sectors/request",
                "bank conflicts",
                "instructions/value",
                "registers",
                "occupancy",
                "waves",
                "floor us",
            ],
            count.Kernels.Select(Row)
        );
        screen.Table(
            "Library calls, by formula",
            ["call", "calls", "MiB", "MFLOP", "floor us"],
            count.Library.Select(call =>
                (string[])
                    [
                        call.Call,
                        Figures.Count(call.Calls),
                        Figures.Mebibytes(call.Bytes),
                        Figures.Text($"{call.Operations / 1e6:#,0.0}"),
                        Microseconds(call.FloorMicroseconds),
                    ]
            )
        );
        screen.Line(
            Figures.Text(
                $"{w.Architecture}: {count.Launches} launches, {Figures.Several(count.Library.Sum(c => c.Calls), "library call")}, {count.Copies} copies and fills; {Figures.Mebibytes(count.Bytes)} MiB, {count.Operations / 1e6:#,0} MFLOP; floor {Microseconds(count.FloorMicroseconds)} us"
            )
        );
        screen.Line();
    }

    private static string[] Row(KernelTally kernel) =>
        [
            kernel.Name,
            Figures.Count(kernel.Counts.Launches),
            Figures.Mebibytes(kernel.Counts.BytesTouched),
            Figures.Text($"{kernel.SectorsPerRequest:0.00}"),
            Figures.Count(kernel.Counts.BankConflicts),
            Figures.Text($"{kernel.InstructionsPerValue:0.0}"),
            Figures.Count(kernel.Registers),
            Figures.Text($"{100 * kernel.Occupancy:0.#}%"),
            Figures.Text($"{kernel.Waves:0.000}"),
            Microseconds(kernel.FloorMicroseconds),
        ];

    private static string Microseconds(double value) =>
        value >= 10 ? Figures.Text($"{value:#,0.0}") : Figures.Text($"{value:0.000}");
}
