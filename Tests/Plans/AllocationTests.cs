using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>Training steps and evaluations of a finished plan allocate neither managed nor native memory.</summary>
[NonParallelizable]
public sealed class AllocationTests
{
    [Test]
    public void A_training_step_allocates_nothing(
        [ValueSource(typeof(TrainingRun), nameof(TrainingRun.Architectures))] string architecture,
        [Values(1, 2)] int threads
    )
    {
        Backend backend = Backends.Get(Backends.Widths[0], threads);
        using var training = new TrainingRun(architecture, backend);
        training.Step();
        long allocations = backend.Memory.Allocations;

        long bytes = Allocated.Least(() =>
        {
            for (int step = 0; step < 5; step++)
                training.Step();
        });

        Assert.That(bytes, Is.Zero, "managed bytes");
        Assert.That(backend.Memory.Allocations, Is.EqualTo(allocations), "native allocations");
    }

    [Test]
    public void An_evaluation_allocates_nothing(
        [ValueSource(typeof(Models), nameof(Models.Kinds))] string kind,
        [Values(1, 2)] int threads
    )
    {
        Backend backend = Backends.Get(Backends.Widths[0], threads);
        using Layer model = Models.Small(kind);
        using Plan plan = model.Plan(backend, 9, 5, Mode.Evaluation);
        float[] x = new Draw(1).Uniform(9 * 5 * model.InputSize);
        plan.Forward(x, 9, 5);
        long allocations = backend.Memory.Allocations;

        long bytes = Allocated.Least(() => plan.Forward(x, 9, 5));

        Assert.That(bytes, Is.Zero, "managed bytes");
        Assert.That(backend.Memory.Allocations, Is.EqualTo(allocations), "native allocations");
    }
}
