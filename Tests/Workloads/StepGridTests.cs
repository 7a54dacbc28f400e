using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>Which neighbours of a grid are told: those that take longer than the count of their work says.</summary>
[TestFixture]
public sealed class StepGridTests
{
    private static StepGrid.Cell Cell(
        int width,
        int batch,
        double ms,
        double floor,
        long bytes = 0
    ) =>
        new()
        {
            Workload = new Workload(Architecture.Get("rnn"), new AddingProblem(4), batch, width, 1),
            Measured = new Measured(
                new Workload(Architecture.Get("rnn"), new AddingProblem(4), batch, width, 1),
                new BackendInfo("cpu", "made up", 1, 256, "made up"),
                1,
                [new StepTime(ms / 2, ms / 2, 0, ms)],
                bytes,
                new Dictionary<MemoryCategory, long>(),
                0,
                0,
                0,
                null
            ),
            Floor = floor,
        };

    // The time and the count of a cell beside one of 1 ms and a count of 1.
    [TestCase(2.49, 1, false)]
    [TestCase(2.51, 1, true)]
    [TestCase(2.51, 2.1, false, Description = "the count says nearly as much")]
    [TestCase(4.9, 4, false)]
    [TestCase(5.1, 4, true)]
    [TestCase(0.39, 1, true, Description = "the larger one is the faster one")]
    [TestCase(0.39, 4, true)]
    [TestCase(0.41, 4, false)]
    public void Neighbours_differ_by_what_the_count_says(double ms, double floor, bool told)
    {
        StepGrid.Cell[] widths = [Cell(16, 1, 1, 1), Cell(17, 1, ms, floor)];
        StepGrid.Cell[] batches = [Cell(16, 1, 1, 1), Cell(16, 2, ms, floor)];
        Assert.That(StepGrid.Cliffs(widths), Has.Count.EqualTo(told ? 1 : 0));
        Assert.That(StepGrid.Cliffs(batches), Has.Count.EqualTo(told ? 1 : 0));
        if (!told)
            return;
        StepGrid.Cliff cliff = StepGrid.Cliffs(widths).Single();
        Assert.That(cliff.TimeRatio, Is.EqualTo(Math.Max(ms, 1 / ms)).Within(1e-9));
        Assert.That(cliff.CountRatio, Is.EqualTo(ms > 1 ? floor : 1 / floor).Within(1e-9));
    }

    // An RNN of 4 units has 2 x 4 + 4 x 4 + 2 x 4 + 4 + 1 = 37 parameters of four bytes, of 8 units 105.
    [TestCase(
        1000,
        2000,
        null,
        0,
        0,
        Description = "both lie beyond the last one, or within the first"
    )]
    [TestCase(400, 600, "memory", 3, 500)]
    [TestCase(500, 501, "memory", 3, 500)]
    [TestCase(501, 502, null, 0, 0)]
    [TestCase(100, 101, "parameters", 2, 200, Description = "by the parameters alone")]
    [TestCase(100, 700, "memory", 3, 500, Description = "the farther one, of two that are left")]
    public void What_leaves_a_cache_is_told(
        long fast,
        long slow,
        string? what,
        int level,
        long bytes
    )
    {
        CacheLevel[] caches = [new(2, 200), new(3, 500)];
        int width = what == LeftCache.Parameters || slow == 700 ? 8 : 4;
        StepGrid.Cell[] cells =
        [
            Cell(4, 1, 1, 1, fast),
            Cell(width, width == 4 ? 2 : 1, 10, 1, slow),
        ];
        GridCliff cliff = GridReport
            .Of(
                cells,
                cells[0].Workload.Task,
                4,
                new BackendInfo("cpu", "made up", 1, 256, "made up"),
                caches
            )
            .Cliffs.Single();
        if (what is null)
        {
            Assert.That(cliff.LeavesCache, Is.Null);
            return;
        }
        bool parameters = what == LeftCache.Parameters;
        Assert.That(
            cliff.LeavesCache,
            Is.EqualTo(
                new LeftCache(
                    level,
                    bytes,
                    what,
                    parameters ? 4 * cells[0].Workload.Parameters : fast,
                    parameters ? 4 * cells[1].Workload.Parameters : slow
                )
            )
        );
    }

