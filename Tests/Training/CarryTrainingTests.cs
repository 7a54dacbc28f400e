using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Training;

/// <summary>Truncated backpropagation through time: the order of windows, states that go on, and checkpoints between any two steps.</summary>
[TestFixture]
[NonParallelizable]
public sealed class CarryTrainingTests : FolderTest
{
    private const int Classes = 7;
    private const int Length = 4;

    private static readonly int[] Train = Windows.Text(4 * Length * 6 + 11, Classes, 1);
    private static readonly int[] Valid = Windows.Text(4 * Length * 2 + 7, Classes, 2);

    private static readonly TrainingOptions Options = new()
    {
        Batch = 4,
        Epochs = 3,
        Carry = true,
        Clip = 1f,
    };

    private string Saved => PathOf("training.safetensors");

    private static Sequential Model(string kind) =>
        kind switch
        {
            "lstm" => new(
                new Embedding(Classes, 5),
                new Lstm(5, 6, 2),
                new Dropout(6, 0.2f),
                new Linear(6, Classes)
            ),
            "gru" => new(new Embedding(Classes, 5), new Gru(5, 6), new Linear(6, Classes)),
            "rnn" => new(new Embedding(Classes, 5), new Rnn(5, 6), new Linear(6, Classes)),
            "lru" => new(
                new Embedding(Classes, 5),
                new Lru(5, 6, 4, 2, 0.1f),
                new Linear(6, Classes)
            ),
            "tcn" => new(new Embedding(Classes, 5), new Tcn(5, [6], 2), new Linear(6, Classes)),
            _ => throw new ArgumentException(kind, nameof(kind)),
        };

    private static Windows Set(int[] text, string name = "train") =>
        new(name, text, Length, Classes);

    private static Trainer Trainer(
        Layer model,
        TrainingOptions? options = null,
        Dataset? train = null,
        Dataset? valid = null
    ) =>
        new(
            model,
            train ?? Set(Train),
            valid ?? Set(Valid, "valid"),
            Backends.Get(256, 2),
            plan => new Adam(plan, 0.01f),
            options ?? Options
        );

    [Test]
    public void An_epoch_goes_through_the_streams_window_after_window()
    {
        Windows set = Set(Train);
        using Sequential model = Model("gru");
        using Trainer trainer = Trainer(model, train: set);
        // 26 windows of 4 steps and one of 2: four streams of six.
        Assert.That((set.Count, set.LengthOf(26)), Is.EqualTo(((int?)27, 2)));
        Assert.That(trainer.StepsPerEpoch, Is.EqualTo(6));
        for (int i = 0; i < 12; i++)
            trainer.TrainStep();
        Assert.That(
            set.Filled,
            Is.EqualTo(
                from step in Enumerable.Range(0, 12)
                from stream in Enumerable.Range(0, 4)
                select (long)(stream * 6 + step % 6)
            )
        );
    }

    [Test]
    public void A_step_trains_from_the_states_of_the_one_before([Values] bool secondEpoch)
    {
        using Sequential model = Model("gru");
        using Trainer trainer = Trainer(model);
        int begin = secondEpoch ? 6 : 0;
        for (int i = 0; i < begin + 2; i++)
            trainer.TrainStep();
        // The third step of an epoch by hand: from zeros through its first windows, with the parameters that each step had.
        using Sequential other = Model("gru");
        using Trainer again = Trainer(other);
        using Plan plan = other.Plan(
            Backends.Get(256, 2),
            Length,
            4,
            Mode.Training,
            new PlanOptions { Carry = true }
        );
        var batch = new SequenceBatch(Set(Train), 4);
        for (int i = 0; i < begin + 2; i++)
        {
            if (i >= begin)
            {
                batch.Load(Set(Train), [.. Enumerable.Range(0, 4).Select(b => b * 6 + i - begin)]);
                plan.Forward(batch.X, Length, 4);
            }
            again.TrainStep();
        }
        Assert.That(trainer.Plan.GetState().Batch, Is.EqualTo(4));
        float[] states = States(trainer.Plan);
        Assert.That(states, Has.Some.Not.Zero);
        Close.CheckBits(States(plan), states, "states");
    }

    [Test]
    public void An_evaluation_sees_every_target_once_and_carries(
        [Values("lstm", "lru", "rnn")] string kind,
        [Values(1, 3, 4, 100)] int streams
    )
    {
        using Sequential model = Model(kind);
        using Trainer trainer = Trainer(model, Options with { EvaluationBatch = streams });
        double loss = trainer.Evaluate();

        // By hand: whole pieces from zeros, as the streams and the windows that are left cut the text.
        int steps = Valid.Length - 1;
        int whole = steps / Length;
        int count = Math.Min(streams, whole);
        int each = whole / count * Length;
        var pieces = Enumerable.Range(0, count).Select(s => (From: s * each, Steps: each)).ToList();
        if (count * each < steps)
            pieces.Add((count * each, steps - count * each));
        using Plan plan = model.Plan(Backends.Get(256, 2), steps, 1, Mode.Evaluation);
        using var judge = new SoftmaxCrossEntropy(plan);
        double sum = 0;
        foreach ((int from, int length) in pieces)
        {
            float[] part = [.. Valid.Skip(from).Take(length + 1).Select(c => (float)c)];
            plan.Forward(part.AsSpan(0, length), length, 1);
            judge.Compute(part.AsSpan(1));
            sum += judge.ReadValue() * (double)length;
        }
        Assert.That(loss, Is.EqualTo(sum / steps).Within(2e-6));
    }

