using System.Runtime.CompilerServices;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Outside.Training;
using Sequor.Tests.Support;

namespace Sequor.Tests.Training;

/// <summary>Datasets and optimizers of an assembly that sees only the public API.</summary>
[TestFixture]
public sealed class OutsideTests : FolderTest
{
    private static readonly TrainingOptions Epochs = new()
    {
        Batch = 3,
        Epochs = 8,
        Clip = 0.5f,
        Plateau = new Plateau(0.5f, 1, 2),
    };

    private static Backend Backend => Backends.Get(256, 2);

    private string File => PathOf("training.safetensors");

    [Test]
    public void It_sees_no_internals() =>
        Assert.That(
            typeof(Trainer)
                .Assembly.GetCustomAttributes(typeof(InternalsVisibleToAttribute), false)
                .Cast<InternalsVisibleToAttribute>()
                .Select(a => a.AssemblyName),
            Has.None.EqualTo(typeof(Spirals).Assembly.GetName().Name)
        );

    [Test]
    public void A_finite_set_and_an_optimizer_with_a_state_are_trained_and_resumed_bit_for_bit(
        [Values(0, 2, 4, 9)] int at
    )
    {
        using Sequential model = Points();
        using Trainer straight = OnSpirals(model);
        straight.Run();
        Assert.That(straight.BestEpoch!.Valid, Is.LessThan(0.7 * straight.History[0].Valid!.Value));
        using (Sequential half = Points())
        using (Trainer first = OnSpirals(half))
        {
            for (int i = 0; i < at; i++)
                first.TrainStep();
            first.Save(File, new Dictionary<string, string>());
        }
        using Sequential rest = Points();
        using Trainer second = OnSpirals(rest);
        second.TrainStep();
        second.Resume(File);
        second.Run();

        Assert.That(
            second.History.Select(e => (e.Train, e.Valid)),
            Is.EqualTo(straight.History.Select(e => (e.Train, e.Valid)))
        );
        Close.CheckBits(
            ((SignMomentum)second.Optimizer).ReadMomentum(),
            ((SignMomentum)straight.Optimizer).ReadMomentum(),
            "momentum"
        );
        Close.CheckBits(
            second.Plan.Parameters.ToArray(),
            straight.Plan.Parameters.ToArray(),
            "parameters"
        );
    }

    [Test]
    public void An_endless_set_of_two_lengths_is_learned_and_resumed()
    {
        using Sequential model = Bits();
        using Trainer straight = OnParities(model);
        straight.Run();
        Assert.That(straight.ReadLoss(), Is.LessThan(0.9 * new Parities(3, 5).Baseline!));
        using (Sequential half = Bits())
        using (Trainer first = OnParities(half))
        {
            for (int i = 0; i < 150; i++)
                first.TrainStep();
            first.Save(File, new Dictionary<string, string>());
        }
        using Sequential rest = Bits();
        using Trainer second = OnParities(rest);
        second.Resume(File);
        second.Run();

        Assert.That(second.ReadLoss(), Is.EqualTo(straight.ReadLoss()));
        Assert.That(
            () => straight.Evaluate(new Parities(3, 5)),
            Throws.ArgumentException.With.Message.Contains("'parities' is endless")
        );
    }

    [Test]
    public void A_rule_that_there_is_gives_the_same_bits_from_outside([Values] bool clips)
    {
        TrainingOptions options = Epochs with
        {
            Clip = clips ? 0.05f : float.PositiveInfinity,
            Schedule = new WarmupCosine(20, 3, 0.01f),
        };
        using Sequential one = Points();
        using Trainer theirs = Trainer(one, plan => new PlainDescent(plan, 0.2f), options);
        using Sequential two = Points();
        using Trainer ours = Trainer(two, plan => new Sgd(plan, 0.2f), options);

        theirs.Run();
        ours.Run();

        Assert.That(
            theirs.History.Select(e => (e.Train, e.Valid)),
            Is.EqualTo(ours.History.Select(e => (e.Train, e.Valid)))
        );
        Close.CheckBits(
            theirs.Plan.Parameters.ToArray(),
            ours.Plan.Parameters.ToArray(),
            "parameters"
        );
        Assert.That(theirs.Optimizer.GradientNorm, Is.EqualTo(ours.Optimizer.GradientNorm));
    }

    [Test]
    public void Gradients_are_clipped_before_a_rule_sees_them()
    {
        using Sequential model = Points();
        using Trainer trainer = OnSpirals(model, Epochs with { Clip = 0.01f });
        trainer.TrainStep();
        var lion = (SignMomentum)trainer.Optimizer;

        Assert.That(lion.GradientNorm, Is.GreaterThan(0.02f));
        Assert.That(lion.Norm, Is.EqualTo(0.01).Within(1e-5));
        Assert.That(lion.Updates, Is.EqualTo((1, 1)));
    }

