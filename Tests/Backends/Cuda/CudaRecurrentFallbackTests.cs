using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>
/// What recurrent layers do where cuDNN wants what its manual allows it to want: more memory for a batch than for a larger one,
/// layouts by the letter, descriptors that a replay can rely on.
/// </summary>
[TestFixture]
public sealed class CudaRecurrentFallbackTests : CudaFixture
{
    private const int T = 8;
    private const int B = 4;
    private const int Inputs = 3;

    private static readonly string[] Kinds = ["tanh", "lstm", "gru"];

    [Test]
    [VirtualGpuOnly]
    public void A_batch_that_wants_more_memory_than_larger_ones_gets_it_once(
        [ValueSource(nameof(Kinds))] string kind
    )
    {
        RequireVirtual().Manners.UnevenRnnSpaces = true;
        using Layer onGpu = Models.Recurrent(kind, Inputs, 5);
        using Layer onCpu = Models.Recurrent(kind, Inputs, 5);
        using Plan gpu = Plan(onGpu, Gpu);
        using Plan cpu = Plan(onCpu, Cpu);
        long planned = Gpu.Memory.CurrentBytes;

        Same(T, B);
        Assert.That(Gpu.Memory.CurrentBytes, Is.EqualTo(planned));
        Same(T - 1, B - 1);
        long grown = Gpu.Memory.CurrentBytes;
        Assert.That(grown - planned, Is.GreaterThan(2L << 20));
        Assert.That(Gpu.Memory.Current(MemoryCategory.Reserve), Is.GreaterThan(1L << 20));
        foreach ((int steps, int batch) in ((int, int)[])[(5, 1), (T, B), (T - 1, B - 1), (3, B)])
            Same(steps, batch);
        Assert.That(Gpu.Memory.CurrentBytes, Is.EqualTo(grown));

        void Same(int steps, int batch)
        {
            foreach (Plan plan in (Plan[])[gpu, cpu])
                Step(plan, steps, batch);
            Against.Cpu(kind, "y", gpu.Output, cpu.Output, 1e-5);
            Against.Cpu(kind, "dx", gpu.InputGradient, cpu.InputGradient, 1e-5);
            foreach (NamedParameter named in onCpu.NamedParameters())
                Against.Cpu(
                    kind,
                    named.Name,
                    gpu.Gradient(named.Name),
                    cpu.Gradient(named.Name),
                    1e-5
                );
        }
    }

    [Test]
    [VirtualGpuOnly]
    public void Such_a_batch_is_refused_in_a_capture_and_captured_after_a_step()
    {
        RequireVirtual().Manners.UnevenRnnSpaces = true;
        using var lstm = new Lstm(Inputs, 5);
        using Plan plan = Plan(lstm, Gpu);
        Step(plan, T, B);
        Tensor input = plan.Input(T - 1, B);
        var error = Assert.Throws<NotRecordableException>(() =>
            CudaGraph.Capture(Stream, () => plan.Forward(input))
        );
        Assert.That(error.Message, Does.Contain("of scratch for this batch"));
        Assert.That(Stream.IsCapturing, Is.False);

        using var graph = new StepGraph(plan, () => plan.Forward(plan.Input(T - 1, B)));
        for (int i = 0; i < 5; i++)
            graph.Run();
        Assert.That(graph.Replays, Is.EqualTo(3), graph.EagerReason);
        Gpu.Synchronize();
    }

    [Test]
    [VirtualGpuOnly]
    public void No_memory_for_such_a_batch_is_told_and_the_plan_goes_on()
    {
        VirtualGpu.VirtualDevice device = RequireVirtual();
        device.Manners.UnevenRnnSpaces = true;
        using var lstm = new Lstm(Inputs, 5);
        using Plan plan = Plan(lstm, Gpu);
        Step(plan, T, B);
        float[] before = plan.Output.ToArray();
        plan.Input(T - 1, B).Write(new Draw(1).Uniform((T - 1) * B * Inputs));

        device.FailAllocation(1);
        var error = Assert.Throws<DeviceMemoryException>(() => plan.Forward(plan.Input(T - 1, B)));
        Assert.That(error.Message, Does.Contain("workspace").IgnoreCase);
        Step(plan, T, B);
        Assert.That(plan.Output.ToArray(), Is.EqualTo(before));
        Step(plan, T - 1, B);
    }

