using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Training;

/// <summary>
/// Training by epochs over finite sets: losses, the order of pieces, early stopping, plateaus, divergence and refused options.
/// </summary>
[TestFixture]
public sealed class EpochTrainerTests
{
    [Test]
    public void Training_learns_and_keeps_the_best_epoch(
        [Values(1, 2)] int batch,
        [Values("gru", "batch lru")] string arch
    )
    {
        MusicDataset data = Songs.Load();
        using Sequential model = Tiny.Model(arch, 0.2f);
        using Trainer trainer = Tiny.Trainer(
            model,
            Tiny.Options with
            {
                Batch = batch,
                Epochs = 30,
                Clip = 1f,
            }
        );
        double before = trainer.Evaluate(data.Valid);
        var losses = new List<double>();

        StopReason reason = trainer.Run(progress: p =>
        {
            if (p.Ended is not null)
                losses.Add(trainer.Evaluate(data.Valid));
        });

        Assert.That(reason, Is.EqualTo(StopReason.Epochs));
        Assert.That(trainer.History, Has.Count.EqualTo(30));
        Assert.That(trainer.History.Select(e => e.Valid), Is.EqualTo(losses));
        Assert.That(trainer.History.Select(e => e.Epoch), Is.EqualTo(Enumerable.Range(1, 30)));
        Assert.That(trainer.History[^1].Train, Is.LessThan(trainer.History[0].Train / 2));
        double best = losses.Min();
        Assert.That(best, Is.LessThan(before / 2));
        Assert.That(trainer.BestEpoch!.Valid, Is.EqualTo(best));
        Assert.That(trainer.BestEpoch.Epoch, Is.EqualTo(losses.IndexOf(best) + 1));
        float[] now = trainer.Plan.Store.State.ToArray();
        Assert.That(trainer.EvaluateBest(data.Valid), Is.EqualTo(best));
        Close.CheckBits(trainer.Plan.Store.State.ToArray(), now, "parameters and buffers");
        trainer.RestoreBest();
        Assert.That(trainer.Evaluate(data.Valid), Is.EqualTo(best));
    }

    [Test]
    public void Evaluation_is_the_average_over_all_frames_whatever_lies_side_by_side(
        [Values("tcn", "gru", "lru")] string arch
    )
    {
        MusicPieces set = Songs.Load().Train;
        using Sequential model = Tiny.Model(arch, 0.3f);
        double sum = 0;
        using (Plan plan = model.Plan(Backends.Get(256, 2), set.Longest, 1, Mode.Evaluation))
        {
            for (int piece = 0; piece < set.Count; piece++)
            {
                var batch = new SequenceBatch(set, 1);
                batch.Load(set, [piece]);
                float[] logits = plan.Forward(batch.X, batch.Length, 1).ToArray();
                sum +=
                    batch.Length
                    * Reference.BinaryCrossEntropy.Forward(
                        Array.ConvertAll(logits, v => (double)v),
                        Array.ConvertAll(batch.Targets.ToArray(), v => (double)v),
                        null,
                        batch.Length,
                        88
                    );
            }
        }
        double expected = sum / set.TotalSteps;

        foreach (int size in new[] { 1, 2, 3, 8 })
        {
            using Trainer trainer = Tiny.Trainer(
                model,
                Tiny.Options with
                {
                    EvaluationBatch = size,
                }
            );
            Close.Check(
                trainer.Evaluate(set),
                expected,
                expected,
                Close.Output,
                $"loss with {size} at a time"
            );
        }
    }

    [Test]
    public void The_training_loss_weighs_each_batch_by_its_frames()
    {
        MusicPieces set = Songs.Load().Train;
        using Sequential model = Tiny.Model("rnn");
        using Trainer trainer = Tiny.Trainer(
            model,
            Tiny.Options with
            {
                Batch = 2,
            },
            optimizer: plan => new Sgd(plan, 0f)
        );
        double expected = trainer.Evaluate(set);

        trainer.Run(
            cancellation: new CancellationToken(false),
            budget: null,
            progress: p => Assert.That(p.StepsPerEpoch, Is.EqualTo(3))
        );

        // Nothing was learned, so every epoch has the loss of the set.
        foreach (EpochRecord epoch in trainer.History)
            Close.Check(epoch.Train, expected, expected, Close.Output, $"epoch {epoch.Epoch}");
    }

    [Test]
    public void Every_epoch_goes_through_all_pieces_in_an_order_of_its_own()
    {
        var set = new Recorder(11);
        using var model = new Sequential(new Linear(2, 3), new Linear(3, 1));
        using Trainer trainer = Recorded(model, set, Tiny.Options with { Batch = 4, Epochs = 5 });

        trainer.Run();

        int[][] orders = [.. set.Filled.Chunk(11)];
        Assert.That(orders, Has.Length.EqualTo(5));
        foreach (int[] order in orders)
            Assert.That(order.Order(), Is.EqualTo(Enumerable.Range(0, 11)));
        Assert.That(orders.Select(o => string.Join(' ', o)).Distinct().Count(), Is.EqualTo(5));

        var again = new Recorder(11);
        using Trainer second = Recorded(model, again, Tiny.Options with { Batch = 4, Epochs = 5 });
        second.Run();
        Assert.That(again.Filled, Is.EqualTo(set.Filled), "the same seed");
        var other = new Recorder(11);
        using Trainer third = Recorded(
            model,
            other,
            Tiny.Options with
            {
                Batch = 4,
                Epochs = 5,
                Seed = 2,
            }
        );
        third.Run();
        Assert.That(other.Filled, Is.Not.EqualTo(set.Filled), "another seed");
    }

