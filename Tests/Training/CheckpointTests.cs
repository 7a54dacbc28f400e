using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Training;

/// <summary>Checkpoints of models and optimizers: resuming bit for bit, names of tensors, and which files are refused.</summary>
[TestFixture]
public sealed class CheckpointTests : FolderTest
{
    private const int Length = 7;
    private const int Batch = 4;
    private const int Channels = 3;
    private const int Outputs = 2;

    private static readonly Dictionary<string, string> Texts = new()
    {
        ["architecture"] = "lstm",
        ["task"] = "adding",
        ["seed"] = "18446744073709551615",
        ["é"] = "\"\n",
    };

    private static readonly Dictionary<string, Func<Layer>> Models = new()
    {
        ["lstm"] = () => new Sequential(new Lstm(Channels, 5), new Linear(5, Outputs)),
        ["wide lstm"] = () => new Sequential(new Lstm(Channels, 6), new Linear(6, Outputs)),
        ["gru"] = () => new Sequential(new Gru(Channels, 5, 2), new Linear(5, Outputs)),
        ["tcn"] = () => new Sequential(new Tcn(Channels, [6, 5], 2, 0.3f), new Linear(5, Outputs)),
        ["lru"] = () => new Sequential(new Lru(Channels, 4, 6, 2, 0.2f), new Linear(4, Outputs)),
        ["batch lru"] = () => BatchNormed(true),
        ["batch postnormed lru"] = () => BatchNormed(false),
    };

    private static Sequential BatchNormed(bool prenorm) =>
        new(
            new Lru(
                Channels,
                4,
                6,
                2,
                new LruOptions
                {
                    Norm = NormKind.Batch,
                    Prenorm = prenorm,
                    Dropout = 0.2f,
                }
            ),
            new Linear(4, Outputs)
        );

    private static IEnumerable<string> Resumed => Listed.Optimizers.Append("momentum");

    private static readonly Dictionary<string, Func<Plan, Optimizer>> Optimizers = new()
    {
        ["sgd"] = plan => new Sgd(plan, 0.05f),
        ["momentum"] = plan => new Sgd(plan, 0.05f, 0.9f),
        ["less momentum"] = plan => new Sgd(plan, 0.05f, 0.8f),
        ["rmsprop"] = plan => new RmsProp(plan, 0.003f),
        ["adam"] = plan => new Adam(plan, 0.01f),
        ["other adam"] = plan => new Adam(plan, 0.01f, 0.9f, 0.99f),
        ["adamw"] = plan => new AdamW(plan, 0.01f, 0.05f, groups: [Biases(0.25f, false)]),
        ["ungrouped adamw"] = plan => new AdamW(plan, 0.01f, 0.05f),
        ["adamw of less decay"] = plan => new AdamW(
            plan,
            0.01f,
            0.04f,
            groups: [Biases(0.25f, false)]
        ),
    };

    private static ParameterGroup Biases(float factor, bool decays) =>
        new(p => p.Parameter.Name.StartsWith("bias", StringComparison.Ordinal), factor, decays);

    /// <summary>A model in training: step i is the same whoever makes it, given the same state before.</summary>
    private sealed class Run : IDisposable
    {
        private readonly MeanSquaredError _loss;
        private readonly float[] _x = new float[Length * Batch * Channels];
        private readonly float[] _y = new float[Length * Batch * Outputs];

        public Run(Backend backend, string model, string optimizer, ulong seed = 5)
        {
            Model = Models[model]();
            Plan = Model.Plan(
                backend,
                Length,
                Batch,
                Mode.Training,
                new PlanOptions { Seed = seed }
            );
            Optimizer = Optimizers.TryGetValue(optimizer, out Func<Plan, Optimizer>? make)
                ? make(Plan)
                : Sequor.Workloads.Optimizers.Get(optimizer).Create(Plan, 0.01f);
            _loss = new MeanSquaredError(Plan);
        }

        public Layer Model { get; }
        public Plan Plan { get; }
        public Optimizer Optimizer { get; }
        public long Position { get; set; }

