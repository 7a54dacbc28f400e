using System.Diagnostics;
using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Training steps of models of many widths at many batch sizes, one after another, and which neighbours differ in time without that the
/// count of what they compute and move says so. On a machine without cliffs in its code there are none.
/// </summary>
public sealed class StepGrid
{
    /// <summary>Neighbours may differ so many times in time, whatever the count says.</summary>
    public const double MostRatio = 2.5;

    /// <summary>And so many times what the count differs by.</summary>
    public const double MostOverCount = 1.25;

    /// <summary>A cell whose step takes longer by <see cref="Estimate"/> is left out.</summary>
    public static readonly TimeSpan MostEstimated = TimeSpan.FromSeconds(3);

    // A multiplication and an addition for each parameter forward, and twice that backward.
    private const long FlopsPerParameter = 6;

    // What else a machine does disturbs a measurement, and seldom all of several.
    private const int Repeats = 4;

    // A cell ends soon, and has steps enough that its median is one.
    private const int Steps = 501;
    private const int Warmup = 2000;
    private const int LeastSteps = 3;
    private static readonly TimeSpan WarmupLimit = TimeSpan.FromMilliseconds(100);

    // Until code has settled, which the limit of a cell's warm-up is too short for, the first cell is measured again and again, so long at most.
    private static readonly TimeSpan MostSettling = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(300);

    private readonly Func<Backend> _createBackend;
    private readonly MachinePeaks _peaks;
    private readonly MeasurementOptions _options;
    private readonly List<Cell> _cells = [];

    private StepGrid(Func<Backend> createBackend, MachinePeaks peaks, ulong seed)
    {
        (_createBackend, _peaks) = (createBackend, peaks);
        _options = new MeasurementOptions
        {
            Warmup = Warmup,
            WarmupLimit = WarmupLimit,
            Steps = Steps,
            Limit = Limit,
            LeastRounds = LeastSteps,
            Seed = seed,
        };
    }

    /// <summary>A model at a batch size.</summary>
    public sealed record Cell
    {
        /// <summary>What was to be measured.</summary>
        public required Workload Workload { get; init; }

        /// <summary>What was; null where the cell was left out.</summary>
        public Measured? Measured { get; init; }

        /// <summary>The least milliseconds of a step: what was counted at the machine's peaks.</summary>
        public double Floor { get; init; }

        /// <summary>Why the cell was left out; null where it was not.</summary>
        public string? Skipped { get; init; }
    }

    /// <summary>Two neighbours of which the second takes longer than the first.</summary>
    /// <param name="Fast">The faster one.</param>
    /// <param name="Slow">The slower one.</param>
    public sealed record Cliff(Cell Fast, Cell Slow)
    {
        /// <summary>How many times as long a step takes.</summary>
        public double TimeRatio => Slow.Measured!.Median / Fast.Measured!.Median;

        /// <summary>How many times as long it takes by the count; less than 1 where it should take less.</summary>
        public double CountRatio => Slow.Floor / Fast.Floor;
    }

    /// <summary>
    /// Measures cells, each by itself, with memory of its own. Those that look like cliffs are measured anew, and the faster of the
    /// measurements counts.
    /// </summary>
    /// <param name="workloads">The cells.</param>
    /// <param name="createBackend">A new backend on the device.</param>
    /// <param name="peaks">What that does at most.</param>
    /// <param name="seed">Of parameters and data.</param>
    /// <param name="progress">Called with the fraction done and the workload that comes next.</param>
    /// <param name="stop">Asked before a step whether to leave it and all others out, until it is true; null for never.</param>
    /// <returns>One a workload, in their order; of a stopped measurement those that have a measured step.</returns>
    public static IReadOnlyList<Cell> Run(
        IReadOnlyList<Workload> workloads,
        Func<Backend> createBackend,
        MachinePeaks peaks,
        ulong seed = 1,
        Action<double, Workload>? progress = null,
        Func<bool>? stop = null
    )
    {
        ArgumentNullException.ThrowIfNull(workloads);
        ArgumentNullException.ThrowIfNull(createBackend);
        ArgumentNullException.ThrowIfNull(peaks);
        var grid = new StepGrid(createBackend, peaks, seed);
        for (int i = 0; i < workloads.Count; i++)
        {
            progress?.Invoke((double)i / workloads.Count, workloads[i]);
            // The first steps of an architecture are those in which its code is compiled.
            if (i == 0 || workloads[i].Architecture != workloads[i - 1].Architecture)
                grid.Settle(workloads[i], stop);
            if (grid.Measure(workloads[i], stop) is not { } cell)
                return grid._cells;
            grid._cells.Add(cell);
        }
        for (int repeat = 0; repeat < Repeats; repeat++)
        {
            foreach (
                Cell cell in Cliffs(grid._cells)
                    .SelectMany(cliff => (Cell[])[cliff.Fast, cliff.Slow])
                    .Distinct()
                    .ToArray()
            )
            {
                progress?.Invoke(1, cell.Workload);
                if (grid.Measure(cell.Workload, stop) is not { } again)
                    return grid._cells;
                if (again.Measured?.Median < cell.Measured!.Median)
                    grid._cells[grid._cells.IndexOf(cell)] = again;
            }
        }
        return grid._cells;
    }

