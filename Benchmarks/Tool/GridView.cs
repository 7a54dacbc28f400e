using Sequor.Workloads;
using static Sequor.Workloads.Figures;

namespace Sequor.Tool;

/// <summary>How training steps of many widths at many batch sizes look to people.</summary>
internal static class GridView
{
    // So many columns of times fit a line of 100 characters.
    private const int BatchesOfTable = 11;

    /// <param name="screen">Where to.</param>
    /// <param name="grid">What was measured.</param>
    /// <param name="finished">Whether all of it was, and what looked like a cliff several times.</param>
    /// <param name="seconds">Of all of it.</param>
    public static void Results(Screen screen, GridReport grid, bool finished, double seconds)
    {
        foreach (var arch in grid.Cells.GroupBy(cell => cell.Arch))
        {
            GridCell[] cells = [.. arch];
            string depth = Text($"{arch.Key}, depth {cells[0].Layers}");
            Table(screen, $"{depth}: a training step, ms", cells, Time);
            Table(screen, $"{depth}: the least by the count, of the step", cells, Share);
        }
        foreach (
            var kind in grid
                .Cells.Select(cell => cell.Skipped)
                .OfType<string>()
                .GroupBy(reason => string.Concat(reason.Where(char.IsLetter)))
        )
        {
            // Messages of one kind differ by their numbers.
            string first = kind.Distinct().Skip(1).Any() ? ", the first" : "";
            screen.Line(
                $"Left out, {Several(kind.Count(), "cell")}{first}: {kind.First().TrimEnd('.')}."
            );
        }
        screen.Line(Compared(grid));
        foreach (GridCliff cliff in grid.Cliffs)
            screen.Line(
                Text(
                    $"  {cliff.Arch} width {cliff.SlowHidden} batch {cliff.SlowBatch} takes {cliff.TimeRatio:0.0} times as long as width {cliff.FastHidden} batch {cliff.FastBatch}, by the count {cliff.CountRatio:0.0}{Cache(cliff.LeavesCache)}"
                )
            );
        screen.Line(
            Text(
                $"Width down, batch across; medians. Count: each operation's floats or bytes at the machine's peaks, whichever take longer. Told: more than {grid.MostRatio} times as long, and more than {grid.MostOverCount} times what the count says{(finished ? ", measured again four times" : "")}. {seconds:0.0} s in all."
            )
        );
    }

    private static string Compared(GridReport grid)
    {
        string pairs = Several(grid.Pairs, "pair") + " of neighbours";
        return grid.Pairs == 0 ? "No neighbours were measured, so none are compared."
            : grid.Cliffs.Count == 0 ? $"Of {pairs} none differs by more than the count says."
            : Text(
                $"Of {pairs} {grid.Cliffs.Count} {(grid.Cliffs.Count == 1 ? "differs" : "differ")} by more than the count says, which knows nothing of caches; {grid.Cliffs.Count(c => c.LeavesCache is not null)} of them leave one:"
            );
    }

    private static string Cache(LeftCache? left) =>
        left is null
            ? ""
            : Text(
                $"; its {left.What}, {Mebibytes(left.SlowBytes)} MiB beside {Mebibytes(left.FastBytes)}, {(left.What == LeftCache.Parameters ? "leave" : "leaves")} the {Mebibytes(left.CacheBytes)} of level {left.Level}"
            );

    private static void Table(
        Screen screen,
        string title,
        GridCell[] cells,
        Func<GridCell, string> show
    )
    {
        int[] batches = [.. cells.Select(cell => cell.Batch).Distinct()];
        foreach (int[] some in batches.Chunk(BatchesOfTable))
            screen.Table(
                title,
                ["width", .. some.Select(batch => Text($"B={batch}"))],
                cells
                    .GroupBy(cell => cell.Hidden)
                    .Select(width =>
                        (string[])
                            [
                                Text($"{width.Key}"),
                                .. some.Select(batch =>
                                    width.FirstOrDefault(cell => cell.Batch == batch) is { } cell
                                        ? show(cell)
                                        : ""
                                ),
                            ]
                    )
            );
    }

    private static string Time(GridCell cell) =>
        cell.StepMs is not { Median: var ms } ? "-"
        : ms < 1 ? Text($"{ms:0.000}")
        : ms < 10 ? Text($"{ms:0.00}")
        : Milliseconds(ms);

    private static string Share(GridCell cell) =>
        cell.StepMs is { Median: > 0 and var ms } && cell.FloorMs is { } floor
            ? Text($"{floor / ms:0%}")
            : "-";
}
