using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Tensors given back to where they are from, and tensors of another backend, on a GPU.</summary>
[TestFixture]
public sealed class CudaAliasTests : CudaFixture
{
    private const int Steps = 3;
    private const int Batch = 2;
    private const int Width = 4;

    private static readonly float[] X = new Draw(5).Uniform(Steps * Batch * Width);

    [TestCase(Mode.Training)]
    [TestCase(Mode.Evaluation)]
    [TestCase(Mode.Streaming)]
    public void The_output_as_input_and_as_gradient_gives_what_its_copy_gives(Mode mode)
    {
        float[] Run(bool copy)
        {
            using var model = new Gru(Width, Width);
            using Plan plan = model.Plan(Gpu, Steps, Batch, mode, new PlanOptions { Seed = 3 });
            Tensor y = plan.Forward(X, Steps, Batch);
            float[] values = y.ToArray();
            Tensor z = copy ? plan.Forward(values, Steps, Batch) : plan.Forward(y);
            if (mode != Mode.Training)
                return z.ToArray();
            Tensor dy = Gpu.Allocate(z.Shape, MemoryCategory.InputOutput);
            dy.Write(z.ToArray());
            plan.Backward(copy ? dy : plan.Output);
            dy.Storage.Dispose();
            return [.. z.ToArray(), .. plan.Gradients.ToArray()];
        }

        Assert.That(Run(false), Is.EqualTo(Run(true)));
    }

    [Test]
    public void A_step_that_begins_from_the_output_is_recorded_with_its_copy()
    {
        // Each run goes on from the output of the one before.
        float[] Run(bool graphs)
        {
            using var model = new Sequential(new Rnn(Width, Width));
            using Plan plan = model.Plan(
                Gpu,
                Steps,
                Batch,
                Mode.Training,
                new PlanOptions { Seed = 3 }
            );
            plan.Forward(X, Steps, Batch);
            using var graph = new StepGraph(plan, () => plan.Forward(plan.Output));
            for (int i = 0; i < 5; i++)
            {
                if (graphs)
                    graph.Run();
                else
                    graph.RunEager();
            }
            Assert.That(graph.Replays, Is.EqualTo(graphs ? 3 : 0));
            return plan.Output.ToArray();
        }

        Assert.That(Run(true), Is.EqualTo(Run(false)));
    }

    [TestCase(1)]
    [TestCase(-1)]
    [TestCase(2)]
    [TestCase(0)]
    public void Overlapping_tensors_are_copied_as_if_they_did_not(int steps)
    {
        Tensor block = Gpu.Allocate(new Shape(Steps, Batch, Width), MemoryCategory.InputOutput);
        block.Write(X);
        int count = Steps - Math.Abs(steps);
        Tensor from = block.Slice(Math.Max(0, -steps), count);
        Tensor to = block.Slice(Math.Max(0, steps), count);
        float[] right = from.ToArray();

        from.CopyTo(to);

        Assert.That(to.ToArray(), Is.EqualTo(right));
        block.Storage.Dispose();
    }

    [Test]
    public void Tensors_that_overlap_too_closely_are_refused()
    {
        Tensor block = Gpu.Allocate(new Shape(5001), MemoryCategory.InputOutput);

        Assert.That(
            () => block.Slice(0, 5000).CopyTo(block.Slice(1, 5000)),
            Throws.ArgumentException.With.Message.Contains("5000 copies")
        );
        block.Storage.Dispose();
    }

    [Test]
    public void A_tensor_of_another_backend_is_refused()
    {
        using var onCpu = new Gru(Width, Width);
        using var onGpu = new Gru(Width, Width);
        using Plan cpu = onCpu.Plan(
            Cpu,
            Steps,
            Batch,
            Mode.Training,
            new PlanOptions { VariableLengths = true }
        );
        using Plan gpu = onGpu.Plan(
            Gpu,
            Steps,
            Batch,
            Mode.Training,
            new PlanOptions { VariableLengths = true }
        );
        Tensor y = cpu.Forward(X, Steps, Batch);
        Tensor z = gpu.Forward(X, Steps, Batch);

        foreach (
            Action act in new Action[]
            {
                () => cpu.Backward(z),
                () => gpu.Backward(y),
                () => cpu.Forward(z),
                () => gpu.Forward(y),
                () => cpu.ForwardPacked(z.View(new Shape(2, 1, Width)), [1, 1]),
                () => gpu.ForwardPacked(y.View(new Shape(2, 1, Width)), [1, 1]),
                () => y.CopyTo(z),
                () => z.CopyTo(y),
            }
        )
            Refusal.Of<ArgumentException>("", act, "another backend").Check();
        Assert.That(() => cpu.Backward(y), Throws.Nothing);
        Assert.That(() => gpu.Backward(z), Throws.Nothing);
    }

    [Test]
    public void A_state_of_another_kind_of_backend_is_refused()
    {
        using var onCpu = new Gru(Width, Width);
        using var onGpu = new Gru(Width, Width);
        using Plan cpu = onCpu.Plan(Cpu, Steps, Batch, Mode.Streaming);
        using Plan gpu = onGpu.Plan(Gpu, Steps, Batch, Mode.Streaming);

        Refusal
            .Of<ArgumentException>("", () => gpu.SetState(cpu.GetState()), "on cpu", "on cuda")
            .Check();
    }

    [Test]
    public void Disposal_in_any_order_gives_all_back([Range(1, 12)] int seed)
    {
        var backend = new Sequor.Layers.Cuda.CudaBackend(Context, Stream);
        var model = new Sequential(
            new Gru(Width, Width),
            new Dropout(Width, 0.5f),
            new Linear(Width, 1)
        );
        Plan plan = model.Plan(backend, Steps, Batch, Mode.Training);
        Plan stream = model.Plan(backend, Steps, Batch, Mode.Streaming);
        var loss = new MeanSquaredError(plan);
        var optimizer = new Adam(plan, 0.1f);
        float[] targets = new float[Steps * Batch];
        var graph = new StepGraph(
            plan,
            () =>
            {
                plan.Forward(plan.Input(Steps, Batch));
                plan.Backward(loss.Compute());
                optimizer.Step();
            }
        );
        for (int i = 0; i < 4; i++)
        {
            plan.SetInput(X, Steps, Batch);
            loss.SetTargets(targets);
            graph.Run();
        }
        stream.Forward(X, Steps, Batch);
        IDisposable[] order = [backend, model, plan, stream, loss, optimizer, graph];
        new Random(seed).Shuffle(order);

        foreach (IDisposable item in order)
        {
            item.Dispose();
            Refusal.Of<ObjectDisposedException>("", UseAfter(item)).Check();
            item.Dispose();
        }

        Assert.That(backend.Memory.CurrentBytes, Is.Zero);

        Action UseAfter(IDisposable item) =>
            item == stream ? () => stream.Forward(X, Steps, Batch)
            : item == loss ? () => loss.ReadValue()
            : item == optimizer ? () => optimizer.Step()
            : item == graph ? graph.Run
            : item == plan ? () => plan.SetInput(X, Steps, Batch)
            : item == model ? () => model.Plan(backend, 1, 1, Mode.Evaluation)
            : () => backend.Allocate(1, MemoryCategory.InputOutput);
    }
}