    /// <summary><see cref="Neighbours"/> of which one takes more than <see cref="MostRatio"/> times as long as the other, and more than
    /// <see cref="MostOverCount"/> times what the count says.
    /// </summary>
    public static IReadOnlyList<Cliff> Cliffs(IReadOnlyList<Cell> cells) =>
        [
            .. Neighbours(cells)
                .Where(pair =>
                    pair.TimeRatio > MostRatio && pair.TimeRatio > MostOverCount * pair.CountRatio
                ),
        ];

    /// <summary>
    /// What is compared: of the measured cells, each with that of the next larger width at the same batch size and with that of the next
    /// larger batch size at the same width.
    /// </summary>
    public static IReadOnlyList<Cliff> Neighbours(IReadOnlyList<Cell> cells)
    {
        ArgumentNullException.ThrowIfNull(cells);
        var pairs = new List<Cliff>();
        foreach (var of in cells.Where(cell => cell.Measured is not null).GroupBy(Model))
        {
            foreach (var width in of.GroupBy(cell => cell.Workload.Width))
                Add(width.OrderBy(cell => cell.Workload.Batch));
            foreach (var batch in of.GroupBy(cell => cell.Workload.Batch))
                Add(batch.OrderBy(cell => cell.Workload.Width));
        }
        return pairs;

        void Add(IEnumerable<Cell> line)
        {
            Cell[] all = [.. line];
            foreach ((Cell a, Cell b) in all.Zip(all.Skip(1)))
            {
                bool falls = a.Measured!.Median > b.Measured!.Median;
                pairs.Add(new Cliff(falls ? b : a, falls ? a : b));
            }
        }
    }

    /// <summary>
    /// About how long a step takes at the machine's peaks, before anything is made: six operations for each parameter and step of a
    /// sequence. Where the taps of a convolution reach before the first step, or most parameters are rows of an embedding, fewer
    /// are computed, so a step may well take a third of it.
    /// </summary>
    /// <param name="workload">The cell.</param>
    /// <param name="peaks">What the machine does at most.</param>
    public static TimeSpan Estimate(Workload workload, MachinePeaks peaks)
    {
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentNullException.ThrowIfNull(peaks);
        double seconds =
            (double)FlopsPerParameter
            * workload.Parameters
            * workload.Tokens
            / peaks.MostFlopsPerSecond;
        return TimeSpan.FromSeconds(Math.Min(seconds, TimeSpan.MaxValue.TotalSeconds / 2));
    }

    private static (string, int) Model(Cell cell) =>
        (cell.Workload.Architecture.Name, cell.Workload.Depth);

    private void Settle(Workload workload, Func<bool>? stop)
    {
        var clock = Stopwatch.StartNew();
        var code = new CodeSettling();
        while (
            !code.IsSettled()
            && clock.Elapsed < MostSettling
            && Measure(workload, stop) is { Measured: not null }
        ) { }
    }

    // Null where it was stopped.
    private Cell? Measure(Workload workload, Func<bool>? stop)
    {
        if (Estimate(workload, _peaks) > MostEstimated)
            return new Cell
            {
                Workload = workload,
                Skipped = string.Create(
                    CultureInfo.InvariantCulture,
                    $"a step takes more than {MostEstimated.TotalSeconds} s by estimate"
                ),
            };
        try
        {
            return
                Measurement.Run([workload], _createBackend, _options, stop: stop)
                    is [{ Work: { } work } measured]
                ? new Cell
                {
                    Workload = workload,
                    Measured = measured,
                    Floor = work.FloorMilliseconds(_peaks),
                }
                : null;
        }
        catch (DeviceMemoryException e)
        {
            return new Cell { Workload = workload, Skipped = e.Message };
        }
    }
}