    [Test]
    public void Training_ends_when_validation_no_longer_improves()
    {
        using Sequential model = Tiny.Model("rnn");
        using Trainer trainer = Tiny.Trainer(
            model,
            Tiny.Options with
            {
                Epochs = 50,
                Patience = 3,
            },
            optimizer: plan => new Sgd(plan, 0f)
        );

        Assert.That(trainer.Run(), Is.EqualTo(StopReason.Patience));
        Assert.That(trainer.History, Has.Count.EqualTo(4));
        Assert.That(trainer.BestEpoch!.Epoch, Is.EqualTo(1));
        Assert.That(trainer.Run(), Is.EqualTo(StopReason.Patience), "and stays so");
    }

    [Test]
    public void Training_ends_when_the_time_is_up_or_it_is_asked_to()
    {
        using Sequential model = Tiny.Model("rnn");
        using Trainer trainer = Tiny.Trainer(model, Tiny.Options with { Epochs = 50 });
        using var source = new CancellationTokenSource();

        Assert.That(trainer.Run(TimeSpan.Zero), Is.EqualTo(StopReason.Budget));
        Assert.That(trainer.Step, Is.Zero);
        StopReason reason = trainer.Run(
            progress: p =>
            {
                if (p is { Epoch: 2, Step: 3 })
                    source.Cancel();
            },
            cancellation: source.Token
        );

        Assert.That(reason, Is.EqualTo(StopReason.Cancelled));
        Assert.That(trainer.Step, Is.EqualTo(8), "five steps and three");
        Assert.That(trainer.Finished, Is.Null);
        Assert.That(trainer.Run(trainer.Elapsed), Is.EqualTo(StopReason.Budget));
        Assert.That(trainer.Step, Is.EqualTo(8));
    }

    // The rule of the music script: worse than all of the three before, and not in the first ten epochs.
    [TestCase(new[] { 3.0, 2, 1, 4 }, 0, true)]
    [TestCase(new[] { 3.0, 2, 1, 3 }, 0, false)]
    [TestCase(new[] { 9.0, 3, 2, 1, 4 }, 0, true)]
    [TestCase(new[] { 3.0, 2, 1, 4 }, 4, false)]
    [TestCase(new[] { 3.0, 2, 1, 4 }, 3, true)]
    [TestCase(new[] { 1.0, 2 }, 0, true)]
    [TestCase(new[] { 1.0 }, 0, false)]
    public void A_plateau_is_an_epoch_worse_than_all_of_the_last(
        double[] losses,
        int after,
        bool reached
    )
    {
        EpochRecord[] history = [.. losses.Select((l, i) => new EpochRecord(i + 1, 0, l, 1, 0))];

        Assert.That(new Plateau(0.1f, 3, after).IsReached(history), Is.EqualTo(reached));
    }

    [Test]
    public void The_learning_rate_falls_at_a_plateau()
    {
        using Sequential model = Tiny.Model("gru");
        using Trainer trainer = Tiny.Trainer(
            model,
            // So fast that validation jumps.
            Tiny.Options with
            {
                Epochs = 60,
                Plateau = new Plateau(0.5f, 2, 3),
            },
            optimizer: plan => new Adam(plan, 0.2f)
        );

        trainer.Run();

        float rate = 0.2f;
        List<EpochRecord> seen = [];
        foreach (EpochRecord epoch in trainer.History)
        {
            Assert.That(epoch.LearningRate, Is.EqualTo(rate));
            seen.Add(epoch);
            if (new Plateau(0.5f, 2, 3).IsReached(seen))
                rate *= 0.5f;
        }
        Assert.That(rate, Is.LessThan(0.2f));
        Assert.That(trainer.Optimizer.LearningRate, Is.EqualTo(rate));
    }

    [Test]
    public void Divergence_is_told_with_its_epoch()
    {
        using Sequential model = Tiny.Model("rnn");
        using Trainer trainer = Tiny.Trainer(
            model,
            Tiny.Options,
            optimizer: plan => new Sgd(plan, 1e38f)
        );

        Assert.That(
            () => trainer.Run(),
            Throws.TypeOf<DivergedException>().With.Message.Contains("epoch")
        );
    }