        public void Train(int steps)
        {
            for (; steps > 0; steps--, Position++)
            {
                var random = new Random((int)Position);
                foreach (ref float value in _x.AsSpan())
                    value = random.NextSingle() - 0.5f;
                foreach (ref float value in _y.AsSpan())
                    value = random.NextSingle();
                // One step in nine is skipped, and the rate falls.
                if (Position % 9 == 3)
                    _x[0] = float.NaN;
                Optimizer.LearningRate *= 0.99f;
                Plan.Forward(_x, Length, Batch);
                Plan.Backward(_loss.Compute(_y));
                Optimizer.Step(clip: 1f);
            }
        }

        /// <summary>Everything that training goes on from, to the bit.</summary>
        public uint[] Bits()
        {
            List<float> values = [.. Plan.Store.State.ToArray(), .. Optimizer.State.ToArray()];
            for (int i = 0; i < Optimizer.StateNames.Count; i++)
                values.AddRange(Optimizer.Moment(i).ToArray());
            values.Add(Optimizer.LearningRate);
            return
            [
                .. values.Select(BitConverter.SingleToUInt32Bits),
                (uint)Plan.RandomStep,
                (uint)(Plan.RandomStep >> 32),
            ];
        }

        public void Dispose()
        {
            _loss.Dispose();
            Optimizer.Dispose();
            Plan.Dispose();
            Model.Dispose();
        }
    }

    private Backend _backend = null!;

