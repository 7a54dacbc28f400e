using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>
/// What the ledger of a backend's memory records for plans: categories, peaks, and that everything is given back, also after
/// failures.
/// </summary>
public sealed class MemoryTests
{
    private Backend _backend = null!;

    private MemoryLedger Ledger => _backend.Memory;

    [SetUp]
    public void Begin() => _backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 2 });

    [TearDown]
    public void End() => _backend.Dispose();

    [Test]
    public void What_a_training_took_is_given_back(
        [ValueSource(typeof(TrainingRun), nameof(TrainingRun.Architectures))] string architecture
    )
    {
        // Scratch of the backend itself grows to the largest need and stays.
        Run(architecture);
        long before = Ledger.CurrentBytes;
        long[] categories = [.. Enum.GetValues<MemoryCategory>().Select(Ledger.Current)];

        Run(architecture);

        Assert.That(Ledger.CurrentBytes, Is.EqualTo(before));
        Assert.That(
            Enum.GetValues<MemoryCategory>().Select(Ledger.Current),
            Is.EqualTo(categories)
        );
    }

    private void Run(string architecture)
    {
        using var training = new TrainingRun(architecture, _backend);
        training.Step();
    }

    [Test]
    public void The_parts_of_the_peak_sum_to_it(
        [ValueSource(typeof(TrainingRun), nameof(TrainingRun.Architectures))] string architecture
    )
    {
        RequireSum();
        using (var first = new TrainingRun("tanh", _backend))
        {
            first.Step();
            RequireSum();
        }
        Run(architecture);
        RequireSum();
        long highest = Ledger.PeakBytes;

        Ledger.ResetPeak();
        RequireSum();
        Assert.That(Ledger.PeakBytes, Is.EqualTo(Ledger.CurrentBytes));
        Run("tanh");
        RequireSum();
        Assert.That(Ledger.PeakBytes, Is.LessThanOrEqualTo(highest));
        Assert.That(Ledger.PeakBytes, Is.GreaterThan(Ledger.CurrentBytes));

        void RequireSum() =>
            Assert.That(
                Enum.GetValues<MemoryCategory>().Sum(Ledger.AtPeak),
                Is.EqualTo(Ledger.PeakBytes)
            );
    }

    [Test]
    public void A_peak_that_begins_anew_from_nothing_is_nothing()
    {
        _backend.Allocate(1000, MemoryCategory.Parameters).Dispose();
        Assert.That(Ledger.PeakBytes, Is.GreaterThanOrEqualTo(4000));

        Ledger.ResetPeak();

        Assert.That(Ledger.PeakBytes, Is.Zero);
        Assert.That(Enum.GetValues<MemoryCategory>().Select(Ledger.AtPeak), Is.All.Zero);
    }

    [Test]
    public void Categories_hold_what_they_are_named_for()
    {
        using var model = new Linear(100, 50);
        using Plan plan = model.Plan(_backend, 10, 4, Mode.Training);
        using var optimizer = new Adam(plan, 0.1f);

        long parameters = Ledger.Current(MemoryCategory.Parameters);
        Assert.That(
            parameters,
            Is.InRange(4 * model.ParameterCount, 4 * model.ParameterCount + 256)
        );
        Assert.That(Ledger.Current(MemoryCategory.Gradients), Is.EqualTo(parameters));
        Assert.That(
            Ledger.Current(MemoryCategory.Optimizer),
            Is.InRange(2 * parameters, 2 * parameters + 64)
        );
        Assert.That(Ledger.Current(MemoryCategory.InputOutput), Is.EqualTo(4 * 10 * 4 * 100));
        Assert.That(Ledger.Current(MemoryCategory.Activations), Is.EqualTo(4 * 10 * 4 * 50));
    }

    [Test]
    public void An_evaluation_has_neither_gradients_nor_kept_activations(
        [ValueSource(typeof(Models), nameof(Models.Kinds))] string kind
    )
    {
        using Layer model = Models.Small(kind);
        using Plan plan = model.Plan(_backend, 50, 4, Mode.Evaluation);

        Assert.That(Ledger.Current(MemoryCategory.Gradients), Is.Zero);
        Assert.That(Ledger.Current(MemoryCategory.Activations), Is.Zero);
        Assert.That(plan.Gradients.IsEmpty);
    }

    [Test]
    public void Disposing_twice_gives_back_once()
    {
        var model = new Lstm(3, 4);
        Plan plan = model.Plan(_backend, 5, 2, Mode.Training);
        var loss = new SoftmaxCrossEntropy(plan);
        var optimizer = new Adam(plan, 0.1f);
        foreach (IDisposable disposable in new IDisposable[] { optimizer, loss, plan, model })
        {
            disposable.Dispose();
            disposable.Dispose();
        }

        Assert.That(Ledger.CurrentBytes, Is.Zero);
    }

    // Too much to have, to count and to multiply.
    [TestCase(1 << 16, 1 << 20, 1 << 20)]
    [TestCase(1, 1 << 20, 1 << 19)]
    [TestCase(1, int.MaxValue, int.MaxValue)]
    public void A_plan_that_fails_gives_back_what_it_took(int width, int length, int batch)
    {
        using var model = new Sequential(new Lstm(2, 2), new Linear(2, width));
        model.Initialize(_backend);
        long before = Ledger.CurrentBytes;

        Assert.That(
            () => model.Plan(_backend, length, batch, Mode.Training),
            Throws.TypeOf<DeviceMemoryException>()
        );

        Assert.That(Ledger.CurrentBytes, Is.EqualTo(before));
    }

    [Test]
    public void An_optimizer_that_is_refused_leaves_nothing_behind()
    {
        using var model = new Linear(2, 2);
        using Plan plan = model.Plan(_backend, 1, 1, Mode.Training);
        long before = Ledger.CurrentBytes;

        Assert.That(() => new Adam(plan, -1f), Throws.InstanceOf<ArgumentException>());

        Assert.That(Ledger.CurrentBytes, Is.EqualTo(before));
    }

    [Test]
    public void Memory_of_the_callers_is_neither_counted_nor_freed()
    {
        float[] values = GC.AllocateArray<float>(6, pinned: true);
        long before = Ledger.CurrentBytes;
        unsafe
        {
            fixed (float* address = values)
            {
                Tensor tensor = _backend.Wrap((nint)address, new Shape(2, 3));
                tensor.Write([1, 2, 3, 4, 5, 6]);
                tensor.Storage.Dispose();
            }
        }

        Assert.That(values, Is.EqualTo(new float[] { 1, 2, 3, 4, 5, 6 }));
        Assert.That(Ledger.CurrentBytes, Is.EqualTo(before));
    }
}