    [Test]
    public void Interrupted_anywhere_training_ends_with_the_same_bits(
        [Values("lstm", "lru", "gru")] string kind
    )
    {
        using Sequential model = Model(kind);
        using Trainer straight = Trainer(model);
        straight.Run();
        foreach (int at in new[] { 0, 1, 5, 6, 9, 17 })
        {
            using (Sequential half = Model(kind))
            using (Trainer first = Trainer(half))
            {
                for (int i = 0; i < at; i++)
                    first.TrainStep();
                first.Save(Saved, new Dictionary<string, string>());
            }
            using Sequential rest = Model(kind);
            using Trainer second = Trainer(rest);
            second.TrainStep();
            second.Resume(Saved);
            second.Run();
            Close.CheckBits(
                second.Plan.Parameters.ToArray(),
                straight.Plan.Parameters.ToArray(),
                $"interrupted at {at}"
            );
            Assert.That(
                second.History.Select(e => (e.Train, e.Valid)),
                Is.EqualTo(straight.History.Select(e => (e.Train, e.Valid)))
            );
            Assert.That(
                second.Plan.GetState().Steps,
                Is.EqualTo(straight.Plan.GetState().Steps),
                $"steps of the last epoch's streams, interrupted at {at}"
            );
        }
    }

    [Test]
    public void A_checkpoint_of_training_without_carried_states_does_not_fit([Values] bool carried)
    {
        using (Sequential model = Model("gru"))
        using (Trainer trainer = Trainer(model, Options with { Carry = carried }))
        {
            trainer.TrainStep();
            trainer.Save(Saved, new Dictionary<string, string>());
        }
        using Sequential other = Model("gru");
        using Trainer second = Trainer(other, Options with { Carry = !carried });
        Assert.That(
            () => second.Resume(Saved),
            Throws.TypeOf<CheckpointException>().With.Message.Contains("carried states")
        );
    }

    [Test]
    public void What_learns_over_windows_needs_the_states()
    {
        // The class five steps before says most of the next one, and windows have two steps.
        int[] text = Windows.Text(8 * 2 * 40 + 1, Classes, 5);
        Assert.That(Last(carry: true), Is.LessThan(0.8 * Last(carry: false)));

        double Last(bool carry)
        {
            using var model = new Sequential(
                new Embedding(Classes, 16),
                new Gru(16, 48),
                new Linear(48, Classes)
            );
            using var trainer = new Trainer(
                model,
                new Windows("train", text, 2, Classes),
                null,
                Backends.Get(256, 2),
                plan => new Adam(plan, 0.01f),
                Options with
                {
                    Carry = carry,
                    Batch = 8,
                    Epochs = 40,
                }
            );
            trainer.Run();
            return trainer.History[^1].Train;
        }
    }

    [Test]
    public void A_step_allocates_nothing()
    {
        using Sequential model = Model("lstm");
        using Trainer trainer = Trainer(
            model,
            Options with
            {
                Batch = 1,
            },
            new Quiet(Windows.Text(20_000, Classes, 4))
        );
        Assert.That(
            Allocated.Least(() =>
            {
                for (int i = 0; i < 5; i++)
                    trainer.TrainStep();
            }),
            Is.Zero
        );
        Assert.That(trainer.Step, Is.LessThan(trainer.StepsPerEpoch), "all within an epoch");
    }

    [Test]
    public void Sets_that_do_not_go_on_are_refused()
    {
        using Sequential model = Model("gru");
        var single = new Windows("valid", Valid, Length, Classes);
        Assert.That(
            () => Trainer(model, train: new Cut(Train)),
            Throws
                .ArgumentException.With.Message.Contains("'cut'")
                .And.Message.Contains("IsContinuous")
        );
        Assert.That(
            () => Trainer(model, valid: new Cut(Valid)),
            Throws.ArgumentException.With.Message.Contains("'cut'")
        );
        using Sequential tcn = Model("tcn");
        Assert.That(
            () => Trainer(tcn, valid: single),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains("context")
        );
    }

    [Test]
    public void Only_the_last_window_may_be_shorter([Values] bool evaluated)
    {
        using Sequential model = Model("gru");
        var uneven = new Uneven(Valid);
        Assert.That(
            () =>
            {
                using Trainer trainer = Trainer(model, train: evaluated ? null : uneven);
                trainer.Evaluate(uneven);
            },
            Throws.ArgumentException.With.Message.Contains(
                "The dataset 'cut' is continuous, and its sequence 2 has 3 steps where the longest has 4"
            )
        );
    }

    private static float[] States(Plan plan) =>
        [.. plan.CarriedStates.SelectMany(s => s.State.ToArray())];

    /// <summary>As Windows, and notes nothing.</summary>
    private sealed class Quiet(int[] text) : Cut(text)
    {
        public override bool IsContinuous => true;
    }

    /// <summary>Continuous, but for a window that is shorter than the ones behind it.</summary>
    private sealed class Uneven(int[] text) : Cut(text)
    {
        public override bool IsContinuous => true;

        public override int LengthOf(long sequence) => sequence == 2 ? Length - 1 : Length;
    }

    private class Cut(int[] text) : Dataset
    {
        public override string Name => "cut";
        public override int? Count => (text.Length - 1) / Length;
        public override int InputSize => 1;
        public override int OutputSize => Classes;
        public override int TargetSize => 1;
        public override bool OneOutput => false;
        public override string Metric => "cross-entropy";

        public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan);

        public override int LengthOf(long sequence) => Length;

        public override void Fill(SequenceBatch batch, int b, long sequence)
        {
            for (int t = 0; t < LengthOf(sequence); t++)
            {
                batch.Input(t, b)[0] = text[(sequence * Length) + t];
                batch.Target(t, b)[0] = text[(sequence * Length) + t + 1];
            }
        }
    }
}
