using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Cuda;

/// <summary>Training steps that are captured as a CUDA graph, beside steps that are not.</summary>
[TestFixture]
public sealed class CudaStepGraphTests : CudaFixture
{
    private const int Steps = 12;

    private static readonly Dictionary<string, Func<Layer>> Bodies = new()
    {
        ["rnn"] = () => new Rnn(2, 5, 2),
        ["lstm"] = () => new Lstm(2, 5),
        ["gru"] = () => new Gru(2, 5, 2),
        ["dropping lstm"] = () =>
            new Lstm(2, 5, new RecurrentOptions { Layers = 2, Dropout = 0.4f }),
        ["tcn"] = () => new Tcn(2, [5, 5], 3, 0.2f),
        ["lru"] = () => new Lru(2, 5, 6, 2, new LruOptions { Dropout = 0.2f }),
        ["batch normed lru"] = () =>
            new Lru(2, 5, 6, 1, new LruOptions { Norm = NormKind.Batch, Dropout = 0.2f }),
        ["linear rnn"] = () =>
            new Rnn(
                2,
                5,
                new RecurrentOptions { Layers = 2, Dropout = 0.2f },
                RnnActivation.Linear
            ),
        ["gated tcn"] = () => new Tcn(2, [5, 5], 3, 0.2f, TcnActivation.Gated),
        ["diagonal lru"] = () => new Lru(2, 5, 6, 1, new LruOptions { Rung = LruRung.Diagonal }),
        ["s5"] = () => new S5(2, 5, 6, 2, new S5Options { Dropout = 0.2f }),
        ["gru in a block"] = () =>
            new Sequential(
                new Linear(2, 5),
                new SequenceBlock(
                    new Gru(5, 5),
                    new SequenceBlockOptions { Dropout = 0.2f, Mixing = BlockMixing.HalfGlu }
                )
            ),
    };

    private static IEnumerable<string> Names => Bodies.Keys;

    private CudaBackend _eager = null!;

    [SetUp]
    public void StartEager() =>
        _eager = new CudaBackend(Context, Stream, new CudaOptions { Graphs = false });

    [TearDown]
    public void EndEager() => _eager.Dispose();

    [Test]
    public void Graph_and_eager_give_the_same_losses([ValueSource(nameof(Names))] string body)
    {
        using Sequential graphed = Model(body);
        using Sequential eager = Model(body);
        using Trainer trainer = Trainer(graphed, graph: true);
        using Trainer reference = Trainer(eager, graph: false);
        for (int step = 0; step < Steps; step++)
        {
            trainer.TrainStep();
            reference.TrainStep();
            float expected = reference.ReadLoss();
            // A real GPU's libraries may add up in another order each time.
            Close.Check(
                trainer.ReadLoss(),
                expected,
                expected,
                Virtual is null ? 1e-5 : 0,
                $"loss of step {step}"
            );
        }

        Assert.That(trainer.Graph.Graphs, Is.EqualTo(1), trainer.Graph.EagerReason);
        Assert.That(trainer.Graph.EagerReason, Is.Null);
        Assert.That(trainer.Graph.Replays, Is.EqualTo(Steps - StepGraph.EagerSteps));
        Assert.That(trainer.Plan.RandomStep, Is.EqualTo(Steps));
        Assert.That(
            trainer.Evaluate(),
            Is.EqualTo(reference.Evaluate()).Within(Virtual is null ? 1e-4 : 0)
        );
        Assert.That(reference.Graph.Replays, Is.Zero);
        Assert.That(reference.Graph.EagerReason, Is.EqualTo("graphs are switched off"));
    }

    [Test]
    public void Convolutions_by_cudnn_are_captured_too()
    {
        var options = new CudaOptions { Convolution = ConvolutionMethod.CuDnn };
        using var gpu = new CudaBackend(Context, Stream, options);
        using var reference = new CudaBackend(Context, Stream, options with { Graphs = false });
        using Sequential graphed = Model("tcn");
        using Sequential same = Model("tcn");
        using Trainer trainer = Trainer(graphed, graph: true, on: gpu);
        using Trainer eager = Trainer(same, graph: false, on: reference);
        for (int step = 0; step < 5; step++)
        {
            trainer.TrainStep();
            eager.TrainStep();
        }

        Assert.That(trainer.Graph.Replays, Is.EqualTo(3), trainer.Graph.EagerReason);
        Assert.That(
            trainer.ReadLoss(),
            Is.EqualTo(eager.ReadLoss()).Within(Virtual is null ? 1e-5 : 0)
        );
    }