    // At T=25 the taps of most levels reach before the first step.
    [TestCase(2.9, true)]
    [TestCase(3.1, false)]
    public void A_cell_is_left_out_by_an_estimate_that_may_be_too_high(
        double seconds,
        bool measured
    )
    {
        var workload = new Workload(Architecture.Get("tcn"), new AddingProblem(25), 1, 4, 8);
        double flops = StepGrid.Estimate(workload, new MachinePeaks(1, 1, 1, 1)).TotalSeconds;
        var peaks = new MachinePeaks(1e15, flops / seconds, 1, 1);
        StepGrid.Cell cell = StepGrid
            .Run(
                [workload],
                () => Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 }),
                peaks
            )
            .Single();
        Assert.That(cell.Measured is not null, Is.EqualTo(measured));
        Assert.That(
            cell.Skipped,
            measured ? Is.Null : Is.EqualTo("a step takes more than 3 s by estimate")
        );
        if (measured)
            Assert.That(cell.Floor, Is.Positive.And.LessThan(seconds * 1000 / 2));
    }

    [Test]
    public void Only_neighbours_are_compared_and_only_what_was_measured()
    {
        StepGrid.Cell[] cells =
        [
            Cell(4, 1, 1, 1),
            Cell(4, 2, 2, 1),
            Cell(4, 4, 4, 1),
            Cell(8, 1, 2, 1),
            Cell(8, 2, 4, 1) with
            {
                Measured = null,
                Skipped = "made up",
            },
            Cell(8, 4, 100, 1),
        ];
        Assert.That(
            StepGrid
                .Cliffs(cells)
                .Select(c => (c.Fast.Workload.Width, c.Fast.Workload.Batch, c.Slow.Workload.Batch)),
            Is.EquivalentTo(new[] { (8, 1, 4), (4, 4, 4) })
        );
        // Three batch sizes of width 4; both widths at two of them; and width 8 beside what was left out.
        Assert.That(StepGrid.Neighbours(cells), Has.Count.EqualTo(2 + 2 + 1));
        Assert.That(
            GridReport
                .Of(
                    cells,
                    cells[0].Workload.Task,
                    4,
                    new BackendInfo("cpu", "made up", 1, 256, "made up")
                )
                .Pairs,
            Is.EqualTo(5)
        );
    }

    [Test]
    public void Cells_are_measured_one_after_another()
    {
        Workload[] workloads =
        [
            .. from width in (int[])[2, 3]
            from batch in (int[])[1, 2]
            select new Workload(Architecture.Get("gru"), new AddingProblem(3), batch, width, 1),
        ];
        var begun = new List<(int, int)>();
        IReadOnlyList<StepGrid.Cell> cells = StepGrid.Run(
            workloads,
            () => Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 }),
            new MachinePeaks(1e9, 1e9, 1, 1),
            progress: (_, next) => begun.Add((next.Width, next.Batch))
        );
        Assert.That(cells.Select(cell => cell.Workload), Is.EqualTo(workloads));
        Assert.That(
            begun.Take(4),
            Is.EqualTo(workloads.Select(workload => (workload.Width, workload.Batch)))
        );
        Assert.That(cells.Select(cell => cell.Measured!.Steps.Count), Is.All.AtLeast(3));
        Assert.That(cells[1].Floor, Is.GreaterThan(cells[0].Floor));
    }

    [Test]
    public void A_stopped_grid_has_what_was_measured()
    {
        Workload[] workloads =
        [
            .. Enumerable
                .Range(1, 4)
                .Select(width => new Workload(
                    Architecture.Get("gru"),
                    new AddingProblem(3),
                    1,
                    width,
                    1
                )),
        ];
        bool stops = false;
        IReadOnlyList<StepGrid.Cell> cells = StepGrid.Run(
            workloads,
            () => Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 }),
            new MachinePeaks(1e9, 1e9, 1, 1),
            progress: (_, next) => stops = next.Width == 3,
            stop: () => stops
        );
        Assert.That(cells.Select(cell => cell.Workload.Width), Is.EqualTo(new[] { 1, 2 }));
    }
}
