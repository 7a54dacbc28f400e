using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Training;

/// <summary>Sets of every kind are trained on, and sets that break their word are told and harm nothing.</summary>
[TestFixture]
public sealed class DatasetTests
{
    private static Backend Backend => Backends.Get(256, 1);

    [Test]
    public void A_target_may_be_several_numbers_and_steps_may_weigh_differently()
    {
        var set = new Made
        {
            Outputs = 3,
            Numbers = 3,
            Weights = (sequence, t) => (sequence + t) % 3,
        };
        using Sequential model = new(new Gru(2, 4), new Linear(4, 3));
        using Trainer trainer = Trainer(model, set, batch: 3);

        double actual = trainer.Evaluate(set);

        double expected = 0;
        double weights = 0;
        using Plan plan = model.Plan(Backend, set.Longest, 1, Mode.Evaluation);
        for (int sequence = 0; sequence < set.Count; sequence++)
        {
            int steps = set.LengthOf(sequence);
            var batch = new SequenceBatch(set, 1);
            batch.Load(set, sequence, 1);
            float[] y = plan.Forward(batch.X, steps, 1).ToArray();
            for (int t = 0; t < steps; t++)
            {
                double squares = 0;
                for (int c = 0; c < 3; c++)
                    squares += Math.Pow(y[(3 * t) + c] - batch.Target(t, 0)[c], 2);
                double weight = (sequence + t) % 3;
                Assert.That(batch.Mask[t], Is.EqualTo(weight));
                expected += weight * squares / 3;
                weights += weight;
            }
        }
        Assert.That(actual, Is.EqualTo(expected / weights).Within(1e-6));
        trainer.Run();
        Assert.That(trainer.History[^1].Train, Is.LessThan(trainer.History[0].Train));
    }

    [Test]
    public void Sequences_may_weigh_differently_and_classes_go_in_and_out()
    {
        var set = new Made
        {
            One = true,
            Inputs = 1,
            InClasses = 5,
            Outputs = 4,
            OutClasses = 4,
            Ignored = -1,
            Input = (sequence, t) => (sequence + t) % 5,
            Target = (sequence, _) => sequence == 2 ? -1 : sequence % 4,
            Weights = (sequence, _) => sequence == 1 ? 0 : 2,
        };
        using Sequential model = new(
            new Embedding(5, 3),
            new Gru(3, 4),
            new Last(4),
            new Linear(4, 4)
        );
        using Trainer trainer = Trainer(model, set, batch: 2);
        double before = trainer.Evaluate(set);

        trainer.Run();

        Assert.That(trainer.Evaluate(set), Is.LessThan(before));
        var batch = new SequenceBatch(set, 3);
        batch.Load(set, [0, 1, 2]);
        Assert.That(batch.Mask.ToArray(), Is.EqualTo(new[] { 2f, 0, 2 }));
        Assert.That(batch.Targets.ToArray(), Is.EqualTo(new[] { 0f, 1, -1 }));
    }

    [Test]
    public void What_was_written_before_does_not_shine_through()
    {
        var set = new Made();
        var batch = new SequenceBatch(set, 2);
        batch.Load(set, [0, 1]);
        set.Input = (_, _) => null;
        set.Target = (_, _) => null;

        batch.Load(set, [2, 3]);

        Assert.That(batch.X.ToArray(), Is.All.Zero);
        Assert.That(batch.Targets.ToArray(), Is.All.Zero);
    }

    private static IEnumerable<TestCaseData> Broken()
    {
        yield return Case("count", set => set.Sequences = 5, "6 sequences", "5 sequences");
        yield return Case("inputs", set => set.Inputs = 3, "2 channels in", "3 channels in");
        yield return Case("outputs", set => set.Numbers = 2, "1 number a", "2 numbers a");
        yield return Case(
            "length",
            set => set.Steps = s => s == 4 ? 9 : 2,
            "4",
            "9 steps",
            "2 to 5"
        );
        yield return Case(
            "no steps",
            set => set.Steps = s => s == 4 ? 0 : 2,
            "4",
            "0 steps",
            "2 to 5"
        );
        yield return Case(
            "shorter than it said",
            set => set.Steps = s => s == 4 ? 1 : 2,
            "4",
            "has 1 step",
            "2 to 5"
        );
        yield return Case("beyond its end", set => set.Beyond = (4, 1, 0), "4", "steps 0 to");
        yield return Case("another place", set => set.Beyond = (4, 0, 1), "4", "at place");
        yield return Case("before it", set => set.Beyond = (4, -99, 0), "4", "step -");
        yield return Case(
            "channel",
            set => set.Channel = 2,
            "could not be filled",
            "2 numbers of input"
        );
        yield return Case(
            "weight",
            set => set.Weights = (s, t) => s == 4 ? float.NaN : 1,
            "4",
            "weight NaN",
            "from 0 on"
        );
    }

