using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Cuda;

/// <summary>Checkpoints of networks between whose layers cuDNN drops out by states of its own.</summary>
[TestFixture]
public sealed class CudaRecurrentCheckpointTests : CudaFixture
{
    private const string StatesKey = "sequor.dropout_states";

    private static readonly string[] Kinds = ["tanh", "lstm", "gru"];

    private string _file = null!;

    [SetUp]
    public void NameFile() =>
        _file = Path.Combine(Path.GetTempPath(), $"sequor-{Guid.NewGuid():N}");

    [TearDown]
    public void DeleteFile() => File.Delete(_file);

    [Test]
    public void Resumed_training_gives_the_bits_of_training_that_never_stopped(
        [ValueSource(nameof(Kinds))] string kind,
        [Values(0, 1, 4)] int before
    )
    {
        float[] whole;
        using (Run run = new(kind, Gpu))
        {
            run.Train(before);
            run.Trainer.Save(_file, new Dictionary<string, string>());
            whole = run.Train(5);
        }

        using Run rest = new(kind, Gpu);
        rest.Train(2);
        IReadOnlyList<string> notes = rest.Trainer.Resume(_file);
        float[] resumed = rest.Train(5);

        Assert.That(notes, Is.Empty);
        Close.CheckBits(resumed, whole, "loss");
    }

    [Test]
    public void Epochs_resumed_give_the_bits_of_epochs_that_never_stopped()
    {
        MusicDataset songs = Songs.Load();
        using var layer = Net("gru", MusicDataset.Keys, MusicDataset.Keys);
        using var other = Net("gru", MusicDataset.Keys, MusicDataset.Keys);
        using EpochTrainer whole = Epochs(layer, songs);
        using EpochTrainer rest = Epochs(other, songs);
        for (int i = 0; i < 4; i++)
            whole.TrainStep();
        whole.Save(_file, new Dictionary<string, string>());

        Assert.That(rest.Resume(_file), Is.Empty);

        whole.Run();
        rest.Run();
        Assert.That(
            rest.History.Select(e => (e.Train, e.Valid)),
            Is.EqualTo(whole.History.Select(e => (e.Train, e.Valid)))
        );
        Assert.That(rest.History, Has.Count.EqualTo(3));
    }

    [Test]
    public void On_the_other_backend_it_goes_on_with_other_masks_and_says_so([Values] bool toGpu)
    {
        Backend from = toGpu ? Cpu : Gpu;
        Backend to = toGpu ? Gpu : Cpu;
        using Run first = new("lstm", from);
        first.Train(3);
        first.Trainer.Save(_file, new Dictionary<string, string>());
        double trained = first.Trainer.Evaluate();

        float[][] losses = new float[2][];
        for (int i = 0; i < 2; i++)
        {
            using Run rest = new("lstm", to);
            IReadOnlyList<string> notes = rest.Trainer.Resume(_file);
            Assert.That(notes, Has.Count.EqualTo(1));
            Assert.That(
                notes[0],
                Does.Contain("dropout between the layers").And.Contain("cuDNN").And.Contain("none")
            );
            Assert.That(rest.Trainer.Step, Is.EqualTo(3));
            // Without dropout it is the same model, and so are optimizer and data.
            Close.Check(rest.Trainer.Evaluate(), trained, trained, 1e-5, "held-out loss");
            losses[i] = rest.Train(3);
        }
        Assert.That(losses[1], Is.EqualTo(losses[0]), "resumed again the same way");
    }

    [Test]
    public void Begun_anew_the_masks_are_those_of_no_other_step()
    {
        // Dropout of Sequor's own goes by the step as well, so there is none.
        using Run first = new("gru", Cpu, ours: false);
        first.Trainer.Save(_file, new Dictionary<string, string>());
        float[] atZero = Losses();
        // The same parameters and data, but for the step that dropout stands at.
        SafetensorsTexts.Change(_file, texts => texts["sequor.random_step"] = "3");
        Assert.That(Losses(), Is.Not.EqualTo(atZero));

        float[] Losses()
        {
            using Run rest = new("gru", Gpu, ours: false);
            rest.Trainer.Resume(_file);
            return rest.Train(1);
        }
    }

    [Test]
    public void States_of_another_cudnn_are_not_put_back()
    {
        using (Run run = new("gru", Gpu))
        {
            run.Train(2);
            run.Trainer.Save(_file, new Dictionary<string, string>());
        }
        SafetensorsTexts.Change(_file, texts => texts[StatesKey] = "1 of cuDNN 9.99.0, 77 bytes");
        using Run rest = new("gru", Gpu);
        IReadOnlyList<string> notes = rest.Trainer.Resume(_file);
        Assert.That(notes.Single(), Does.Contain("9.99.0").And.Contain("77 bytes"));
        rest.Train(1);
    }