    [Test]
    public void Options_and_sizes_that_do_not_fit_are_refused()
    {
        using Sequential model = Tiny.Model("rnn");
        using var other = new Sequential(new Linear(87, 88));
        long taken = Backends.Get(256, 2).Memory.CurrentBytes;
        Assert.Multiple(() =>
        {
            foreach (
                TrainingOptions wrong in new TrainingOptions[]
                {
                    new() { Batch = 0 },
                    new() { EvaluationBatch = 0 },
                    new() { Clip = 0 },
                    new() { Clip = float.NaN },
                    new() { Epochs = 0 },
                    new() { Patience = -1 },
                    new() { Plateau = new Plateau(1f) },
                    new() { Plateau = new Plateau(Window: 0) },
                }
            )
                Assert.That(
                    () => Tiny.Trainer(model, wrong),
                    Throws.InstanceOf<ArgumentException>(),
                    wrong.ToString()
                );
            Assert.That(
                () => Tiny.Trainer(other, Tiny.Options),
                Throws.ArgumentException.With.Message.Contains("'train' has 88 channels in")
            );
            Assert.That(
                () =>
                    Tiny.Trainer(model, Tiny.Options, optimizer: plan => new Adam(plan, float.NaN)),
                Throws.InstanceOf<ArgumentException>()
            );
        });
        // The model's own parameters, and what an optimizer took whose constructor failed.
        model.Dispose();
        Assert.That(Backends.Get(256, 2).Memory.CurrentBytes - taken, Is.LessThan(100_000));
    }

    [Test]
    public void Memory_is_given_back()
    {
        Backend backend = Backends.Get(256, 2);
        // The backend's own scratch grows with the first use and stays.
        TrainAndEvaluate();
        long taken = backend.Memory.CurrentBytes;

        TrainAndEvaluate();

        Assert.That(backend.Memory.CurrentBytes, Is.EqualTo(taken));

        static void TrainAndEvaluate()
        {
            using Sequential model = Tiny.Model("gru");
            using Trainer trainer = Tiny.Trainer(model, Tiny.Options with { Batch = 2 });
            trainer.TrainStep();
            trainer.Evaluate(Songs.Load().Test);
        }
    }

    [Test]
    public void A_part_of_a_task_is_a_finite_set()
    {
        var task = new AddingProblem(20);
        SequenceTask train = task.Part(1, 0, 64);
        var batch = new SequenceBatch(train, 3);
        batch.Load(train, [5, 0, 63]);
        var expected = new SequenceBatch(task, 1);
        expected.Load(task, 63, 1);
        for (int t = 0; t < 20; t++)
            Assert.That(batch.Input(t, 2)[0], Is.EqualTo(expected.Input(t, 0)[0]));
        Assert.That(batch.Target(0, 2)[0], Is.EqualTo(expected.Target(0, 0)[0]));
        Assert.That(batch.Targets.Length, Is.EqualTo(3));

        using var model = new Sequential(new Gru(2, 8), new Last(8), new Linear(8, 1));
        using var trainer = new Trainer(
            model,
            train,
            task.HeldOut(40),
            Backends.Get(256, 2),
            plan => new Adam(plan, 0.02f),
            Tiny.Options with
            {
                Batch = 16,
                Epochs = 20,
            }
        );
        trainer.Run();
        Assert.That(trainer.BestEpoch!.Valid, Is.LessThan(trainer.History[0].Valid!));
    }

    [Test]
    public void An_empty_set_is_refused()
    {
        using var model = new Linear(2, 1);
        var none = new Recorder(0);
        Refusal
            .Of<ArgumentException>(
                "",
                () => Recorded(model, none, Tiny.Options),
                "The dataset 'recorder' is empty",
                "'train'"
            )
            .Check();
        using Trainer trainer = Recorded(model, new Recorder(1), Tiny.Options);
        Refusal
            .Of<ArgumentException>("", () => trainer.Evaluate(none), "is empty", "'data'")
            .Check();
        Refusal
            .Of<ArgumentException>("", () => trainer.EvaluateBest(none), "is empty", "'data'")
            .Check();
        Refusal
            .Of<ArgumentException>(
                "",
                () => trainer.Evaluate(new Recorder(2, steps: 0)),
                "Sequence 0 of the dataset 'recorder' has 0 steps"
            )
            .Check();
    }

    private static Trainer Recorded(Layer model, Recorder set, TrainingOptions options) =>
        new(
            model,
            set,
            new Recorder(2),
            Backends.Get(256, 1),
            plan => new Sgd(plan, 0.01f),
            options
        );

    /// <summary>Notes which pieces are asked for.</summary>
    private sealed class Recorder(int count, int steps = 3) : Dataset
    {
        public List<int> Filled { get; } = [];
        public override string Name => "recorder";
        public override int? Count => count;
        public override int InputSize => 2;
        public override int OutputSize => 1;
        public override int TargetSize => 1;
        public override bool OneOutput => false;
        public override string Metric => "mse";

        public override Loss CreateLoss(Plan plan) => new MeanSquaredError(plan);

        public override int LengthOf(long sequence) => steps;

        public override void Fill(SequenceBatch batch, int b, long sequence)
        {
            Filled.Add((int)sequence);
            for (int t = 0; t < 3; t++)
            {
                batch.Input(t, b).Fill(sequence);
                batch.Target(t, b).Fill(0.5f);
            }
        }
    }
}
