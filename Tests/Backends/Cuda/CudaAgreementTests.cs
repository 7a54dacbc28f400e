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

    private protected override bool FloatSums => true;

    // Of a step: it is a recurrent net's, of the widest cell and the most rows of the tasks below, or less.
    private static readonly double OneStep = Rounding.Recurrent(3 * Width, 8 * 13, 2);

    private static readonly Dictionary<string, Func<SequenceTask>> Tasks = new()
    {
        ["adding"] = () => new AddingProblem(11),
        ["copy"] = () => new CopyMemory(3),
        ["classification"] = () => new Waves(9),
    };

    private static IEnumerable<TestCaseData> Pairs => Listed.WithEachArchitecture([.. Tasks.Keys]);

    [TestCaseSource(nameof(Pairs))]
    public void Losses_are_those_of_the_cpu(string architecture, string task)
    {
        using Sequential onGpu = Model(architecture, Tasks[task]());
        using Sequential onCpu = Model(architecture, Tasks[task]());
        using Trainer gpu = Trainer(architecture, onGpu, Tasks[task](), Gpu);
        using Trainer cpu = Trainer(architecture, onCpu, Tasks[task](), Cpu);
        var losses = new float[Steps];
        for (int step = 0; step < Steps; step++)
        {
            gpu.TrainStep();
            cpu.TrainStep();
            losses[step] = cpu.ReadLoss();
            Check(architecture, step, gpu.ReadLoss(), losses[step], $"loss of step {step}");
        }

        Check(architecture, Steps, gpu.Evaluate(), cpu.Evaluate(), "held-out loss");
        Assert.That(gpu.Optimizer.SkippedSteps, Is.Zero);
        RequireLearned(losses);
    }

    [Test]
    public void Losses_of_masked_pieces_are_those_of_the_cpu(
        [ValueSource(typeof(Listed), nameof(Listed.Architectures))] string architecture
    )
    {
        using Sequential onGpu = Model(architecture, Chords.Ends);
        using Sequential onCpu = Model(architecture, Chords.Ends);
        using Trainer gpu = Trainer(architecture, onGpu, Gpu);
        using Trainer cpu = Trainer(architecture, onCpu, Cpu);
        gpu.Run();
        cpu.Run();
        Assert.That(cpu.Step, Is.EqualTo(Steps));
        for (int i = 0; i < cpu.History.Count; i++)
        {
            Check(
                architecture,
                5 * i,
                gpu.History[i].Train,
                cpu.History[i].Train,
                $"loss of epoch {i + 1}"
            );
            Check(
                architecture,
                5 * i + 4,
                gpu.History[i].Valid!.Value,
                cpu.History[i].Valid!.Value,
                $"validation {i + 1}"
            );
        }
        RequireLearned([.. cpu.History.Select(epoch => (float)epoch.Train)]);
    }

    private static void Check(string architecture, int step, double gpu, double cpu, string what)
    {
        int steps = step < Rounding.NearSteps ? Rounding.NearSteps : Steps;
        GpuTestReport.Error(
            $"the loss of {architecture} in {steps} steps",
            Math.Abs(gpu - cpu) / Math.Abs(cpu)
        );
        Close.Check(
            gpu,
            cpu,
            Math.Abs(cpu),
            Conditioning(architecture) * Rounding.Loss(step, OneStep),
            what
        );
    }

    // As their authors train them: steps of time and eigenvalues that move at the rate of all else run away.
    private static ParameterGroup[] Groups(string architecture) =>
        architecture is "s4d" or "dss" ? [Architecture.Get(architecture).Recurrence(0.1f)] : [];

    // A DSS's eigenvalues turn by up to 130 radians a step at first, so that the last bit of log_dt is a phase of 6e-5 a step, and the
    // softmax divides by e^(T z) - 1, which is near 0 for some of them: training multiplies what is rounded by more than elsewhere. The
    // operations themselves, and a step's gradients, are held to the same bounds as all others (CudaStateSpaceTests, CudaModelTests).
    private static double Conditioning(string architecture) => architecture == "dss" ? 16 : 1;

    // Where nothing is learned, agreement says little.
    private static void RequireLearned(float[] losses)
    {
        int part = losses.Length / 5;
        Assert.That(losses[^part..].Average(), Is.LessThan(0.97 * losses[..part].Average()));
    }

    private static Sequential Model(string architecture, SequenceTask task) =>
        Model(architecture, ModelEnds.Of(task));

    private static Sequential Model(string architecture, ModelEnds ends)
    {
        Architecture its = Architecture.Get(architecture);
        PresetModel sizes = its.Sized(Width, 2) with { Dropout = 0.2f };
        return its.Create(
            ends,
            its.Details.HasFlag(ModelDetails.Kernel) ? sizes with { Kernel = 3 } : sizes
        );
    }

    private static Trainer Trainer(
        string architecture,
        Layer model,
        SequenceTask task,
        Backend backend
    ) =>
        new(
            model,
            task,
            task.HeldOut(20),
            backend,
            plan => new Adam(plan, 0.01f, groups: Groups(architecture)),
            new TrainingOptions { Batch = 8, Clip = 1f }
        );

    // Five steps an epoch, the last of which is smaller.
    private static Trainer Trainer(string architecture, Layer model, Backend backend) =>
        new(
            model,
            new Chords("train", 14, 1),
            new Chords("valid", 4, 2),
            backend,
            plan => new AdamW(plan, 0.01f, 0.01f, groups: Groups(architecture)),
            new TrainingOptions
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

        protected override void FillSequence(SequenceBatch batch, int b, ref Philox random)
        {
            int wave = random.Next(Classes);
            float phase = random.NextFloat();
            for (int t = 0; t < length; t++)
                batch.Input(t, b)[0] =
                    MathF.Sin((0.4f + wave) * t + phase) + 0.2f * random.NextFloat();
            batch.Target(0, b)[0] = wave;
        }
    }

    /// <summary>Pieces of differing length in which keys go up by one at each step; the next step is to be foretold.</summary>
    private sealed class Chords(string name, int count, ulong seed) : Dataset
    {
        public const int Keys = 6;

        public static ModelEnds Ends { get; } = new(Keys, Keys, OneOutput: false);

        public override string Name => name;

        public override int? Count => count;

        public override int InputSize => Keys;

        public override int OutputSize => Keys;

        public override int TargetSize => Keys;

        public override bool OneOutput => false;

        public override string Metric => "nll";

        public override Loss CreateLoss(Plan plan) => new BinaryCrossEntropy(plan);

        public override int LengthOf(long sequence) => 2 + (int)(sequence * 5 % 9);

        public override void Fill(SequenceBatch batch, int b, long sequence)
        {
            var random = new Philox(seed, (ulong)sequence);
            int low = random.Next(Keys);
            int high = random.Next(Keys);
            for (int t = 0; t < LengthOf(sequence); t++)
            {
                batch.Input(t, b)[(low + t) % Keys] = 1;
                batch.Input(t, b)[(high + t) % Keys] = 1;
                batch.Target(t, b)[(low + t + 1) % Keys] = 1;
                batch.Target(t, b)[(high + t + 1) % Keys] = 1;
            }
        }
    }
}
