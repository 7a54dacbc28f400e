using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Cuda;

/// <summary>Training on CUDA, step by step beside the CPU's from the same seed.</summary>
[TestFixture]
public sealed class CudaTrainingTests : CudaFixture
{
    private const int Steps = 50;

    // Of a loss, relative to it; rounding grows from step to step.
    // Of a step of the largest net and batch below.
    private static readonly double OneStep = Rounding.Recurrent(9 + 9, 8 * 13, 2);

    private protected override bool FloatSums => true;

    [Test]
    public void Losses_are_those_of_the_cpu(
        [Values("tanh", "lstm", "gru")] string kind,
        [ValueSource(typeof(Listed), nameof(Listed.Optimizers))] string rule
    )
    {
        using Layer onGpu = Model(kind, 2, 1);
        using Layer onCpu = Model(kind, 2, 1);
        using Trainer gpu = Trainer(onGpu, new AddingProblem(11), Gpu, rule);
        using Trainer cpu = Trainer(onCpu, new AddingProblem(11), Cpu, rule);

        CheckSteps(gpu, cpu);

        Close.Check(
            gpu.Evaluate(),
            cpu.Evaluate(),
            cpu.Evaluate(),
            Rounding.Loss(Steps, OneStep),
            "held-out loss"
        );
    }

    [Test]
    public void Losses_of_every_step_are_those_of_the_cpu(
        [Values("tanh", "lstm", "gru")] string kind
    )
    {
        using Layer onGpu = EveryStep(kind);
        using Layer onCpu = EveryStep(kind);
        using Trainer gpu = Trainer(onGpu, new CopyMemory(3), Gpu, "adam");
        using Trainer cpu = Trainer(onCpu, new CopyMemory(3), Cpu, "adam");

        CheckSteps(gpu, cpu);
    }

    [Test]
    public void Losses_of_differing_lengths_are_those_of_the_cpu(
        [Values("last", "mean", "all")] string pooling
    )
    {
        using Packed gpu = new(pooling, Gpu);
        using Packed cpu = new(pooling, Cpu);
        for (int step = 0; step < Steps; step++)
        {
            float actual = gpu.Step(step);
            float expected = cpu.Step(step);
            Close.Check(
                actual,
                expected,
                expected,
                Rounding.Loss(step, OneStep),
                $"loss of step {step}"
            );
        }
    }

