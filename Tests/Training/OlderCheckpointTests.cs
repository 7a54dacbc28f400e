using System.Runtime.Intrinsics.X86;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Training;

/// <summary>Checkpoints of version 0.1.0, when steps of an endless task and epochs of a finite set had a loop each, go on.</summary>
/// <remarks>
/// Vectors/checkpoint_steps.safetensors was written after 3 steps, and _steps_later after 7, by the trainer and on the task that
/// <see cref="OfSteps"/> makes; _epochs after 6 steps, two of which are of the second epoch, and _epochs_later after 15, by that
/// of <see cref="OfEpochs"/>. All on one thread with vectors of 128 bits and a fused multiply-add.
/// </remarks>
[TestFixture]
public sealed class OlderCheckpointTests : FolderTest
{
    // What is of its time, or of the file alone.
    private static readonly string[] Passing = ["sequor.checksum", "training.seconds"];

    private static Backend Backend => Backends.Get(128, 1);

    [TestCase("steps", 3, 7)]
    [TestCase("epochs", 6, 15)]
    public void It_goes_on_bit_for_bit(string kind, int from, int to)
    {
        Assume.That(
            Fma.IsSupported,
            "the files were written with a fused multiply-add, which this processor has not"
        );
        using Sequential model = kind == "steps" ? Steps() : Epochs();
        using Trainer trainer = kind == "steps" ? OfSteps(model) : OfEpochs(model);

        Assert.That(trainer.Resume(Vector($"checkpoint_{kind}")), Is.Empty);
        Assert.That(trainer.Step, Is.EqualTo(from));
        while (trainer.Step < to)
            trainer.TrainStep();
        string path = PathOf("later");
        trainer.Save(
            path,
            new Dictionary<string, string>
            {
                ["made"] = "with version 0.1.0, before its two training loops became one",
            }
        );

        using SafetensorsFile actual = Safetensors.Open(path);
        using SafetensorsFile expected = Safetensors.Open(Vector($"checkpoint_{kind}_later"));
        Assert.That(Texts(actual), Is.EqualTo(Texts(expected)));
        Assert.That(
            actual.Entries.Select(e => e.ToString()),
            Is.EqualTo(expected.Entries.Select(e => e.ToString()))
        );
        foreach (SafetensorsEntry entry in expected.Entries)
            Close.CheckBits(
                actual.ReadFloats(entry.Name),
                expected.ReadFloats(entry.Name),
                entry.Name
            );
    }

    private static Sequential Steps() =>
        new(new Gru(2, 3), new Dropout(3, 0.2f), new Last(3), new Linear(3, 1));

    private static Sequential Epochs() =>
        new(new BatchNorm(2), new Gru(2, 3), new Dropout(3, 0.2f), new Linear(3, 1));

    private static Trainer OfSteps(Layer model) =>
        new(
            model,
            new AddingProblem(7).Stream(4),
            validation: null,
            Backend,
            plan => new Adam(plan, 0.02f),
            new TrainingOptions
            {
                Batch = 3,
                Clip = 0.5f,
                Seed = 4,
                Schedule = new WarmupCosine(9, 2, 0.001f),
            }
        );

    private static Trainer OfEpochs(Layer model) =>
        new(
            model,
            new Waves("train", 7),
            new Waves("valid", 4),
            Backend,
            plan => new AdamW(plan, 0.1f, 0.05f),
            new TrainingOptions
            {
                Batch = 2,
                EvaluationBatch = 3,
                Clip = 0.5f,
                Seed = 6,
                Epochs = 4,
                Plateau = new Plateau(0.5f, 1, 0),
                Schedule = new WarmupCosine(14, 2, 0.001f),
            }
        );

    private string Vector(string name)
    {
        string path = PathOf(name);
        if (File.Exists(path))
            return path;
        using Stream from = typeof(OlderCheckpointTests).Assembly.GetManifestResourceStream(
            $"{name}.safetensors"
        )!;
        using FileStream to = File.Create(path);
        from.CopyTo(to);
        return path;
    }

    // Of each epoch both losses and the rate; what follows is its time.
    private static Dictionary<string, string> Texts(SafetensorsFile file) =>
        file
            .Metadata.Where(p => !Passing.Contains(p.Key))
            .ToDictionary(
                p => p.Key,
                p =>
                    p.Key == "training.history"
                        ? string.Join(';', p.Value.Split(';').Select(e => e[..e.LastIndexOf(' ')]))
                        : p.Value
            );

    private sealed class Waves(string name, int count) : Dataset
    {
        public override string Name => name;
        public override int? Count => count;
        public override int InputSize => 2;
        public override int OutputSize => 1;
        public override int TargetSize => 1;
        public override bool OneOutput => false;
        public override string Metric => "mse";

        public override Loss CreateLoss(Plan plan) => new MeanSquaredError(plan);

        public override int LengthOf(long sequence) => 2 + (int)(sequence * 5 % 4);

        public override void Fill(SequenceBatch batch, int b, long sequence)
        {
            var random = new Philox((ulong)count, (ulong)sequence);
            for (int t = 0; t < LengthOf(sequence); t++)
            {
                batch.Input(t, b)[0] = random.NextFloat();
                batch.Input(t, b)[1] = random.NextFloat();
                batch.Target(t, b)[0] = random.NextFloat();
            }
        }
    }
}
