using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Cuda;

/// <summary>
/// Fifty steps of training on CUDA beside the CPU's from the same seed, of every architecture on every kind of task, with
/// dropout wherever it is Sequor's own.
/// </summary>
[TestFixture]
public sealed class CudaAgreementTests : CudaFixture
{
    private const int Steps = 50;
    private const int Width = 7;

    // Of a loss, relative to it, at any of the steps. The largest difference seen is in docs/determinism.md.
    private const double Most = 1e-4;

    private static readonly string[] Architectures = ["rnn", "lstm", "gru", "tcn", "lru"];

    private static readonly Dictionary<string, Func<SequenceTask>> Tasks = new()
    {
        ["adding"] = () => new AddingProblem(11),
        ["copy"] = () => new CopyMemory(3),
        ["classification"] = () => new Waves(9),
    };

    private static IEnumerable<string> TaskNames => Tasks.Keys;

    [Test]
    public void Losses_are_those_of_the_cpu(
        [ValueSource(nameof(Architectures))] string architecture,
        [ValueSource(nameof(TaskNames))] string task
    )
    {
        using Sequential onGpu = Model(architecture, Tasks[task]());
        using Sequential onCpu = Model(architecture, Tasks[task]());
        using Trainer gpu = Trainer(onGpu, Tasks[task](), Gpu);
        using Trainer cpu = Trainer(onCpu, Tasks[task](), Cpu);
        var losses = new float[Steps];
        for (int step = 0; step < Steps; step++)
        {
            gpu.TrainStep();
            cpu.TrainStep();
            losses[step] = cpu.ReadLoss();
            Check(architecture, gpu.ReadLoss(), losses[step], $"loss of step {step}");
        }

        Check(architecture, gpu.Evaluate(), cpu.Evaluate(), "held-out loss");
        Assert.That(gpu.Optimizer.SkippedSteps, Is.Zero);
        RequireLearned(losses);
    }

    [Test]
    public void Losses_of_masked_pieces_are_those_of_the_cpu(
        [ValueSource(nameof(Architectures))] string architecture
    )
    {
        using Sequential onGpu = Model(architecture, Chords.Keys, Chords.Keys, oneOutput: false);
        using Sequential onCpu = Model(architecture, Chords.Keys, Chords.Keys, oneOutput: false);
        using EpochTrainer gpu = Trainer(onGpu, Gpu);
        using EpochTrainer cpu = Trainer(onCpu, Cpu);
        gpu.Run();
        cpu.Run();
        Assert.That(cpu.Step, Is.EqualTo(Steps));
        for (int i = 0; i < cpu.History.Count; i++)
        {
            Check(
                architecture,
                gpu.History[i].Train,
                cpu.History[i].Train,
                $"loss of epoch {i + 1}"
            );
            Check(architecture, gpu.History[i].Valid, cpu.History[i].Valid, $"validation {i + 1}");
        }
        RequireLearned([.. cpu.History.Select(epoch => (float)epoch.Train)]);
    }

    private static void Check(string architecture, double gpu, double cpu, string what)
    {
        GpuTestReport.Error(
            $"the loss of {architecture} in {Steps} steps",
            Math.Abs(gpu - cpu) / Math.Abs(cpu)
        );
        Close.Check(gpu, cpu, Math.Abs(cpu), Most, what);
    }

    // Where nothing is learned, agreement says little.
    private static void RequireLearned(float[] losses)
    {
        int part = losses.Length / 5;
        Assert.That(losses[^part..].Average(), Is.LessThan(0.97 * losses[..part].Average()));
    }

    private static Sequential Model(string architecture, SequenceTask task) =>
        Model(architecture, task.InputSize, task.OutputSize, task.OneOutput);

    private static Sequential Model(string architecture, int inputs, int outputs, bool oneOutput)
    {
        List<Layer> layers =
        [
            architecture switch
            {
                "rnn" => new Rnn(inputs, Width, 2),
                "lstm" => new Lstm(inputs, Width, 2),
                "gru" => new Gru(inputs, Width, 2),
                "tcn" => new Tcn(inputs, [Width, Width], 3, 0.2f),
                _ => new Lru(inputs, Width, Width, 2, 0.2f),
            },
        ];
        if (oneOutput)
            layers.Add(architecture == "lru" ? new Mean(Width) : new Last(Width));
        if (architecture is not ("tcn" or "lru"))
            layers.Add(new Dropout(Width, 0.2f));
        layers.Add(new Linear(Width, outputs));
        return new Sequential(layers);
    }

    private static Trainer Trainer(Layer model, SequenceTask task, Backend backend) =>
        new(
            model,
            task,
            backend,
            plan => new Adam(plan, 0.01f),
            new TrainingOptions
            {
                Batch = 8,
                Clip = 1f,
                HeldOut = 20,
            }
        );

    // Five steps an epoch, the last of which is smaller.
    private static EpochTrainer Trainer(Layer model, Backend backend) =>
        new(
            model,
            new Chords("train", 14, 1),
            new Chords("valid", 4, 2),
            backend,
            plan => new BinaryCrossEntropy(plan),
            plan => new AdamW(plan, 0.01f, 0.01f),
            new EpochOptions
            {
                Batch = 3,
                Clip = 1f,
                Epochs = Steps / 5,
            }
        );

    /// <summary>Which of some frequencies a noisy wave has, by its last step.</summary>
    private sealed class Waves(int length) : SequenceTask
    {
        private const int Classes = 3;

        public override string Name => "waves";

        public override string Metric => "cross-entropy";

        public override int Length => length;

        public override int InputSize => 1;

        public override int OutputSize => Classes;

        public override bool OneOutput => true;

        public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan);

        protected override void FillSequence(Batch batch, int b, ref Philox random)
        {
            int wave = random.Next(Classes);
            float phase = random.NextFloat();
            for (int t = 0; t < length; t++)
                batch.Input(t, b, 0) =
                    MathF.Sin((0.4f + wave) * t + phase) + 0.2f * random.NextFloat();
            batch.Target(0, b) = wave;
        }
    }

    /// <summary>Pieces of differing length in which keys go up by one at each step; the next step is to be foretold.</summary>
    private sealed class Chords(string name, int count, ulong seed) : PieceSet
    {
        public const int Keys = 6;

        public override string Name => name;

        public override int Count => count;

        public override int InputSize => Keys;

        public override int TargetSize => Keys;

        public override int StepsOf(int piece) => 2 + (piece * 5 % 9);

        public override void Fill(PieceBatch batch, int b, int piece)
        {
            var random = new Philox(seed, (ulong)piece);
            int low = random.Next(Keys);
            int high = random.Next(Keys);
            for (int t = 0; t < StepsOf(piece); t++)
            {
                batch.Input(t, b)[(low + t) % Keys] = 1;
                batch.Input(t, b)[(high + t) % Keys] = 1;
                batch.Target(t, b)[(low + t + 1) % Keys] = 1;
                batch.Target(t, b)[(high + t + 1) % Keys] = 1;
            }
        }
    }
}