    [Test]
    public void The_learning_rate_goes_on_in_a_graph()
    {
        using Sequential graphed = Model("gru");
        using Sequential eager = Model("gru");
        var schedule = new WarmupCosine(Steps, warmup: 4);
        using Trainer trainer = Trainer(graphed, graph: true, schedule);
        using Trainer reference = Trainer(eager, graph: false, schedule);
        for (int step = 0; step < Steps; step++)
        {
            trainer.TrainStep();
            reference.TrainStep();
        }

        float[] expected = reference.Plan.Parameters.ToArray();
        Assert.That(
            trainer.Plan.Parameters.ToArray(),
            Is.EqualTo(expected).Within(Virtual is null ? 1e-4 : 0)
        );
    }

    [VirtualGpuOnly]
    [Test]
    public void A_replayed_step_is_one_launch_between_copies_and_waits_for_nothing(
        [ValueSource(nameof(Names))] string body
    )
    {
        VirtualGpu.VirtualDevice device = RequireVirtual();
        using Sequential model = Model(body);
        using Trainer trainer = Trainer(model, graph: true);
        for (int step = 0; step < 3; step++)
            trainer.TrainStep();
        Gpu.Synchronize();
        long taken = Gpu.Memory.Allocations;
        device.Counts.Reset();

        trainer.TrainStep();

        Dictionary<string, long> calls = device
            .Counts.Calls.Where(c => !c.Key.StartsWith("cuCtx", StringComparison.Ordinal))
            .ToDictionary();
        Assert.That(
            calls,
            Is.EquivalentTo(
                new Dictionary<string, long>
                {
                    ["cuGraphLaunch"] = 1,
                    ["cuMemcpyHtoDAsync"] = 2,
                    // The loss and the norm are kept.
                    ["cuMemcpyDtoDAsync"] = 2,
                    // Asked for both copies and for the step; the device knows nothing of it.
                    ["cuStreamIsCapturing"] = 3,
                }
            )
        );
        Assert.That(device.Counts.Waits, Is.Zero);
        Assert.That(device.Counts.BytesDeviceToHost, Is.Zero);
        Assert.That(Gpu.Memory.Allocations, Is.EqualTo(taken));
    }

    [Test]
    public void Each_shape_has_a_graph_of_its_own()
    {
        using var model = new Sequential(new Gru(2, 5), new Dropout(5, 0.2f), new Linear(5, 1));
        using Plan plan = model.Plan(Gpu, 9, 4, Mode.Training, new PlanOptions { Seed = 3 });
        using var loss = new MeanSquaredError(plan);
        using var optimizer = new Adam(plan, 0.01f);
        (int T, int B) shape = default;
        using var graph = new StepGraph(plan, Step, most: 2);
        using var model2 = new Sequential(new Gru(2, 5), new Dropout(5, 0.2f), new Linear(5, 1));
        using Plan plan2 = model2.Plan(Gpu, 9, 4, Mode.Training, new PlanOptions { Seed = 3 });
        using var loss2 = new MeanSquaredError(plan2);
        using var optimizer2 = new Adam(plan2, 0.01f);
        (int, int)[] shapes = [(9, 4), (5, 3), (7, 2)];
        for (int step = 0; step < 18; step++)
        {
            shape = shapes[step * step % 7 % 3];
            float[] x = new Draw((ulong)step).Uniform(shape.T * shape.B * 2);
            float[] y = new Draw((ulong)step + 99).Uniform(shape.T * shape.B);
            plan.Input(shape.T, shape.B).Write(x);
            loss.SetTargets(y);
            graph.Run();
            plan2.Forward(x, shape.T, shape.B);
            plan2.Backward(loss2.Compute(y));
            optimizer2.Step(1f);

            Assert.That(plan.Output.Shape, Is.EqualTo(plan2.Output.Shape));
            float expected = loss2.ReadValue();
            Close.Check(loss.ReadValue(), expected, expected, 1e-5, $"loss of step {step}");
        }
        Assert.That(graph.Graphs, Is.EqualTo(2));
        Assert.That(graph.Replays, Is.GreaterThan(5));
        Assert.That(graph.EagerReason, Does.StartWith("2 graphs are kept"));

        void Step()
        {
            plan.Forward(plan.Input(shape.T, shape.B));
            plan.Backward(loss.Compute());
            optimizer.Step(1f);
        }
    }

