using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Charts;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>What work moves and computes: counted operation by operation, the same each time, and set against a machine's peaks.</summary>
[TestFixture]
public sealed class WorkCostTests
{
    [Test]
    public void Operations_beyond_nine_thousand_million_million_have_their_time()
    {
        var part = new PartWork(20_000_000_000_000_000, 10_000_000_000_000_000, 1);
        BenchResult result = Made.Result("rnn", 4, 1, 1024) with
        {
            Work = new StepWork(part, part, part),
        };
        Assert.That(
            WorkFigures.FloorCells(result, new PeaksReport(1e12, 1e12, 1, 1)).Skip(1).Take(2),
            Is.EqualTo(new[] { "10000000", "20000000" })
        );
    }

    [Test]
    public void A_product_has_its_operations_and_bytes_and_the_floor_that_follows()
    {
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using Storage a = backend.Allocate(12, MemoryCategory.Workspace);
        using Storage b = backend.Allocate(20, MemoryCategory.Workspace);
        using Storage c = backend.Allocate(15, MemoryCategory.Workspace);
        var product = new MatrixProduct
        {
            A = a.View(new Shape(3, 4)),
            B = b.View(new Shape(4, 5)),
            C = c.View(new Shape(3, 5)),
        };
        backend.Fill(product.A, 1f);
        backend.Fill(product.B, 1f);
        var work = WorkCost.Of(
            backend,
            () =>
            {
                backend.MatMul(product);
                backend.Fill(product.C, 0f);
            }
        );
        Assert.That(work.Operations, Is.EqualTo(2));
        Assert.That(work.Flops, Is.EqualTo(2 * 3 * 4 * 5));
        Assert.That(work.BytesMoved, Is.EqualTo((12 + 20 + 15 + 15) * sizeof(float)));
        Assert.That(work.BytesUnknown, Is.Zero);
        Assert.That(work.Launches, Is.Zero);
        // 188 bytes and 120 operations, then 60 bytes: the operations take longer than the bytes, and the fill has none.
        var peaks = new MachinePeaks(188e3, 60e3, 1, 1);
        Assert.That(
            work.FloorMilliseconds(peaks),
            Is.EqualTo(2 + (1000.0 * 60 / 188e3)).Within(1e-9)
        );
    }

    [Test]
    public void Who_was_counted_is_counted_no_more()
    {
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using Storage a = backend.Allocate(12, MemoryCategory.Workspace);
        Tensor tensor = a.View(new Shape(12));
        var failure = Assert.Throws<InvalidOperationException>(() =>
            WorkCost.Of(backend, () => throw new InvalidOperationException("of the work"))
        );
        Assert.That(failure!.Message, Is.EqualTo("of the work"));
        var first = WorkCost.Of(backend, () => backend.Fill(tensor, 1f));
        backend.Fill(tensor, 2f);
        Assert.That(first.Operations, Is.EqualTo(1));
        Assert.That(WorkCost.Of(backend, () => { }).Operations, Is.Zero);
        Assert.That(backend.Probe, Is.Null);
    }

    [Test]
    public void A_training_step_costs_the_same_each_time(
        [ValueSource(typeof(Support.Listed), nameof(Support.Listed.Architectures))] string arch
    )
    {
        Architecture architecture = Architecture.Get(arch);
        var workload = new Workload(
            architecture,
            new AddingProblem(12),
            3,
            6,
            architecture.DefaultDepth
        );
        using var step = new TrainingStep(
            workload,
            Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 }),
            seed: 1
        );
        var first = WorkCost.Of(step.Backend, step.QueueEager);
        step.Run();
        var again = WorkCost.Of(step.Backend, step.QueueEager);
        Assert.That(first.Flops, Is.GreaterThan(2 * workload.Parameters));
        Assert.That(
            (again.Operations, again.BytesMoved, again.Flops),
            Is.EqualTo((first.Operations, first.BytesMoved, first.Flops))
        );
    }

    [Test]
    public void Parts_of_a_step_have_their_operations()
    {
        var workload = new Workload(Architecture.Get("rnn"), new AddingProblem(12), 3, 6, 1);
        using var step = new TrainingStep(
            workload,
            Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 }),
            seed: 1
        );
        var work = WorkCost.Of(step.Backend, step.QueueEager);
        WorkCost[] parts =
        [
            work.OfPasses(ProfilePass.Copy, ProfilePass.Other),
            work.OfPasses(ProfilePass.Forward),
            work.OfPasses(ProfilePass.Loss),
            work.OfPasses(ProfilePass.Backward),
            work.OfPasses(ProfilePass.Update),
        ];
        Assert.That(parts.Sum(part => part.Operations), Is.EqualTo(work.Operations));
        Assert.That(parts.Sum(part => part.Flops), Is.EqualTo(work.Flops));
        Assert.That(parts.Sum(part => part.BytesMoved), Is.EqualTo(work.BytesMoved));
        // The batch and the targets are copied in.
        Assert.That((parts[0].Operations, parts[0].Flops), Is.EqualTo((2, 0)));
        Assert.That(parts[4].Operations, Is.EqualTo(1));
        // The gradients of the weights and of the states take a product each where the forward pass has one; there is none of the input.
        Assert.That(parts[3].Flops, Is.InRange(1.5 * parts[1].Flops, 2.5 * parts[1].Flops));
        Assert.That(parts, Has.All.Property(nameof(WorkCost.Launches)).Null);
        Assert.That(work.OfPasses().Operations, Is.Zero);
    }
}
