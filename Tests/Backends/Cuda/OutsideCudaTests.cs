using NUnit.Framework;
using Sequor.Layers;
using Sequor.Outside.Training;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>A stranger's optimizer and dataset on CUDA, beside the CPU.</summary>
[TestFixture]
public sealed class OutsideCudaTests : CudaFixture
{
    [Test]
    public void It_trains_as_on_the_cpu_and_its_steps_run_as_they_are()
    {
        using Sequential onGpu = Model();
        using Sequential onCpu = Model();
        using Trainer gpu = Trainer(onGpu, Gpu);
        using Trainer cpu = Trainer(onCpu, Cpu);

        gpu.Run();
        cpu.Run();

        for (int i = 0; i < cpu.History.Count; i++)
        {
            double expected = cpu.History[i].Valid!.Value;
            Close.Check(gpu.History[i].Valid!.Value, expected, expected, 1e-4, $"epoch {i + 1}");
        }
        Assert.That(gpu.Graph.Replays, Is.Zero);
        Assert.That(gpu.Graph.EagerReason, Does.Contain("reading a value back"));
        Assert.That(gpu.Optimizer.SkippedSteps, Is.Zero);
    }

    private static Sequential Model() => new(new Gru(2, 6), new Linear(6, 2));

    private static Trainer Trainer(Layer model, Backend backend) =>
        new(
            model,
            new Spirals("train", 6),
            new Spirals("valid", 4),
            backend,
            plan => new PlainDescent(plan, 0.1f),
            new TrainingOptions
            {
                Batch = 1,
                Epochs = 3,
                Clip = 0.1f,
            }
        );
}
