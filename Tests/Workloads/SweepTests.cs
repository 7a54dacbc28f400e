using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Charts;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>
/// Sweeps over sequence lengths: fitted exponents of time and memory, the plans alive at a time, and an early stop.
/// </summary>
[TestFixture]
public sealed class SweepTests
{
    [TestCase(0, 3)]
    [TestCase(1, 0.5)]
    [TestCase(1.37, 1e-6)]
    [TestCase(-2, 1e9)]
    public void The_exponent_of_a_power_is_found(double exponent, double factor)
    {
        double[] x = [100, 128, 700, 5000];
        double[] y = [.. x.Select(v => factor * Math.Pow(v, exponent))];
        Assert.That(PowerLaw.Exponent(x, y), Is.EqualTo(exponent).Within(1e-12));
    }

    [Test]
    public void What_is_no_power_is_fitted_by_least_squares_of_logarithms()
    {
        // Logarithms 0, 1, 3 and 0, 2, 3: means 4/3 and 5/3, sums 39/9 and 42/9.
        double[] x = [1, Math.E, Math.Exp(3)];
        double[] y = [1, Math.Exp(2), Math.Exp(3)];
        Assert.That(PowerLaw.Exponent(x, y), Is.EqualTo(13.0 / 14).Within(1e-12));
    }

    [Test]
    public void What_has_no_exponent_is_refused()
    {
        Assert.That(() => PowerLaw.Exponent([1], [1]), Throws.ArgumentException);
        Assert.That(() => PowerLaw.Exponent([2, 2], [1, 3]), Throws.ArgumentException);
        Assert.That(() => PowerLaw.Exponent([1, 2], [1]), Throws.ArgumentException);
        Assert.That(() => PowerLaw.Exponent([1, 2], [0, 1]), Throws.ArgumentException);
        Assert.That(() => PowerLaw.Exponent([1, 2], [1, double.NaN]), Throws.ArgumentException);
        Assert.That(
            () => PowerLaw.Exponent([1, double.PositiveInfinity], [1, 1]),
            Throws.ArgumentException
        );
    }

    [Test]
    public void Time_and_memory_are_fitted_for_each_architecture()
    {
        var results = new List<BenchResult>();
        foreach (int length in (int[])[64, 128, 1024])
        {
            results.Add(Made.Result("lstm", length, 0.01 * length, 1000L * length));
            results.Add(
                Made.Result("rnn", length, 1e-4 * length * length, 5000)
                // The exponent is that of the steps that a sequence has, not of the number asked for.
                with
                {
                    Length = 7,
                }
            );
        }
        Assert.That(
            GrowthExponents.Fit(results),
            Is.EqualTo(new GrowthExponents[] { new("lstm", 1, 1), new("rnn", 2, 0) })
        );
    }

    private static Workload[] At(int length) =>
        [
            .. ((string[])["lstm", "tcn"]).Select(name => new Workload(
                Architecture.Get(name),
                new AddingProblem(length),
                2,
                5,
                1
            )),
        ];

    [Test]
    public void Plans_of_one_length_only_are_alive_at_a_time()
    {
        IReadOnlyList<Workload[]> lengths = [At(6), At(12), At(24)];
        var ledgers = new List<MemoryLedger>();
        var alive = new List<int>();
        var progress = new List<double>();
        IReadOnlyList<Measured> results = Sweep.Run(
            lengths,
            () =>
            {
                Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
                ledgers.Add(backend.Memory);
                return backend;
            },
            new MeasurementOptions { Warmup = 1, Steps = 2 },
            (done, next) =>
            {
                progress.Add(done);
                int[] holders =
                [
                    .. Enumerable
                        .Range(0, ledgers.Count)
                        .Where(i => ledgers[i].CurrentBytes > 0)
                        .Select(i => lengths[i / 2][0].Task.Length),
                ];
                // Before the first backend of a length is made there are none.
                Assert.That(holders, Is.All.EqualTo(next.Task.Length));
                alive.Add(holders.Length);
            }
        );
        Assert.That(alive.Max(), Is.EqualTo(2), "the architectures of a length take turns");
        Assert.That(ledgers, Has.Count.EqualTo(6));
        Assert.That(ledgers.Select(l => l.CurrentBytes), Is.All.Zero);
        Assert.That(progress, Is.Ordered.And.All.InRange(0, 1));
        Assert.That(
            results.Select(r => (r.Workload.Architecture.Name, r.Workload.Task.Length)),
            Is.EqualTo(lengths.SelectMany(l => l).Select(w => (w.Architecture.Name, w.Task.Length)))
        );
        for (int i = 0; i < 6; i++)
        {
            Assert.That(results[i].Steps, Has.Count.EqualTo(2));
            Assert.That(results[i].PeakBytes, Is.EqualTo(ledgers[i].PeakBytes));
        }
    }

    [Test]
    public void A_length_that_does_not_fit_is_refused_before_the_first()
    {
        Workload large = At(6)[0] with { Task = new AddingProblem(100_000_000), Batch = 1_000_000 };
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        Assert.That(
            () => Sweep.RequireMemory([At(6), [large]], backend),
            Throws.TypeOf<DeviceMemoryException>().With.Message.Contains("GiB")
        );
    }

    [Test]
    public void Both_limits_leave_one_round()
    {
        IReadOnlyList<Measured> results = Measurement.Run(
            At(6),
            () => Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 }),
            new MeasurementOptions
            {
                Warmup = 5,
                Steps = 5,
                Limit = TimeSpan.Zero,
                WarmupLimit = TimeSpan.Zero,
            }
        );
        foreach (Measured r in results)
        {
            Assert.That(r.Warmup, Is.EqualTo(1));
            Assert.That(r.Steps, Has.Count.EqualTo(1));
        }
    }

    // Asked before each of two models, two steps of warm-up, four measured ones and two that are counted, at each of two lengths.
    [TestCase(0, new int[0], 0)]
    [TestCase(3, new int[0], 0)]
    [TestCase(4, new int[0], 0)]
    [TestCase(5, new[] { 1 }, 0)]
    [TestCase(7, new[] { 2, 1 }, 0)]
    [TestCase(8, new[] { 2, 2 }, 0)]
    [TestCase(9, new[] { 2, 2 }, 1)]
    [TestCase(10, new[] { 2, 2 }, 2)]
    [TestCase(15, new[] { 2, 2 }, 2)]
    [TestCase(16, new[] { 2, 2, 1, 1 }, 2)]
    [TestCase(18, new[] { 2, 2, 2, 2 }, 2)]
    [TestCase(20, new[] { 2, 2, 2, 2 }, 4)]
    public void What_is_stopped_has_the_steps_before(int asked, int[] steps, int counted)
    {
        int times = 0;
        var told = new List<Measured>();
        IReadOnlyList<Measured> results = Sweep.Run(
            [At(6), At(12)],
            () => Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 }),
            new MeasurementOptions { Warmup = 1, Steps = 2 },
            stop: () => times++ == asked,
            measured: told.AddRange
        );
        Assert.That(results.Select(r => r.Steps.Count), Is.EqualTo(steps));
        Assert.That(results.Count(r => r.Work is not null), Is.EqualTo(counted));
        Assert.That(told, Is.EqualTo(results));
        Assert.That(times, Is.EqualTo(Math.Min(asked + 1, 20)));
    }
}