    private static TestCaseData Case(string name, Action<Made> breaks, params string[] parts) =>
        new TestCaseData(breaks, parts).SetArgDisplayNames(name);

    [TestCaseSource(nameof(Broken))]
    public void A_set_that_breaks_its_word_is_named_and_the_trainer_goes_on(
        Action<Made> breaks,
        string[] parts
    )
    {
        var set = new Made { Weights = (_, _) => 1 };
        using Sequential model = new(new Gru(2, 4), new Linear(4, 1));
        using Trainer trainer = Trainer(model, set, batch: 6);
        var whole = new Made { Weights = (_, _) => 1 };
        using Sequential same = new(new Gru(2, 4), new Linear(4, 1));
        using Trainer reference = Trainer(same, whole, batch: 6);
        trainer.TrainStep();
        reference.TrainStep();
        breaks(set);

        string message = Assert.Throws<DatasetException>(() => trainer.TrainStep())!.Message;

        Assert.That(message, Does.Contain("'made'"));
        foreach (string part in parts)
            Assert.That(message, Does.Contain(part));
        Assert.That(trainer.Step, Is.EqualTo(1));
        set.Heal(whole);
        trainer.TrainStep();
        reference.TrainStep();
        Assert.That(trainer.ReadLoss(), Is.EqualTo(reference.ReadLoss()));
        Close.CheckBits(
            trainer.Plan.Parameters.ToArray(),
            reference.Plan.Parameters.ToArray(),
            "parameters"
        );
    }

    // Of sets that say their classes, and of one that does not but whose loss wants some.
    [Test]
    public void A_class_that_there_is_not_is_told_with_set_and_sequence(
        [Values] bool input,
        [Values] bool said,
        [Values(-1f, 4f, 1.5f, float.NaN)] float wrong
    )
    {
        var set = new Made
        {
            Inputs = 1,
            InClasses = said ? 4 : null,
            Outputs = 4,
            OutClasses = said ? 4 : null,
            Classes = true,
            Input = (sequence, t) => (sequence + t) % 4,
            Target = (sequence, t) => (sequence * t) % 4,
        };
        using Sequential model = new(new Embedding(4, 3), new Gru(3, 4), new Linear(4, 4));
        using Trainer trainer = Trainer(model, set, batch: 6);
        trainer.TrainStep();
        Func<long, int, float?> right = input ? set.Input : set.Target;
        Func<long, int, float?> broken = (s, t) => s == 3 && t == 1 ? wrong : right(s, t);
        (set.Input, set.Target) = input ? (broken, set.Target) : (set.Input, broken);

        string message = Assert.Throws<DatasetException>(() => trainer.TrainStep())!.Message;

        Assert.That(message, Does.Contain("'made'").And.Contain("0 to 3"));
        Assert.That(message, Does.Contain(said ? "Sequence 3" : "side by side"));
        (set.Input, set.Target) = input ? (right, set.Target) : (set.Input, right);
        trainer.TrainStep();
        Assert.That(trainer.ReadLoss(), Is.Positive);
    }

    [Test]
    public void A_validation_set_that_breaks_its_word_is_tried_again()
    {
        var set = new Made();
        var validation = new Made { Sequences = 3 };
        using Sequential model = new(new Gru(2, 4), new Linear(4, 1));
        using Trainer trainer = Trainer(model, set, batch: 3, validation);
        trainer.TrainStep();
        validation.Sequences = 2;

        Assert.That(
            () => trainer.TrainStep(),
            Throws.TypeOf<DatasetException>().With.Message.Contains("3 sequences")
        );
        Assert.That(
            () => trainer.Save("never", new Dictionary<string, string>()),
            Throws.InvalidOperationException.With.Message.Contains("validation failed")
        );

        validation.Sequences = 3;
        Assert.That(trainer.TrainStep()?.Epoch, Is.EqualTo(1));
        Assert.That(trainer.Step, Is.EqualTo(2));
        Assert.That(trainer.TrainStep(), Is.Null);
    }