    [Test]
    public void Weights_of_the_loss_make_another_step()
    {
        using var model = new Sequential(new Gru(2, 5), new Linear(5, 3));
        using Plan plan = model.Plan(Gpu, 4, 2, Mode.Training);
        using var loss = new SoftmaxCrossEntropy(plan);
        using var graph = new StepGraph(plan, Step);
        float[] classes = [0, 1, 2, 0, 1, 2, 0, 1];
        float[] weights = [1, 0, 1, 0, 0.5f, 0, 1, 0];
        plan.Input(4, 2).Write(new Draw(1).Uniform(16));
        float[] expected = [Loss(weighted: false), Loss(weighted: true)];
        Assert.That(expected[0], Is.Not.EqualTo(expected[1]));
        for (int i = 0; i < 10; i++)
            Assert.That(Loss(i % 3 == 0), Is.EqualTo(expected[i % 3 == 0 ? 1 : 0]).Within(1e-6));
        Assert.That(graph.Graphs, Is.EqualTo(2));

        float Loss(bool weighted)
        {
            loss.SetTargets(classes, weighted ? weights : default);
            graph.Run();
            return loss.ReadValue();
        }

        void Step()
        {
            plan.Forward(plan.Input(4, 2));
            plan.Backward(loss.Compute());
        }
    }

    [Test]
    public void A_set_of_pieces_is_trained_on_alike([Values(1, 3)] int batch)
    {
        using Sequential graphed = Pieces.Model();
        using Sequential eager = Pieces.Model();
        using Trainer trainer = Pieces.Trainer(graphed, Gpu, batch);
        using Trainer reference = Pieces.Trainer(eager, _eager, batch);
        trainer.Run();
        reference.Run();

        Assert.That(
            trainer.History.Select(e => e.Train),
            Is.EqualTo(reference.History.Select(e => e.Train)).Within(Virtual is null ? 1e-4 : 0)
        );
        Assert.That(
            trainer.History.Select(e => e.Valid),
            Is.EqualTo(reference.History.Select(e => e.Valid)).Within(Virtual is null ? 1e-4 : 0)
        );
        // One by one, there is a graph for each of the two lengths.
        if (batch == 1)
            Assert.That(trainer.Graph.Graphs, Is.EqualTo(2), trainer.Graph.EagerReason);
        else
            Assert.That(trainer.Graph.EagerReason, Does.Contain("differ in length"));
        Assert.That(
            trainer.Graph.Replays + trainer.Graph.EagerRuns,
            Is.EqualTo(reference.Graph.EagerRuns)
        );
    }

