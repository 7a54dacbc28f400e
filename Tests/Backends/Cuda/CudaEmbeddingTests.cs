using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Tests.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Embeddings on the CUDA backend: the CPU's bits, character models, wrong classes and the number of launches.</summary>
[TestFixture]
public sealed class CudaEmbeddingTests : CudaPlannedFixture
{
    // Classes, columns, T, B.
    private static readonly object[][] Sizes =
    [
        [1, 1, 1, 1],
        [1, 3, 40, 5],
        [5, 17, 1, 7],
        [65, 64, 33, 4],
        [300, 5, 50, 11],
        [70000, 2, 9, 1],
    ];

    [TestCaseSource(nameof(Sizes))]
    public void Outputs_and_gradients_have_the_bits_of_the_cpu(
        int count,
        int columns,
        int steps,
        int batch
    )
    {
        // Planned for more than there is.
        var d = new EmbeddingDescriptor(count, columns, (steps + 3) * batch, count / 3);
        float[] classes = new Draw(1).Classes(steps * batch, count);
        (float[] y, float[] gradient) = Run(Gpu, d, classes, steps, batch);
        (float[] expected, float[] slope) = Run(Cpu, d, classes, steps, batch);
        Close.CheckBits(y, expected, "output");
        Close.CheckBits(gradient, slope, "gradient");
        (_, float[] again) = Run(Gpu, d, classes, steps, batch);
        Close.CheckBits(again, gradient, "gradient, once more");
    }

    private (float[] Y, float[] Gradient) Run(
        Backend on,
        EmbeddingDescriptor d,
        float[] classes,
        int steps,
        int batch
    )
    {
        using EmbeddingOperation operation = on.PlanEmbedding(d);
        Tensor x = Put(on, new Shape(steps, batch, 1), classes);
        Tensor table = Put(on, new Shape(d.Count, d.Size), 2);
        Tensor y = Take(on, new Shape(steps, batch, d.Size));
        Tensor dtable = Put(on, new Shape(d.Count, d.Size), 3);
        // As many floats as it says, so that a launch that reaches further is found.
        Tensor space = Take(on, new Shape((int)operation.WorkspaceCount));
        operation.Forward(x, table, y);
        operation.Backward(x, Put(on, y.Shape, 4), dtable, space);
        return (y.ToArray(), dtable.ToArray());
    }

    [Test]
    public void A_character_model_trains_as_on_the_cpu([Values("gru", "tcn", "lru")] string kind)
    {
        using var gpu = new CharacterModel(kind, Gpu);
        using var cpu = new CharacterModel(kind, Cpu);
        for (int step = 0; step < 10; step++)
        {
            gpu.Step(step);
            cpu.Step(step);
            float expected = cpu.Loss.ReadValue();
            float actual = gpu.Loss.ReadValue();
            GpuTestReport.Error(
                "the loss of a character model",
                Math.Abs(actual - expected) / expected
            );
            Close.Check(actual, expected, expected, 2e-4, $"loss of step {step}");
        }
    }

    [Test]
    public void Sequences_of_different_lengths_train_as_on_the_cpu()
    {
        int[] lengths = [3, 9, 1, 7];
        float[] Gradient(Backend on)
        {
            using var model = new Sequential(new Embedding(6, 5, 2), new Gru(5, 4), new Last(4));
            using Plan plan = model.Plan(
                on,
                9,
                4,
                Mode.Training,
                new PlanOptions { VariableLengths = true }
            );
            Tensor dy = Take(on, new Shape(1, 4, 4));
            dy.Write(new Draw(3).Uniform(16));
            plan.Forward(new Draw(2).Classes(36, 6), 9, 4, lengths);
            plan.Backward(dy);
            return plan.Gradient("0.weight").ToArray();
        }

        Against.Cpu("embedding", "gradient", Gradient(Gpu), Gradient(Cpu), 2e-6);
    }

    [Test]
    public void A_wrong_class_on_the_device_is_nan_in_the_loss_and_reaches_no_other_memory()
    {
        using var text = new CharacterModel("gru", Gpu);
        text.Step(0);
        Tensor x = text.Plan.Input(CharacterModel.Length, CharacterModel.Batch);
        float[] classes = x.ToArray();
        (classes[3], classes[40], classes[41], classes[95]) = (-2f, 1e9f, float.NaN, 0.25f);
        x.Write(classes);
        float[] before = text.Plan.Parameters.ToArray();

        text.Step(x, 1);

        Assert.That(text.Loss.ReadValue(), Is.NaN);
        Assert.That(text.Optimizer.SkippedSteps, Is.EqualTo(1));
        Assert.That(text.Plan.FirstNonFinite(), Does.Contain("value 3 is -2"));
        Assert.That(text.Plan.Parameters.ToArray(), Is.EqualTo(before));
        text.Step(2);
        Assert.That(text.Loss.ReadValue(), Is.Not.NaN);
    }

    [TestCase(65, 5)]
    [TestCase(300, 7)]
    public void A_step_is_so_many_launches_and_a_graph_of_it_replays(int count, int launches)
    {
        using var model = new Embedding(count, 9);
        using Plan plan = model.Plan(Gpu, 50, 4, Mode.Training);
        Tensor x = Put(Gpu, new Shape(50, 4, 1), new Draw(1).Classes(200, count));
        Tensor dy = Put(Gpu, new Shape(50, 4, 9), 2);
        Step();
        Gpu.Synchronize();
        long taken = Gpu.Memory.Allocations;
        Virtual?.Counts.Reset();

        using CudaGraph graph = CudaGraph.Capture(Stream, Step);

        Assert.That(graph.NodeCount, Is.EqualTo(launches + 1), "launches, and the fill");
        if (Virtual is { } device)
        {
            Assert.That(device.Counts.Of("cuLaunchKernel"), Is.EqualTo(launches));
            foreach (string call in new[] { "cuStreamSynchronize", "cuMemAlloc_v2" })
                Assert.That(device.Counts.Of(call), Is.Zero, call);
        }
        Assert.That(Gpu.Memory.Allocations, Is.EqualTo(taken));
        using CudaGraphExec replay = graph.Instantiate();
        for (ulong seed = 3; seed < 6; seed++)
        {
            x.Write(new Draw(seed).Classes(200, count));
            dy.Write(new Draw(seed).Uniform(dy.Count));
            replay.Launch(Stream);
            float[] replayed = plan.Gradient("weight").ToArray();
            Step();
            Close.CheckBits(replayed, plan.Gradient("weight").ToArray(), $"replay {seed}");
        }

        void Step()
        {
            plan.Forward(x);
            plan.Backward(dy);
        }
    }
}
