using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>What steps move and compute, beside what the machine does at most, as people read it.</summary>
internal static class WorkView
{
    /// <summary>A table of the results that were counted, and the peaks; nothing where none was.</summary>
    public static void Results(Screen screen, BenchReport report)
    {
        BenchResult[] counted = [.. report.Results.Where(WorkFigures.IsCounted)];
        if (counted.Length == 0)
            return;
        bool launches = counted.Any(r => r.Launches is not null);
        screen.Table(
            "What a step moves and computes",
            ["arch", .. WorkFigures.Columns(launches)],
            counted.Select(r => (string[])[r.Arch, .. WorkFigures.Cells(r, report.Peaks, launches)])
        );
        string peaks = report.Peaks is { } measured
            ? WorkFigures.Peaks(measured)
            : "There was no memory to measure what the machine does at most.";
        screen.Line($"{peaks} {WorkFigures.Legend(counted.Any(r => r.BytesUnknown > 0))}");
        BenchResult[] floors = [.. counted.Where(WorkFigures.HasFloors)];
        if (floors.Length == 0)
            return;
        screen.Line();
        screen.Table(
            "Forward and backward pass, and the least that they take",
            ["arch", .. WorkFigures.FloorColumns],
            floors.Select(r => (string[])[r.Arch, .. WorkFigures.FloorCells(r, report.Peaks)])
        );
        screen.Line(WorkFigures.FloorLegend);
    }
}
