using Sequor.Workloads;
using static Sequor.Workloads.Figures;

namespace Sequor.Tool;

/// <summary>How a measurement in rounds looks to people.</summary>
internal static class RoundsView
{
    public static void Results(Screen screen, BenchReport report)
    {
        screen.Table(
            "One training step, by rounds",
            ["arch", "T", "size", "params", "step ms", "rounds", "peak MiB", "allocs"],
            report.Results.Select(r =>
                (string[])
                    [
                        r.Arch,
                        Text($"{r.Length}"),
                        Size(r.Hidden, r.Layers, r.Variant),
                        Text($"{r.Parameters}"),
                        Milliseconds(r.StepMs.Median),
                        Range(r.RoundsMs!.Min(), r.RoundsMs!.Max()),
                        Mebibytes(r.PeakBytes),
                        Allocations(r.NativeAllocationsPerStep, r.ManagedBytesPerStep),
                    ]
            )
        );
        WorkView.Results(screen, report);
        int rounds = report.Results.Count == 0 ? 0 : report.Results[0].RoundsMs!.Count;
        screen.Line(
            Text(
                $"Median of the medians of {Several(rounds, "round")}, each a process of its own; rounds: the least and the most of them. {report.Seconds:0.0} s in all."
            )
        );
    }
}