    [Test]
    public void A_step_with_gradients_that_are_not_finite_is_skipped_and_counted()
    {
        using Sequential model = Points();
        using Trainer trainer = OnSpirals(model);
        var lion = (SignMomentum)trainer.Optimizer;
        trainer.TrainStep();
        float[] before = trainer.Plan.Parameters.ToArray();
        float[] broken = [.. before];
        broken[0] = float.NaN;
        trainer.Plan.Parameters.Write(broken);
        trainer.TrainStep();
        trainer.Plan.Parameters.Write(before);

        Assert.That(trainer.ReadLosses, Throws.TypeOf<DivergedException>());
        Assert.That(lion.SkippedSteps, Is.EqualTo(1));
        Assert.That(lion.Updates, Is.EqualTo((1, 1)));
        trainer.TrainStep();
        Assert.That(lion.Updates, Is.EqualTo((2, 2)), "those that were skipped do not count");
    }

    [Test]
    public void A_state_that_is_missing_is_named()
    {
        using Sequential model = Points();
        using Trainer trainer = OnSpirals(model);
        var lion = (SignMomentum)trainer.Optimizer;
        Assert.That(
            () => lion.Unnamed(),
            Throws
                .ArgumentException.With.Message.Contains("'lion' has no state 'velocity'")
                .And.Message.Contains("it has momentum")
        );
        string name = $"optimizer.momentum.{model.NamedParameters().First().Name}";
        trainer.TrainStep();
        trainer.Save(File, new Dictionary<string, string>());
        Without(name);

        Assert.That(
            () => trainer.Resume(File),
            Throws.TypeOf<CheckpointException>().With.Message.Contains($"{name}: none in the file")
        );
    }

    [Test]
    public void A_checkpoint_of_other_settings_or_another_rule_is_refused()
    {
        using Sequential model = Points();
        using (Trainer trainer = OnSpirals(model))
            trainer.Save(File, new Dictionary<string, string>());
        using Trainer other = Trainer(model, plan => new SignMomentum(plan, 0.01f, 0.8f), Epochs);
        Assert.That(
            () => other.Resume(File),
            Throws
                .TypeOf<CheckpointException>()
                .With.Message.Contains(
                    "lion: beta1 0.9, beta2 0.99, decay 0 in the file, beta1 0.8"
                )
        );
        using Trainer plain = Trainer(model, plan => new PlainDescent(plan, 0.01f), Epochs);
        Assert.That(
            () => plain.Resume(File),
            Throws
                .TypeOf<CheckpointException>()
                .With.Message.Contains("optimizer: lion in the file, plain here")
        );
    }

    [TestCase("")]
    [TestCase("a.b")]
    [TestCase("twice", "twice")]
    public void Names_that_no_state_can_have_are_refused(params string[] names)
    {
        using Sequential model = Points();
        using Plan plan = model.Plan(Backend, 7, 2, Mode.Training);
        Refusal
            .Of<ArgumentException>(
                "",
                () => new Named(plan, names).Dispose(),
                $"The name '{names[^1]}'"
            )
            .Check();
    }

    private void Without(string name)
    {
        string from = PathOf("from");
        System.IO.File.Move(File, from);
        using SafetensorsFile file = Safetensors.Open(from);
        Safetensors.WriteChecked(
            File,
            [
                .. file
                    .Entries.Where(entry => entry.Name != name)
                    .Select(entry =>
                        SafetensorsTensor.Of(
                            entry.Name,
                            file.ReadFloats(entry.Name),
                            entry.Shape.ToArray().AsSpan()
                        )
                    ),
            ],
            new Dictionary<string, string>(file.Metadata)
        );
    }

    private static Sequential Points() =>
        new(new Gru(2, 6), new Dropout(6, 0.1f), new Linear(6, 2));

    private static Sequential Bits() =>
        new(new Embedding(2, 4), new Gru(4, 12), new Last(12), new Linear(12, 3));

    private static Trainer OnSpirals(Layer model, TrainingOptions? options = null) =>
        Trainer(model, plan => new SignMomentum(plan, 0.02f), options ?? Epochs);

    private static Trainer Trainer(
        Layer model,
        Func<Plan, Optimizer> optimizer,
        TrainingOptions options
    ) => new(model, new Spirals("train", 11), new Spirals("valid", 4), Backend, optimizer, options);

    private static Trainer OnParities(Layer model) =>
        new(
            model,
            new Parities(3, 5),
            validation: null,
            Backend,
            plan => new SignMomentum(plan, 0.005f, decay: 0.01f),
            new TrainingOptions { Batch = 16, Steps = 300 }
        );

    private sealed class Named(Plan plan, string[] names) : Optimizer(plan, 1f, names)
    {
        public override string Name => "named";
        public override string Settings => "";

        protected override void Update() { }
    }
}
