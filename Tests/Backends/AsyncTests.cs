using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Threads;

/// <summary>Waiting, reading and training that hold up no caller.</summary>
[TestFixture("cpu")]
[TestFixture("cuda")]
public sealed class AsyncTests(string device) : CudaFixture
{
    private Backend On => device == "cpu" ? Cpu : Gpu;

    [Test]
    public async Task Values_are_read_as_they_were_when_asked_for()
    {
        using Storage memory = On.Allocate(3, MemoryCategory.InputOutput);
        Tensor tensor = memory.View(new Shape(3));
        tensor.Write([1, 2, 3]);

        Task<float[]> read = tensor.ToArrayAsync();
        tensor.Write([7, 8, 9]);
        await On.WaitAsync();

        Assert.That(await read, Is.EqualTo(new[] { 1f, 2f, 3f }));
        Assert.That(tensor.ToArray(), Is.EqualTo(new[] { 7f, 8f, 9f }));
    }

    [Test]
    public async Task A_loss_is_that_which_waiting_gives()
    {
        using var model = new Linear(2, 1);
        using Plan plan = model.Plan(On, 3, 2, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        plan.Forward(new float[12], 3, 2);
        loss.Compute([1, 2, 3, 4, 5, 6]);

        Assert.That(await loss.ReadValueAsync(), Is.EqualTo(loss.ReadValue()).And.Positive);
    }

    [Test]
    public void Cancelled_waiting_does_not_begin()
    {
        using Storage memory = On.Allocate(1, MemoryCategory.InputOutput);
        var cancelled = new CancellationToken(canceled: true);

        Assert.That(On.WaitAsync(cancelled).IsCanceled);
        Assert.That(memory.View(new Shape(1)).ToArrayAsync(cancelled).IsCanceled);
    }

    [Test]
    public async Task Training_goes_on_beside_the_caller_and_tells_each_step()
    {
        var told = new List<long>();
        using Trainer beside = Trainer(out Layer one);
        using Trainer here = Trainer(out Layer other);
        using (one)
        using (other)
        {
            StopReason reason = await beside.RunAsync(
                progress: new Told(now => told.Add(now.Steps))
            );
            here.Run();

            Assert.That(reason, Is.EqualTo(StopReason.Steps));
            Assert.That(told, Is.EqualTo(new long[] { 1, 2, 3, 4, 5 }));
            Assert.That(
                beside.Plan.Parameters.ToArray(),
                Is.EqualTo(here.Plan.Parameters.ToArray())
            );
        }
    }

    [Test]
    public async Task Training_that_is_cancelled_stops_between_steps()
    {
        using var cancellation = new CancellationTokenSource();
        using Trainer trainer = Trainer(out Layer model);
        using (model)
        {
            StopReason reason = await trainer.RunAsync(
                progress: new Told(now =>
                {
                    if (now.Steps == 2)
                        cancellation.Cancel();
                }),
                cancellation: cancellation.Token
            );

            Assert.That((reason, trainer.Step), Is.EqualTo((StopReason.Cancelled, 2)));
        }
    }

    [Test]
    public void A_block_frees_its_memory_and_a_tensor_has_nothing_that_does()
    {
        Assert.That(
            typeof(Tensor).GetProperties().Select(p => p.Name),
            Has.None.EqualTo("Storage")
        );
        using Storage memory = On.Allocate(4, MemoryCategory.InputOutput);
        Assert.That(
            () => memory.View(new Shape(5)),
            Throws.ArgumentException.With.Message.Contains("block of 4 floats")
        );
        Tensor tensor = memory.View(new Shape(2, 2));
        memory.Dispose();
        Assert.That(() => tensor.ToArray(), Throws.TypeOf<ObjectDisposedException>());
    }

    private Trainer Trainer(out Layer model)
    {
        model = new Sequential(new Gru(2, 3), new Last(3), new Linear(3, 1));
        return new Trainer(
            model,
            new AddingProblem(4),
            null,
            On,
            plan => new Sgd(plan, 0.1f),
            new TrainingOptions { Batch = 2, Steps = 5 }
        );
    }

    private sealed class Told(Action<TrainingProgress> action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action(value);
    }
}