    [Test]
    public void Sizes_that_are_none_are_refused()
    {
        using Sequential model = new(new Gru(2, 4), new Linear(4, 1));
        using Sequential embedding = new(new Embedding(3, 2), new Gru(2, 4), new Linear(4, 1));
        Assert.Multiple(() =>
        {
            Refuse(model, new Made { Sequences = 0 }, "'made' is empty");
            Refuse(
                model,
                new Made { Steps = _ => 0 },
                "Sequence 0 of the dataset 'made' has 0 steps"
            );
            Refuse(model, new Made { Numbers = 0 }, "'made' has 0 for TargetSize");
            Refuse(model, new Made { Outputs = 2 }, "2 channels in and 2 out, the model 2 and 1");
            Refuse(
                model,
                new Made { Sequences = null },
                "'made' is endless",
                "Shortest and Longest"
            );
            Refuse(
                embedding,
                new Made { Inputs = 1, InClasses = 4 },
                "'made' has 4 classes of input, the model 3"
            );
        });

        void Refuse(Layer layer, Made set, params string[] parts) =>
            Refusal.Of<ArgumentException>("", () => Trainer(layer, set, batch: 2), parts).Check();
    }

    private static Trainer Trainer(Layer model, Made set, int batch, Dataset? validation = null) =>
        new(
            model,
            set,
            validation,
            Backend,
            plan => new Adam(plan, 0.02f),
            new TrainingOptions { Batch = batch, Epochs = 20 }
        );

    /// <summary>A set of which everything can be changed.</summary>
    public sealed class Made : Dataset
    {
        public int? Sequences { get; set; } = 6;
        public int Inputs { get; set; } = 2;
        public int? InClasses { get; set; }
        public int Outputs { get; set; } = 1;
        public int Numbers { get; set; } = 1;
        public int? OutClasses { get; set; }
        public bool Classes { get; set; }
        public int? Ignored { get; set; }
        public bool One { get; set; }
        public Func<long, int> Steps { get; set; } = s => 2 + (int)(s * 5 % 4);
        public Func<long, int, float?> Input { get; set; } = (s, t) => MathF.Sin((3 * s) + t);
        public Func<long, int, float?> Target { get; set; } = (s, t) => MathF.Cos(s + (2 * t));
        public Func<long, int, float>? Weights { get; set; }
        public (int Sequence, int Steps, int Places)? Beyond { get; set; }
        public int? Channel { get; set; }

        public override string Name => "made";
        public override int? Count => Sequences;
        public override int InputSize => Inputs;
        public override int? InputClasses => InClasses;
        public override int OutputSize => Outputs;
        public override int TargetSize => Numbers;
        public override int? TargetClasses => OutClasses;
        public override int? IgnoredClass => Ignored;
        public override bool OneOutput => One;
        public override bool IsWeighted => Weights is not null;
        public override string Metric => "loss";

        public override Loss CreateLoss(Plan plan) =>
            OutClasses is not null || Classes
                ? new SoftmaxCrossEntropy(plan, Ignored)
                : new MeanSquaredError(plan);

        public override int LengthOf(long sequence) => Steps(sequence);

        public void Heal(Made from)
        {
            (Sequences, Inputs, Numbers, Steps) = (
                from.Sequences,
                from.Inputs,
                from.Numbers,
                from.Steps
            );
            (Weights, Beyond, Channel) = (from.Weights, null, null);
        }

        public override void Fill(SequenceBatch batch, int b, long sequence)
        {
            int length = LengthOf(sequence);
            for (int t = 0; t < length; t++)
            {
                for (int c = 0; c < Inputs; c++)
                    batch.Input(t, b)[c] = Input(sequence, t + c) ?? batch.Input(t, b)[c];
                if (One && t > 0)
                    continue;
                for (int c = 0; c < Numbers; c++)
                    batch.Target(t, b)[c] = Target(sequence, t + c) ?? batch.Target(t, b)[c];
                if (Weights is not null)
                    batch.Weight(t, b) = Weights(sequence, t);
            }
            if (Beyond is { } beyond && beyond.Sequence == sequence)
                batch.Input(length - 1 + beyond.Steps, b == 0 ? beyond.Places : b - beyond.Places);
            if (Channel is { } channel)
                batch.Input(0, b)[channel] = 1;
        }
    }
}