    // On the virtual GPU a replay finds out whether its descriptors were set again.
    [Test]
    public void A_replay_after_other_shapes_gives_what_it_gave(
        [ValueSource(nameof(Kinds))] string kind
    )
    {
        using Layer layer = Models.Recurrent(kind, Inputs, 5);
        using Plan plan = Plan(layer, Gpu);
        (int Steps, int Batch)[] shapes = [(T, B), (5, 2), (T, 1), (1, B)];
        (int steps, int batch) = (0, 0);
        Tensor gradient = Gpu.Allocate(plan.MaxOutput, MemoryCategory.InputOutput);
        gradient.Write(new Draw(2).Uniform(gradient.Count));
        var seen = new Dictionary<(int, int), float[]>();
        using var graph = new StepGraph(plan, Run);
        for (int round = 0; round < 6; round++)
        {
            foreach ((int s, int b) in shapes)
            {
                (steps, batch) = (s, b);
                plan.SetInput(new Draw(1).Uniform(s * b * Inputs), s, b);
                graph.Run();
                float[] values =
                [
                    .. plan.Output.ToArray(),
                    .. plan.InputGradient.ToArray(),
                    .. plan.Gradients.ToArray(),
                ];
                float[] expected = seen.GetValueOrDefault((s, b), values);
                Assert.That(values, Is.EqualTo(expected).Within(Virtual is null ? 1e-5 : 0));
                seen[(s, b)] = values;
            }
        }
        Assert.That(graph.Graphs, Is.EqualTo(shapes.Length), graph.EagerReason);
        gradient.Storage.Dispose();

        void Run()
        {
            Tensor y = plan.Forward(plan.Input(steps, batch));
            plan.Backward(gradient.View(y.Shape));
        }
    }

    [Test]
    public void A_captured_step_reads_nothing_of_the_host(
        [Values("rnn", "lstm", "gru", "tcn", "lru")] string architecture
    )
    {
        using StepRun run = Steps(architecture);
        Prepared(run);
        using CudaGraph graph = CudaGraph.Capture(Stream, () => run.Train());
        Assert.That(graph.CountHostReads(), Is.Zero);
        Assert.That(
            graph.NodeTypes().Distinct(),
            Is.SubsetOf(
                new[]
                {
                    CUgraphNodeType.CU_GRAPH_NODE_TYPE_KERNEL,
                    CUgraphNodeType.CU_GRAPH_NODE_TYPE_MEMSET,
                    CUgraphNodeType.CU_GRAPH_NODE_TYPE_MEMCPY,
                    CUgraphNodeType.CU_GRAPH_NODE_TYPE_EMPTY,
                }
            )
        );
    }

    [Test]
    [VirtualGpuOnly]
    public void A_step_whose_library_copies_from_the_host_is_not_replayed()
    {
        RequireVirtual().Manners.RnnCopiesLengths = true;
        using StepRun run = Steps("lstm");
        Prepared(run);
        using (CudaGraph graph = CudaGraph.Capture(Stream, () => run.Train()))
            Assert.That(graph.CountHostReads(), Is.EqualTo(3));
        for (int i = 0; i < 5; i++)
            run.Next();
        Assert.That(run.Graph.Replays, Is.Zero);
        Assert.That(run.Graph.EagerReason, Does.Contain("reads the host's memory"));
        Assert.That(run.Graph.EagerReason, Does.Contain("3 nodes"));
    }

    [Test]
    public void Whole_batches_of_a_plan_with_lengths_are_those_of_the_cpu(
        [ValueSource(nameof(Kinds))] string kind
    )
    {
        using Layer onGpu = Models.Recurrent(kind, Inputs, 5);
        using Layer onCpu = Models.Recurrent(kind, Inputs, 5);
        using Plan gpu = Plan(onGpu, Gpu, lengths: true);
        using Plan cpu = Plan(onCpu, Cpu, lengths: true);
        foreach ((int steps, int batch) in ((int, int)[])[(T, B), (3, 2), (1, 1)])
        {
            foreach (Plan plan in (Plan[])[gpu, cpu])
                Step(plan, steps, batch);
            Against.Cpu(kind, "y", gpu.Output, cpu.Output, 1e-5);
            Against.Cpu(kind, "dx", gpu.InputGradient, cpu.InputGradient, 1e-5);
        }
    }

    private StepRun Steps(string architecture) =>
        new(
            Gpu,
            architecture switch
            {
                "rnn" => new Rnn(2, 4),
                "lstm" => new Lstm(2, 4),
                "gru" => new Gru(2, 4),
                "tcn" => new Tcn(2, [4, 4], 3),
                _ => new Lru(2, 4, 6, 2),
            },
            dropout: 0.2f
        );

    // A step has run, so that libraries have loaded what they need.
    private static void Prepared(StepRun run)
    {
        run.IsEager = true;
        run.Next();
        run.IsEager = false;
    }

    private static Plan Plan(Layer layer, Backend backend, bool lengths = false) =>
        layer.Plan(
            backend,
            T,
            B,
            Mode.Training,
            new PlanOptions { InputGradient = true, VariableLengths = lengths }
        );

    private static void Step(Plan plan, int steps, int batch)
    {
        Tensor y = plan.Forward(new Draw(1).Uniform(steps * batch * Inputs), steps, batch);
        Tensor dy = plan.Backend.Allocate(y.Shape, MemoryCategory.InputOutput);
        dy.Write(new Draw(2).Uniform(y.Count));
        plan.Backward(dy);
        dy.Storage.Dispose();
    }
}