    [Test]
    public void A_checkpoint_moves_between_backends([Values] bool toGpu)
    {
        string file = Path.Combine(Path.GetTempPath(), $"sequor-{Guid.NewGuid():N}");
        Backend from = toGpu ? Cpu : Gpu;
        Backend to = toGpu ? Gpu : Cpu;
        try
        {
            using Layer first = Model("gru", 2, 1);
            using Layer second = Model("gru", 2, 1);
            using Trainer whole = Trainer(first, new AddingProblem(11), from, "adam");
            using Trainer rest = Trainer(second, new AddingProblem(11), to, "adam");
            for (int i = 0; i < 3; i++)
                whole.TrainStep();
            whole.Save(file, new Dictionary<string, string>());
            rest.Resume(file);
            Assert.That(rest.Plan.RandomStep, Is.EqualTo(3));
            CheckSteps(whole, rest);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public void A_step_takes_no_memory_and_waits_for_nothing(
        [ValueSource(typeof(Listed), nameof(Listed.Optimizers))] string rule
    )
    {
        using Layer model = Model("lstm", 2, 1);
        using Trainer trainer = Trainer(model, new AddingProblem(11), Gpu, rule);
        Plan plan = trainer.Plan;
        Tensor x = Gpu.Allocate(new Shape(11, 8, 2), MemoryCategory.InputOutput);
        Tensor dy = Gpu.Allocate(new Shape(1, 8, 1), MemoryCategory.InputOutput);
        Tensor targets = Gpu.Allocate(new Shape(1, 8, 1), MemoryCategory.InputOutput);
        Tensor value = Gpu.Allocate(new Shape(1), MemoryCategory.InputOutput);
        x.Write(new Draw(1).Uniform(x.Count));
        targets.Write(new Draw(2).Uniform(targets.Count));
        Step();
        Gpu.Synchronize();
        long taken = Gpu.Memory.Allocations;
        Virtual?.Counts.Reset();

        Step();

        if (Virtual is { } device)
        {
            foreach (
                string call in new[]
                {
                    "cuStreamSynchronize",
                    "cuMemAlloc_v2",
                    "cuModuleLoadDataEx",
                    "cuModuleGetFunction",
                }
            )
                Assert.That(device.Counts.Of(call), Is.Zero, call);
            // Random numbers go on; dropout twice; two biases' rows and sums; the loss; norm and update.
            Assert.That(device.Counts.Of("cuLaunchKernel"), Is.EqualTo(8));
        }
        else
        {
            // The virtual GPU is managed itself.
            Assert.That(Allocated.Least(Step), Is.Zero);
        }
        Assert.That(Gpu.Memory.Allocations, Is.EqualTo(taken));
        foreach (Tensor tensor in new[] { x, dy, targets, value })
            tensor.Storage.Dispose();

        void Step()
        {
            plan.Forward(x);
            Gpu.MeanSquaredError(plan.Output, targets, default, dy, value);
            plan.Backward(dy);
            trainer.Optimizer.Step(1f);
        }
    }

    private static void CheckSteps(Trainer gpu, Trainer cpu)
    {
        for (int step = 0; step < Steps; step++)
        {
            gpu.TrainStep();
            cpu.TrainStep();
            float expected = cpu.ReadLoss();
            Close.Check(
                gpu.ReadLoss(),
                expected,
                expected,
                Rounding.Loss(step, OneStep),
                $"loss of step {step}"
            );
        }
        Assert.That(gpu.Optimizer.SkippedSteps, Is.Zero);
    }

    private static Sequential Model(string kind, int inputs, int outputs) =>
        new(
            Models.Recurrent(kind, inputs, 9),
            new Dropout(9, 0.2f),
            new Last(9),
            new Linear(9, outputs)
        );

    private static Sequential EveryStep(string kind) =>
        new(Models.Recurrent(kind, 1, 9, 2), new Dropout(9, 0.2f), new Linear(9, 10));

    private static Trainer Trainer(Layer model, SequenceTask task, Backend backend, string rule) =>
        new(
            model,
            task,
            task.HeldOut(10),
            backend,
            plan => Sequor.Workloads.Optimizers.Get(rule).Create(plan, 0.002f),
            new TrainingOptions { Batch = 8, Clip = 1f }
        );

    // Batches whose sequences differ in length, and now and then do not.
    private sealed class Packed : IDisposable
    {
        private const int T = 9;
        private const int B = 5;
        private readonly Sequential _model;
        private readonly Plan _plan;
        private readonly SoftmaxCrossEntropy _loss;
        private readonly Adam _optimizer;

        public Packed(string pooling, Backend backend)
        {
            _model = pooling switch
            {
                "last" => new(new Gru(3, 7), new Dropout(7, 0.2f), new Last(7), new Linear(7, 4)),
                "mean" => new(new Gru(3, 7), new Dropout(7, 0.2f), new Mean(7), new Linear(7, 4)),
                _ => new(new Gru(3, 7), new Dropout(7, 0.2f), new Linear(7, 4)),
            };
            _plan = _model.Plan(
                backend,
                T,
                B,
                Mode.Training,
                new PlanOptions { Seed = 3, VariableLengths = true }
            );
            _loss = new SoftmaxCrossEntropy(_plan);
            _optimizer = new Adam(_plan, 0.01f);
        }

        public float Step(int step)
        {
            var draw = new Draw((ulong)step);
            int[] lengths = new int[B];
            for (int b = 0; b < B; b++)
                lengths[b] = step % 5 == 4 ? T : 1 + draw.Next(T);
            _plan.Forward(draw.Uniform(T * B * 3), T, B, lengths);
            int rows = (int)_plan.Output.Shape.Rows;
            float[] mask = new float[rows];
            for (int row = 0; row < rows; row++)
                mask[row] = rows == B || row / B < lengths[row % B] ? 1f : 0f;
            float[] classes = [.. Enumerable.Range(0, rows).Select(_ => (float)draw.Next(4))];
            _plan.Backward(_loss.Compute(classes, mask));
            _optimizer.Step(1f);
            return _loss.ReadValue();
        }

        public void Dispose()
        {
            _optimizer.Dispose();
            _loss.Dispose();
            _plan.Dispose();
            _model.Dispose();
        }
    }
}