    [Test]
    public void States_that_are_missing_or_cut_are_refused([Values] bool cut)
    {
        using (Run run = new("gru", Gpu))
            run.Trainer.Save(_file, new Dictionary<string, string>());
        SafetensorsTexts.Change(_file, _ => { }, states => cut ? states[..^8] : null);
        using Run rest = new("gru", Gpu);
        rest.Train(1);
        float[] before = rest.Trainer.Plan.Parameters.ToArray();

        CheckpointException e = Assert.Throws<CheckpointException>(() =>
            rest.Trainer.Resume(_file)
        )!;

        Assert.That(e.Message, Does.Contain("dropout.0"));
        Assert.That(rest.Trainer.Plan.Parameters.ToArray(), Is.EqualTo(before));
        Assert.That(rest.Trainer.Step, Is.EqualTo(1));
    }

    [Test]
    public void Parameters_alone_are_loaded_anywhere()
    {
        using Run run = new("gru", Gpu);
        run.Train(1);
        run.Trainer.Save(_file, new Dictionary<string, string>());
        using Sequential model = Net("gru", 2, 1);
        using Plan plan = model.Plan(Cpu, 5, 2, Mode.Evaluation);
        Assert.That(Checkpoint.Load(_file, plan, null), Is.EqualTo(1));
    }

    private static Sequential Net(string kind, int inputs, int outputs, bool ours = true)
    {
        var options = new RecurrentOptions { Layers = 3, Dropout = 0.3f };
        Layer body = kind switch
        {
            "tanh" => new Rnn(inputs, 9, options),
            "lstm" => new Lstm(inputs, 9, options),
            _ => new Gru(inputs, 9, options),
        };
        List<Layer> layers = [body];
        if (ours)
            layers.Add(new Dropout(9, 0.2f));
        if (outputs == 1)
            layers.Add(new Last(9));
        return new Sequential([.. layers, new Linear(9, outputs)]);
    }

    private EpochTrainer Epochs(Layer model, MusicDataset songs) =>
        new(
            model,
            songs.Train,
            songs.Valid,
            Gpu,
            plan => new BinaryCrossEntropy(plan),
            plan => new Adam(plan, 0.01f),
            new EpochOptions { Batch = 2, Epochs = 3 }
        );

    private sealed class Run : IDisposable
    {
        private readonly Sequential _model;

        public Run(string kind, Backend backend, bool ours = true)
        {
            _model = Net(kind, 2, 1, ours);
            Trainer = new Trainer(
                _model,
                new AddingProblem(7),
                backend,
                plan => new Adam(plan, 0.01f),
                new TrainingOptions { Batch = 5, HeldOut = 10 }
            );
        }

        public Trainer Trainer { get; }

        public float[] Train(int steps)
        {
            float[] losses = new float[steps];
            for (int i = 0; i < steps; i++)
            {
                Trainer.TrainStep();
                losses[i] = Trainer.ReadLoss();
            }
            return losses;
        }

        public void Dispose()
        {
            Trainer.Dispose();
            _model.Dispose();
        }
    }

    /// <summary>Writes a file of floats and dropout's states anew, with other texts or states.</summary>
    private static class SafetensorsTexts
    {
        public static void Change(
            string path,
            Action<Dictionary<string, string>> texts,
            Func<byte[], byte[]?>? states = null
        )
        {
            var tensors = new List<SafetensorsTensor>();
            Dictionary<string, string> metadata;
            using (SafetensorsFile file = Safetensors.Open(path))
            {
                metadata = new(file.Metadata);
                texts(metadata);
                foreach (SafetensorsEntry entry in file.Entries)
                {
                    if (entry.Type == SafetensorsType.F32)
                    {
                        float[] values = file.ReadFloats(entry.Name);
                        tensors.Add(SafetensorsTensor.Of(entry.Name, values, [.. entry.Shape]));
                        continue;
                    }
                    byte[] bytes = file.ReadBytes(entry.Name);
                    if ((states is null ? bytes : states(bytes)) is { } kept)
                        tensors.Add(SafetensorsTensor.Of(entry.Name, kept, kept.Length));
                }
            }
            Safetensors.WriteChecked(path, tensors, metadata);
        }
    }
}
