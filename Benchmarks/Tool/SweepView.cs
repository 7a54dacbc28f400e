using Sequor.Workloads;
using static Sequor.Workloads.Figures;

namespace Sequor.Tool;

/// <summary>How a measurement over several lengths looks to people.</summary>
internal static class SweepView
{
    public static void Results(Screen screen, BenchReport report)
    {
        IReadOnlyList<GrowthExponents> growth =
            report.Exponents ?? throw new ArgumentException("This is no sweep.", nameof(report));
        BenchResult[][] groups = [.. report.Results.GroupBy(r => r.Arch).Select(g => g.ToArray())];
        string[] lengths = [.. groups[0].Select(r => Text($"T={r.Length}"))];
        string[] head = ["arch", "size", "params", .. lengths, "exponent"];
        Table("One training step, ms", r => Milliseconds(r.StepMs.Median), g => g.StepTime);
        Table("Memory at its peak, MiB", r => Mebibytes(r.PeakBytes), g => g.PeakMemory);
        BenchResult longest = report.Results[^1];
        if (report.Results.LastOrDefault(r => r.ReceptiveField is not null) is { } tcn)
            screen.Line(BenchView.LooksBack(tcn.ReceptiveField!.Value, tcn.SequenceLength));
        string steps =
            longest.SequenceLength == longest.Length
                ? ""
                : Text($" (T + {longest.SequenceLength - longest.Length} here)");
        screen.Line(
            Text(
                $"Exponent: p of the power of a sequence's steps{steps} that fits best, by least squares of the logarithms; 1 is in proportion. Size: width x layers, levels or blocks. Medians of {Several(report.Steps, "step")} each or more. {report.Seconds:0.0} s in all."
            )
        );

        void Table(
            string title,
            Func<BenchResult, string> cell,
            Func<GrowthExponents, double> exponent
        ) =>
            screen.Table(
                title,
                head,
                groups.Select(
                    (group, i) =>
                        (string[])
                            [
                                group[0].Arch,
                                Size(group[0].Hidden, group[0].Layers, group[0].Variant),
                                Text($"{group[0].Parameters}"),
                                .. group.Select(cell),
                                Ratio(exponent(growth[i])),
                            ]
                )
            );
    }
}
