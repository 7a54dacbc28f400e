using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>Measured workloads: percentiles, the timing of steps, the memory that they report and its lower bound.</summary>
[TestFixture]
public sealed class MeasurementTests
{
    [Test]
    public void Percentiles_lie_between_samples_in_proportion()
    {
        double[] samples = [4, 1, 3, 2];
        Assert.That(Statistics.Median(samples), Is.EqualTo(2.5));
        Assert.That(Statistics.Percentile(samples, 0), Is.EqualTo(1));
        Assert.That(Statistics.Percentile(samples, 1), Is.EqualTo(4));
        Assert.That(Statistics.Percentile(samples, 0.05), Is.EqualTo(1.15).Within(1e-12));
        Assert.That(Statistics.Percentile([7], 0.95), Is.EqualTo(7));
        Assert.That(() => Statistics.Median([]), Throws.ArgumentException);
        Assert.That(
            () => Statistics.Percentile(samples, double.NaN),
            Throws.TypeOf<ArgumentOutOfRangeException>()
        );
    }

    [Test]
    public void Steps_are_timed_in_turn_and_their_memory_is_told_apart(
        [ValueSource(typeof(Listed), nameof(Listed.DrawnTasks))] string task
    )
    {
        SequenceTask sequences = Sequor.Workloads.Tasks.Create(task, 30);
        Workload[] workloads =
        [
            .. Architecture.All.Select(a => new Workload(a, sequences, 4, 8, a.DefaultDepth)),
        ];
        var order = new List<string>();
        IReadOnlyList<Measured> results = Measurement.Run(
            workloads,
            () => Backend.Create(Device.Cpu, new CpuOptions { Threads = 2 }),
            new MeasurementOptions { Warmup = 1, Steps = 6 },
            (_, next) => order.Add(next.Architecture.Name)
        );

        Assert.That(
            order.Skip(Architecture.All.Count),
            Is.EqualTo(Enumerable.Repeat(Architecture.Names, 7).SelectMany(n => n))
        );
        foreach (Measured r in results)
        {
            Assert.That(r.Steps, Has.Count.EqualTo(6));
            foreach (StepTime s in r.Steps)
            {
                Assert.That(s.Forward, Is.GreaterThan(0));
                Assert.That(s.Backward, Is.GreaterThan(0));
                Assert.That(s.Optimizer, Is.GreaterThan(0));
                Assert.That(s.Forward + s.Backward + s.Optimizer, Is.EqualTo(s.Whole).Within(1e-3));
            }
            Assert.That(r.BytesAtPeak.Values.Sum(), Is.EqualTo(r.PeakBytes));
            Assert.That(r.FloorRatio, Is.GreaterThan(1));
            Assert.That(r.NativeAllocations, Is.Zero);
        }
    }

    // Wide and long enough that what does not grow with the batch counts for little.
    [Test]
    public void Memory_stays_near_what_backward_needs(
        [ValueSource(typeof(Listed), nameof(Listed.Architectures))] string name
    )
    {
        Architecture architecture = Architecture.Get(name);
        var task = new AddingProblem(600);
        PresetModel sizes = Budget.Find(architecture, task, 70_000);
        using var step = new TrainingStep(
            new Workload(architecture, task, 32, sizes),
            Backend.Create(Device.Cpu, new CpuOptions { Threads = 2 }),
            seed: 1
        );
        step.Run();
        double ratio = (double)step.Backend.Memory.PeakBytes / step.Workload.FloorBytes;
        Assert.That(ratio, Is.InRange(1, 1.3));
    }

    [Test]
    public void A_step_that_needs_more_than_the_machine_has_is_refused()
    {
        var workload = new Workload(
            Architecture.Get("lstm"),
            new AddingProblem(1_000_000),
            100_000,
            64,
            1
        );
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        DeviceMemoryException error = Assert.Throws<DeviceMemoryException>(() =>
            Measurement.RequireMemory([workload, workload], backend)
        )!;
        Assert.That(error.Message, Does.StartWith("lstm, lstm: training needs at least"));
        Assert.That(error.Table!.WantedBytes, Is.EqualTo(2 * workload.FloorBytes));
        Assert.That(error.Table.FreeBytes, Is.EqualTo(backend.FreeBytes));
        Assert.That(
            () =>
                Measurement.Run(
                    [workload],
                    () => Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 }),
                    new MeasurementOptions()
                ),
            Throws.TypeOf<DeviceMemoryException>()
        );
    }

    [Test]
    public void The_floor_counts_what_the_lstm_keeps()
    {
        var workload = new Workload(Architecture.Get("lstm"), new AddingProblem(10), 3, 4, 2);
        // 4 values a parameter; two inputs and, a sequence, a target; 2 layers of 6 values a unit and step.
        long values = (4 * workload.Parameters) + (10 * 3 * 2) + 3 + (10 * 3 * 2 * 6 * 4);
        Assert.That(workload.FloorBytes, Is.EqualTo(4 * values));
    }

    [Test]
    public void Losses_are_thinned_evenly_and_end_with_the_last()
    {
        var history = new LossHistory();
        for (int step = 1; step <= 10_001; step++)
            history.Add(step, step * 0.1f);
        IReadOnlyList<double[]> points = history.ToArrays();
        Assert.That(points, Has.Count.LessThanOrEqualTo(LossHistory.Most + 1));
        Assert.That(points, Has.Count.GreaterThan(LossHistory.Most / 2));
        Assert.That(points[^1][0], Is.EqualTo(10_001));
        double[] gaps =
        [
            .. Enumerable.Range(1, points.Count - 2).Select(i => points[i][0] - points[i - 1][0]),
        ];
        Assert.That(gaps.Distinct().Count(), Is.EqualTo(1));
        Assert.That(new LossHistory().ToArrays(), Is.Empty);
    }
}