    [SetUp]
    public void MakeBackend() =>
        _backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 2 });

    [TearDown]
    public void FreeBackend() => _backend.Dispose();

    [Test]
    public void Resuming_goes_on_bit_for_bit(
        [Values("lstm", "gru", "tcn", "lru", "batch lru")] string model,
        [ValueSource(nameof(Resumed))] string optimizer
    )
    {
        string path = PathOf("c.safetensors");
        using var straight = new Run(_backend, model, optimizer);
        straight.Train(10);
        uint[] half = straight.Bits();
        Checkpoint.Save(path, straight.Plan, straight.Optimizer, straight.Position, Texts);
        Assert.That(straight.Bits(), Is.EqualTo(half), "saving changes nothing");
        straight.Train(10);

        using var resumed = new Run(_backend, model, optimizer);
        resumed.Model.Initialize(_backend, 99);
        resumed.Train(3);
        resumed.Position = Checkpoint.Load(path, resumed.Plan, resumed.Optimizer);
        Assert.That(resumed.Position, Is.EqualTo(10));
        Assert.That(resumed.Bits(), Is.EqualTo(half));
        Assert.That(resumed.Optimizer.SkippedSteps, Is.EqualTo(1));
        resumed.Train(10);
        Assert.That(resumed.Bits(), Is.EqualTo(straight.Bits()));
        Assert.That(resumed.Optimizer.SkippedSteps, Is.EqualTo(2));
    }

    // Without the step of dropout or the state of the optimizer the test above would fail: it can.
    [Test]
    public void What_a_checkpoint_keeps_matters()
    {
        string path = PathOf("c.safetensors");
        using var straight = new Run(_backend, "tcn", "adam");
        straight.Train(10);
        Checkpoint.Save(path, straight.Plan, straight.Optimizer, straight.Position, Texts);
        straight.Train(1);
        using var weights = new Run(_backend, "tcn", "adam");
        weights.Position = Checkpoint.Load(path, weights.Plan, null);
        weights.Train(1);
        using var stepless = new Run(_backend, "tcn", "adam");
        stepless.Position = Checkpoint.Load(path, stepless.Plan, stepless.Optimizer);
        stepless.Plan.RandomStep = 0;
        stepless.Train(1);
        float[] expected = straight.Plan.Parameters.ToArray();
        Assert.That(weights.Plan.Parameters.ToArray(), Is.Not.EqualTo(expected));
        Assert.That(stepless.Plan.Parameters.ToArray(), Is.Not.EqualTo(expected));
    }

    [Test]
    public void The_same_state_gives_the_same_file()
    {
        using var run = new Run(_backend, "lstm", "adam");
        run.Train(4);
        Checkpoint.Save(PathOf("a"), run.Plan, run.Optimizer, 4, Texts);
        using var other = new Run(_backend, "lstm", "adam");
        Checkpoint.Load(PathOf("a"), other.Plan, other.Optimizer);
        var turned = new Dictionary<string, string>(Texts.Reverse());
        Checkpoint.Save(PathOf("b"), other.Plan, other.Optimizer, 4, turned);
        Assert.That(File.ReadAllBytes(PathOf("b")), Is.EqualTo(File.ReadAllBytes(PathOf("a"))));
    }

    [Test]
    public void Numbers_of_64_bits_survive()
    {
        string path = PathOf("c");
        const ulong step = (1UL << 53) + 1;
        using var run = new Run(_backend, "lstm", "sgd", ulong.MaxValue);
        run.Plan.RandomStep = step;
        Checkpoint.Save(path, run.Plan, run.Optimizer, long.MaxValue, Texts);
        CheckpointInfo info = Checkpoint.ReadInfo(path);
        using var other = new Run(_backend, "lstm", "sgd", ulong.MaxValue);
        long position = Checkpoint.Load(path, other.Plan, other.Optimizer);
        Assert.Multiple(() =>
        {
            Assert.That(position, Is.EqualTo(long.MaxValue));
            Assert.That(other.Plan.RandomStep, Is.EqualTo(step));
            Assert.That(info.Position, Is.EqualTo(long.MaxValue));
            Assert.That(info.Seed, Is.EqualTo(ulong.MaxValue));
            Assert.That(info.Optimizer, Is.EqualTo("sgd"));
            Assert.That(info.Metadata, Is.EquivalentTo(Texts));
        });
    }

    [Test]
    public void Tensors_have_the_documented_names()
    {
        string path = PathOf("c");
        using var run = new Run(_backend, "lstm", "momentum");
        Checkpoint.Save(path, run.Plan, run.Optimizer, 0, Texts);
        using SafetensorsFile file = Safetensors.Open(path);
        string[] parameters =
        [
            "0.weight_ih_l0",
            "0.weight_hh_l0",
            "0.bias_ih_l0",
            "0.bias_hh_l0",
            "1.weight",
            "1.bias",
        ];
        Assert.Multiple(() =>
        {
            Assert.That(
                file.Entries.Select(entry => entry.Name),
                Is.EqualTo(
                    parameters
                        .Select(name => $"model.{name}")
                        .Concat(parameters.Select(name => $"optimizer.momentum.{name}"))
                        .Append("optimizer.state")
                )
            );
            Assert.That(
                file.Find("model.0.weight_ih_l0")!.ToString(),
                Is.EqualTo($"F32 [20, {Channels}]")
            );
            Assert.That(
                file.ReadFloats("model.1.weight"),
                Is.EqualTo(run.Plan.Parameter("1.weight").ToArray())
            );
            Assert.That(file.Metadata["format"], Is.EqualTo("sequor.checkpoint/2"));
            Assert.That(file.Metadata["task"], Is.EqualTo("adding"));
        });
    }

    [Test]
    public void A_plan_for_evaluation_takes_the_parameters()
    {
        string path = PathOf("c");
        using var run = new Run(_backend, "tcn", "adam");
        run.Train(2);
        Checkpoint.Save(path, run.Plan, run.Optimizer, 2, Texts);
        using Layer model = Models["tcn"]();
        using Plan plan = model.Plan(
            _backend,
            20,
            1,
            Mode.Evaluation,
            new PlanOptions { Seed = 77 }
        );
        Assert.That(Checkpoint.Load(path, plan, null), Is.EqualTo(2));
        Assert.That(plan.Parameters.ToArray(), Is.EqualTo(run.Plan.Parameters.ToArray()));
    }

    [Test]
    public void Running_statistics_come_along_under_their_names()
    {
        string path = PathOf("c");
        using var run = new Run(_backend, "batch lru", "adamw");
        run.Train(3);
        Checkpoint.Save(path, run.Plan, run.Optimizer, 3, Texts);
        using Layer model = Models["batch lru"]();
        using Plan plan = model.Plan(
            _backend,
            20,
            1,
            Mode.Evaluation,
            new PlanOptions { Seed = 77 }
        );
        Checkpoint.Load(path, plan, null);
        using SafetensorsFile file = Safetensors.Open(path);
        foreach (NamedParameter named in model.NamedBuffers())
        {
            float[] values = run.Plan.Buffer(named.Name).ToArray();
            Assert.That(values.Distinct().Count(), Is.GreaterThan(1), named.Name);
            Assert.That(plan.Buffer(named.Name).ToArray(), Is.EqualTo(values), named.Name);
            Assert.That(file.ReadFloats($"model.{named.Name}"), Is.EqualTo(values), named.Name);
        }
        Assert.That(file.Find("model.0.1.norm.running_var"), Is.Not.Null);
        Assert.That(file.Find("optimizer.mean.0.1.norm.running_var"), Is.Null);
    }

    [Test]
    public void A_model_with_another_norm_is_refused()
    {
        Assert.That(
            Refused("batch lru", "adam", "lru", "adam"),
            Does.Contain("\n  model.0.1.norm.running_mean: F32 [4] in the file, none here")
        );
        Assert.That(
            Refused("lru", "adam", "batch lru", "adam"),
            Does.Contain("\n  model.0.1.norm.running_mean: none in the file, F32 [4] here")
        );
    }

    [Test]
    public void Another_architecture_is_refused()
    {
        string message = Refused("lstm", "adam", "wide lstm", "adam");
        Assert.Multiple(() =>
        {
            Assert.That(
                message,
                Does.Contain("\n  model.0.weight_ih_l0: F32 [20, 3] in the file, F32 [24, 3] here")
            );
            Assert.That(message, Does.Contain("\n  model.1.weight: F32 [2, 5]"));
            Assert.That(message, Does.Contain("\n  optimizer.mean.0.weight_ih_l0"));
            // 5 of 6 parameters, with their two moments, differ.
            Assert.That(message, Does.EndWith("\n  and 5 more"));
            Assert.That(message.Split('\n'), Has.Length.EqualTo(12));
        });
    }

    [Test]
    public void Tensors_of_one_side_alone_are_refused()
    {
        string message = Refused("tcn", "sgd", "lstm", "sgd");
        Assert.That(
            message,
            Does.Contain("\n  model.0.weight_ih_l0: none in the file, F32 [20, 3] here")
        );
        message = Refused("lstm", "sgd", "tcn", "sgd", weights: true);
        Assert.That(message, Does.Contain(": none in the file").And.Contain("more"));
        message = Refused("lstm", "momentum", "lstm", "sgd");
        Assert.That(
            message,
            Does.Contain(
                "\n  optimizer.momentum.0.weight_ih_l0: F32 [20, 3] in the file, none here"
            )
        );
    }

    [TestCase("adam", "rmsprop", "\n  optimizer: adam in the file, rmsprop here")]
    [TestCase("sgd", "adam", "\n  optimizer: sgd in the file, adam here")]
    [TestCase("momentum", "sgd", "\n  sgd: momentum 0.9 in the file, momentum 0 here")]
    [TestCase("momentum", "less momentum", "\n  sgd: momentum 0.9 in the file, momentum 0.8 here")]
    [TestCase(
        "adam",
        "other adam",
        "beta2 0.999, epsilon 1E-08 in the file, beta1 0.9, beta2 0.99,"
    )]
    [TestCase("adam", "adamw", "\n  optimizer: adam in the file, adamw here")]
    [TestCase(
        "adamw",
        "adamw of less decay",
        "decay 0.05; rate x 0.25 without decay: 0.bias_ih_l0"
    )]
    [TestCase("adamw", "adamw of less decay", "in the file", "decay 0.04; rate x 0.25 without")]
    [TestCase("adamw", "ungrouped adamw", "1.bias in the file", "decay 0.05 here")]
    public void Another_optimizer_is_refused(
        string saved,
        string here,
        string part,
        string other = ""
    ) => Assert.That(Refused("lstm", saved, "lstm", here), Does.Contain(part).And.Contain(other));

    [Test]
    public void Another_kind_of_optimizer_is_one_difference() =>
        Assert.That(Refused("lstm", "adam", "lstm", "sgd").Split('\n'), Has.Length.EqualTo(2));

    [Test]
    public void Another_seed_is_refused_where_training_goes_on() =>
        Assert.That(
            Refused("tcn", "adam", "tcn", "adam", seed: 6),
            Does.Contain("\n  seed: 5 in the file, 6 here")
        );

    [Test]
    public void A_foreign_file_is_refused()
    {
        string path = PathOf("foreign");
        float[] values = new float[4];
        Safetensors.Write(path, [SafetensorsTensor.Of("model.0.weight", values, 2, 2)]);
        Assert.That(RefusedFile(path), Does.Contain("no checkpoint of Sequor"));

        Safetensors.Write(path, [], new Dictionary<string, string> { ["format"] = "pt" });
        Assert.That(RefusedFile(path), Does.Contain("'pt'").And.Contain("sequor.checkpoint/2"));

        Safetensors.Write(
            path,
            [],
            new Dictionary<string, string> { ["format"] = "sequor.checkpoint/3" }
        );
        Assert.That(RefusedFile(path), Does.Contain("'sequor.checkpoint/3'"));

        File.WriteAllText(path, "not a checkpoint at all, but a text of some length");
        Assert.That(RefusedFile(path), Does.Contain("byte 0"));
    }

    [Test]
    public void A_truncated_file_is_refused()
    {
        string path = PathOf("c");
        using var run = new Run(_backend, "lstm", "adam");
        Checkpoint.Save(path, run.Plan, run.Optimizer, 0, Texts);
        byte[] bytes = File.ReadAllBytes(path);
        foreach (int length in new[] { 0, 5, 8, 100, bytes.Length / 2, bytes.Length - 1 })
        {
            File.WriteAllBytes(path, bytes[..length]);
            RefusedFile(path);
        }
        RefusedFile(PathOf("missing"), Is.InstanceOf<IOException>());
    }

    [Test]
    public void A_checkpoint_with_broken_texts_or_values_is_refused()
    {
        string path = PathOf("c");
        using var run = new Run(_backend, "lstm", "sgd");
        Checkpoint.Save(path, run.Plan, run.Optimizer, 12, Texts);
        foreach (string key in new[] { "position", "random_step", "random_seed", "optimizer" })
        {
            Rewrite(path, (metadata, _) => metadata.Remove($"sequor.{key}"));
            Assert.That(RefusedFile(PathOf("broken")), Does.Contain($"'sequor.{key}'"));
        }
        foreach (string text in new[] { "-1", "1.5", "", "9223372036854775808", "x" })
        {
            Rewrite(path, (metadata, _) => metadata["sequor.position"] = text);
            Assert.That(RefusedFile(PathOf("broken")), Does.Contain($"'{text}'"));
        }
        foreach (float rate in new[] { float.NaN, -1f, float.PositiveInfinity })
        {
            Rewrite(
                path,
                (_, tensors) =>
                    tensors["optimizer.state"] = SafetensorsTensor.Of(
                        "optimizer.state",
                        new[] { rate, 0, 0, 0 },
                        4
                    )
            );
            Assert.That(
                RefusedFile(PathOf("broken"), "lstm", "sgd"),
                Does.Contain("learning rate")
            );
        }
        Rewrite(
            path,
            (_, tensors) =>
                tensors["model.1.bias"] = SafetensorsTensor.Of("model.1.bias", new double[2], 2)
        );
        Assert.That(
            RefusedFile(PathOf("broken"), "lstm", "sgd"),
            Does.Contain("model.1.bias: F64 [2] in the file, F32 [2] here")
        );
        Rewrite(path, (_, tensors) => tensors["x"] = SafetensorsTensor.Of("x", new byte[1], 1));
        Assert.That(
            RefusedFile(PathOf("broken"), "lstm", "sgd"),
            Does.Contain("x: U8 [1] in the file, none here")
        );
    }

    // A copy under the name "broken", changed.
    private void Rewrite(
        string path,
        Action<Dictionary<string, string>, Dictionary<string, SafetensorsTensor>> change
    )
    {
        using SafetensorsFile file = Safetensors.Open(path);
        var metadata = new Dictionary<string, string>(file.Metadata);
        Dictionary<string, SafetensorsTensor> tensors = file.Entries.ToDictionary(
            entry => entry.Name,
            entry =>
                SafetensorsTensor.Of(
                    entry.Name,
                    file.ReadFloats(entry.Name),
                    entry.Shape.ToArray().AsSpan()
                )
        );
        change(metadata, tensors);
        Safetensors.WriteChecked(PathOf("broken"), tensors.Values, metadata);
    }

    [Test]
    public void Saving_refuses_what_it_could_not_give_back()
    {
        string path = PathOf("c");
        using var run = new Run(_backend, "lstm", "sgd");
        using var other = new Run(_backend, "lstm", "sgd");
        Assert.Multiple(() =>
        {
            foreach (string key in new[] { "format", "sequor.position", "sequor.mine" })
                Assert.That(
                    () =>
                        Checkpoint.Save(
                            path,
                            run.Plan,
                            run.Optimizer,
                            0,
                            new Dictionary<string, string> { [key] = "" }
                        ),
                    Throws.ArgumentException.With.Message.Contains(key)
                );
            Assert.That(
                () => Checkpoint.Save(path, run.Plan, other.Optimizer, 0, Texts),
                Throws.ArgumentException
            );
            Assert.That(
                () => Checkpoint.Load(path, run.Plan, other.Optimizer),
                Throws.ArgumentException
            );
            Assert.That(
                () => Checkpoint.Save(path, run.Plan, run.Optimizer, -1, Texts),
                Throws.InstanceOf<ArgumentException>()
            );
            Assert.That(
                () => Checkpoint.Save(PathOf("no/c"), run.Plan, run.Optimizer, 0, Texts),
                Throws.TypeOf<IOException>()
            );
            Assert.That(Names(), Is.Empty);
        });
    }

    /// <summary>Saves one run and loads it in another, which must refuse it and stay as it was.</summary>
    private string Refused(
        string savedModel,
        string savedOptimizer,
        string model,
        string optimizer,
        ulong seed = 5,
        bool weights = false
    )
    {
        string path = PathOf("saved");
        using var saved = new Run(_backend, savedModel, savedOptimizer);
        saved.Train(2);
        Checkpoint.Save(path, saved.Plan, saved.Optimizer, 2, Texts);
        return RefusedFile(path, model, optimizer, seed, weights);
    }

    private string RefusedFile(
        string path,
        string model = "lstm",
        string optimizer = "adam",
        ulong seed = 5,
        bool weights = false
    ) => RefusedFile(path, Is.TypeOf<CheckpointException>(), model, optimizer, seed, weights);

    private string RefusedFile(
        string path,
        NUnit.Framework.Constraints.IResolveConstraint expected,
        string model = "lstm",
        string optimizer = "adam",
        ulong seed = 5,
        bool weights = false
    )
    {
        using var run = new Run(_backend, model, optimizer, seed);
        run.Train(1);
        uint[] before = run.Bits();
        Exception? e = Assert.Throws(
            expected,
            () => Checkpoint.Load(path, run.Plan, weights ? null : run.Optimizer)
        );
        Assert.That(run.Bits(), Is.EqualTo(before), "a failed load changes nothing");
        Assert.That(e!.Message, Does.Contain(path));
        return e.Message;
    }
}