    [Test]
    public void A_step_that_reads_a_value_back_runs_as_it_is()
    {
        using var model = new Sequential(new Gru(2, 5), new Last(5), new Linear(5, 1));
        using Plan plan = model.Plan(Gpu, 7, 3, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var optimizer = new Sgd(plan, 0.05f);
        int read = 0;
        using var graph = new StepGraph(plan, Step);
        plan.Input(7, 3).Write(new Draw(1).Uniform(42));
        loss.SetTargets(new Draw(2).Uniform(3));
        var losses = new List<float>();
        for (int i = 0; i < 6; i++)
        {
            graph.Run();
            losses.Add(loss.ReadValue());
        }

        Assert.That(
            graph.EagerReason,
            Is.EqualTo(
                "reading a value back cannot be part of a captured step: put it before the step"
            )
        );
        Assert.That(graph.EagerRuns, Is.EqualTo(6));
        Assert.That(read, Is.EqualTo(6));
        Assert.That(losses, Is.Ordered.Descending);

        void Step()
        {
            plan.Forward(plan.Input(7, 3));
            plan.Backward(loss.Compute());
            _ = loss.ReadValue();
            read++;
            optimizer.Step();
        }
    }

    [Test]
    public void A_step_that_copies_values_in_runs_as_it_is()
    {
        using var model = new Sequential(new Gru(2, 5), new Last(5), new Linear(5, 1));
        using Plan plan = model.Plan(Gpu, 7, 3, Mode.Training);
        float[] x = new Draw(1).Uniform(42);
        using var graph = new StepGraph(plan, () => plan.Forward(x, 7, 3));
        for (int i = 0; i < 5; i++)
            graph.Run();

        Assert.That(graph.EagerReason, Does.StartWith("copying values to the device cannot"));
        Assert.That(graph.EagerRuns, Is.EqualTo(5));
    }

    [VirtualGpuOnly]
    [Test]
    public void What_the_driver_refuses_is_told_and_the_step_runs_as_it_is(
        [Values(
            "cuStreamBeginCapture",
            "cuGraphInstantiateWithParams",
            "cuGraphUpload",
            "cuLaunchKernel"
        )]
            string call
    )
    {
        VirtualGpu.VirtualDevice device = RequireVirtual();
        using Sequential model = Model("gru");
        using Trainer trainer = Trainer(model, graph: true);
        using Sequential same = Model("gru");
        using Trainer reference = Trainer(same, graph: false);
        for (int i = 0; i < StepGraph.EagerSteps; i++)
        {
            trainer.TrainStep();
            reference.TrainStep();
        }
        device.Refuse(call, (int)CUresult.CUDA_ERROR_NOT_SUPPORTED, times: 1);
        for (int i = 0; i < 4; i++)
            trainer.TrainStep();
        device.RefuseNothing();
        for (int i = 0; i < 4; i++)
            reference.TrainStep();

        Assert.That(trainer.Graph.EagerReason, Does.Contain(call));
        Assert.That(trainer.Graph.Replays, Is.Zero);
        Assert.That(trainer.ReadLoss(), Is.EqualTo(reference.ReadLoss()));
        device.TakeFaults();
    }

    [Test]
    public void The_default_stream_is_not_captured()
    {
        using CudaStream stream = CudaStream.Attach(Context, 0);
        using var gpu = new CudaBackend(Context, stream);
        using Sequential model = Model("gru");
        using (Trainer trainer = Trainer(model, graph: true, on: gpu))
        {
            for (int i = 0; i < 4; i++)
                trainer.TrainStep();

            Assert.That(
                trainer.Graph.EagerReason,
                Is.EqualTo("the legacy default stream cannot be captured")
            );
            Assert.That(trainer.ReadLoss(), Is.Positive);
        }
    }

    [Test]
    public void A_caller_who_captures_the_stream_gets_the_step()
    {
        using var model = new Sequential(new Gru(2, 5), new Last(5), new Linear(5, 1));
        using Plan plan = model.Plan(Gpu, 7, 3, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var optimizer = new Sgd(plan, 0.05f);
        using var graph = new StepGraph(plan, Step);
        plan.Input(7, 3).Write(new Draw(1).Uniform(42));
        loss.SetTargets(new Draw(2).Uniform(3));
        for (int i = 0; i < StepGraph.EagerSteps; i++)
            graph.Run();
        float before = loss.ReadValue();

        using CudaGraph captured = CudaGraph.Capture(Stream, graph.Run);
        Assert.That(graph.EagerReason, Is.EqualTo("the caller records the stream"));
        using CudaGraphExec exec = captured.Instantiate();
        exec.Launch(Stream);

        Assert.That(loss.ReadValue(), Is.LessThan(before));
        Assert.That(graph.Graphs, Is.Zero);

        void Step()
        {
            plan.Forward(plan.Input(7, 3));
            plan.Backward(loss.Compute());
            optimizer.Step();
        }
    }

    [Test]
    public void A_loss_that_is_no_number_is_told_under_replay()
    {
        using Sequential model = Model("lru");
        using Trainer trainer = Trainer(model, graph: true);
        for (int i = 0; i < 4; i++)
            trainer.TrainStep();
        float[] parameters = trainer.Plan.Parameters.ToArray();
        Parameter named = model.NamedParameters().Last().Parameter;
        string name = model.NamedParameters().Last().Name;
        Tensor bias = trainer.Plan.Parameter(name);
        float[] kept = bias.ToArray();
        bias.Write([.. Enumerable.Repeat(float.NaN, kept.Length)]);

        trainer.TrainStep();

        var error = Assert.Throws<DivergedException>(() => trainer.ReadLoss());
        Assert.That(error.Message, Does.Contain($"parameter {name} {named.Shape}"));
        Assert.That(trainer.Graph.Replays, Is.EqualTo(3));
        Assert.That(trainer.Optimizer.SkippedSteps, Is.EqualTo(1));
        // The update was skipped, so that training can go on.
        bias.Write(kept);
        Assert.That(trainer.Plan.Parameters.ToArray(), Is.EqualTo(parameters));
        trainer.TrainStep();
        Assert.That(trainer.ReadLoss(), Is.Positive);
    }

    [Test]
    [VirtualGpuOnly]
    public void What_the_driver_takes_for_graphs_is_in_the_ledger_while_they_live()
    {
        const long bytes = 2 << 20;
        RequireVirtual().Manners.GraphBytes = bytes;
        using var model = new Sequential(new Gru(2, 5), new Last(5), new Linear(5, 1));
        using Plan plan = model.Plan(Gpu, 7, 3, Mode.Training);
        int steps = 7;
        var graph = new StepGraph(plan, () => plan.Forward(plan.Input(steps, 3)));
        for (int i = 0; i < 8; i++)
        {
            steps = 7 - i % 2;
            plan.Input(steps, 3).Write(new Draw(1).Uniform(steps * 6));
            if (i == 6)
                Assert.That(graph.Graphs, Is.EqualTo(2));
            long allocations = Gpu.Memory.Allocations;
            graph.Run();
            Assert.That(Gpu.Memory.Allocations, Is.EqualTo(allocations));
            Assert.That(
                Gpu.Memory.Current(MemoryCategory.Graphs),
                Is.EqualTo(graph.Graphs * bytes)
            );
        }
        Assert.That(Gpu.Memory.PeakBytes, Is.EqualTo(Gpu.Memory.CurrentBytes));
        graph.Dispose();
        graph.Dispose();
        Assert.That(Gpu.Memory.Current(MemoryCategory.Graphs), Is.Zero);
    }

    [Test]
    public void An_error_of_the_step_ends_the_capture_and_comes_out()
    {
        using var model = new Sequential(new Gru(2, 5), new Last(5), new Linear(5, 1));
        using Plan plan = model.Plan(Gpu, 7, 3, Mode.Training);
        bool fails = false;
        using var graph = new StepGraph(plan, Step);
        plan.Input(7, 3).Write(new Draw(1).Uniform(42));
        for (int i = 0; i < StepGraph.EagerSteps; i++)
            graph.Run();
        fails = true;
        Assert.Throws<FormatException>(graph.Run);
        fails = false;
        Assert.That(Stream.IsCapturing, Is.False);
        graph.Run();
        Assert.That(graph.Replays, Is.EqualTo(1));

        void Step()
        {
            plan.Forward(plan.Input(7, 3));
            if (fails)
                throw new FormatException();
        }
    }

    [Test]
    public void A_plan_that_was_disposed_is_not_run()
    {
        using var model = new Sequential(new Gru(2, 5), new Last(5), new Linear(5, 1));
        Plan plan = model.Plan(Gpu, 7, 3, Mode.Training);
        using var graph = new StepGraph(plan, () => plan.Forward(plan.Input(7, 3)));
        plan.Input(7, 3).Write(new Draw(1).Uniform(42));
        for (int i = 0; i < 4; i++)
            graph.Run();
        Gpu.Synchronize();
        plan.Dispose();

        Assert.Throws<ObjectDisposedException>(graph.Run);
    }

    [Test]
    public void A_batch_of_another_shape_than_the_plan_is_refused()
    {
        using var model = new Sequential(new Gru(2, 5), new Last(5), new Linear(5, 1));
        using Plan plan = model.Plan(Gpu, 7, 3, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var graph = new StepGraph(plan, Step);
        plan.Input(7, 3).Write(new Draw(1).Uniform(42));
        loss.SetTargets(new Draw(2).Uniform(3));
        for (int i = 0; i < 4; i++)
            graph.Run();

        Assert.That(
            Assert.Throws<ArgumentOutOfRangeException>(() => plan.Input(8, 3)).Message,
            Does.Contain('7')
        );
        Assert.That(
            Assert.Throws<ArgumentException>(() => loss.SetTargets(new float[2])).Message,
            Does.Contain("wants 3 targets, not 2")
        );
        // Targets of the shape before do not go with another input.
        plan.Input(7, 2).Write(new Draw(1).Uniform(28));
        Assert.That(
            Assert.Throws<InvalidOperationException>(graph.Run).Message,
            Does.Contain("loaded for an output [1, 3, 1]")
        );

        void Step()
        {
            plan.Forward(plan.Input(plan.CurrentInput.First, plan.CurrentInput[1]));
            plan.Backward(loss.Compute());
        }
    }

    private static Sequential Model(string body)
    {
        Layer layer = Bodies[body]();
        return new(layer, new Dropout(5, 0.1f), new Last(5), new Linear(5, 1));
    }

    private Trainer Trainer(
        Layer model,
        bool graph,
        WarmupCosine? schedule = null,
        CudaBackend? on = null
    ) =>
        new(
            model,
            new AddingProblem(10),
            new AddingProblem(10).HeldOut(10),
            on ?? (graph ? Gpu : _eager),
            plan => new Adam(plan, 0.004f),
            new TrainingOptions
            {
                Batch = 6,
                Clip = 1f,
                Schedule = schedule,
            }
        );

    /// <summary>Training on sequences of two lengths.</summary>
    private static class Pieces
    {
        public static Sequential Model() => new(new Tcn(2, [5], 3, 0.2f), new Linear(5, 1));

        public static Trainer Trainer(Layer model, Backend on, int batch) =>
            new(
                model,
                new Unequal(10),
                new Unequal(3),
                on,
                plan => new Adam(plan, 0.01f),
                new TrainingOptions { Batch = batch, Epochs = 3 }
            );
    }
}
