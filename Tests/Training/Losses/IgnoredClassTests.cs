using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Losses;

/// <summary>Averages over several batches where some rows count for nothing: each batch weighs what counted in it.</summary>
[TestFixture]
public sealed class IgnoredClassTests
{
    private const int Ignored = -1;
    private const int Classes = 3;

    private static Backend Backend => Backends.Get(256, 1);

    [Test]
    public void An_epoch_is_averaged_over_what_counts([Values(1, 2, 4, 7)] int batch)
    {
        using Sequential model = Model();
        using EpochTrainer trainer = Trainer(model, batch);
        double expected = Average(model, new Labelled(7));

        EpochRecord? ended = null;
        while (ended is null)
            ended = trainer.TrainStep();

        // It learned nothing meanwhile.
        Assert.That(ended.Train, Is.EqualTo(expected).Within(1e-6 * expected));
        Assert.That(
            trainer.Evaluate(new Labelled(7)),
            Is.EqualTo(expected).Within(1e-6 * expected)
        );
        double valid = Average(model, new Labelled(5));
        Assert.That(ended.Valid, Is.EqualTo(valid).Within(1e-6 * valid));
    }

    [Test]
    public void An_epoch_that_was_interrupted_is_averaged_alike()
    {
        using Sequential model = Model();
        using EpochTrainer whole = Trainer(model, 2);
        using Sequential other = Model();
        using EpochTrainer resumed = Trainer(other, 2);
        string path = Path.Combine(
            Path.GetTempPath(),
            $"sequor-ignored-{Guid.NewGuid():n}.safetensors"
        );
        try
        {
            for (int i = 0; i < 2; i++)
                Assert.That(whole.TrainStep(), Is.Null);
            whole.Save(path, new Dictionary<string, string>());
            resumed.Resume(path);
        }
        finally
        {
            File.Delete(path);
        }
        EpochRecord? expected = null;
        EpochRecord? actual = null;
        while (expected is null)
            (expected, actual) = (whole.TrainStep(), resumed.TrainStep());

        Assert.That(actual!.Train, Is.EqualTo(expected.Train));
        Assert.That(actual.Valid, Is.EqualTo(expected.Valid));
    }

    [Test]
    public void A_set_of_which_all_is_ignored_has_no_loss()
    {
        using Sequential model = Model();
        using EpochTrainer trainer = Trainer(model, 2);

        Assert.That(trainer.Evaluate(new Labelled(1)), Is.Zero);
    }

    [Test]
    public void Held_out_sequences_are_averaged_over_what_counts()
    {
        using Sequential model = Model();
        double[] losses = Array.ConvertAll(
            [1, 3, 10],
            batch =>
            {
                using var trainer = new Trainer(
                    model,
                    new LabelledTask(),
                    Backend,
                    plan => new Sgd(plan, 0.1f),
                    new TrainingOptions { Batch = batch, HeldOut = 10 }
                );
                return trainer.Evaluate();
            }
        );

        Assert.That(losses[0], Is.Positive);
        Assert.That(losses, Is.All.EqualTo(losses[2]).Within(1e-6 * losses[2]));
    }

    private static Sequential Model() => new(new Gru(2, 4), new Linear(4, Classes));

    private static EpochTrainer Trainer(Layer model, int batch) =>
        new(
            model,
            new Labelled(7),
            new Labelled(5),
            Backend,
            plan => new SoftmaxCrossEntropy(plan, Ignored),
            plan => new Sgd(plan, 1e-30f),
            new EpochOptions { Batch = batch, EvaluationBatch = batch }
        );

    // Step by step, in double.
    private static double Average(Layer model, Labelled set)
    {
        double sum = 0;
        int count = 0;
        var batch = new PieceBatch(set, 1);
        using Plan plan = model.Plan(Backend, set.Longest, 1, Mode.Evaluation);
        for (int piece = 0; piece < set.Count; piece++)
        {
            batch.Load(set, [piece]);
            float[] logits = plan.Forward(batch.X, batch.Steps, 1).ToArray();
            for (int t = 0; t < batch.Steps; t++)
            {
                if (batch.Targets[t] == Ignored)
                    continue;
                double all = logits.Skip(t * Classes).Take(Classes).Sum(v => Math.Exp(v));
                sum += Math.Log(all) - logits[t * Classes + (int)batch.Targets[t]];
                count++;
            }
        }
        return sum / count;
    }

    // Piece 0 has no class at all, others have some.
    private static float Target(int piece, int t) =>
        piece == 0 || (piece + t) % (piece + 1) == 0 ? Ignored : (piece * t + t) % Classes;

    private sealed class Labelled(int count) : PieceSet
    {
        public override string Name => "labelled";
        public override int Count => count;
        public override int InputSize => 2;
        public override int TargetSize => 1;

        public override int StepsOf(int piece) => 3 + piece * 5 % 4;

        public override void Fill(PieceBatch batch, int b, int piece)
        {
            var draw = new Draw((ulong)piece);
            for (int t = 0; t < StepsOf(piece); t++)
            {
                draw.Uniform(2).CopyTo(batch.Input(t, b));
                batch.Target(t, b).Fill(Target(piece, t));
            }
        }
    }

    private sealed class LabelledTask : SequenceTask
    {
        public override string Name => "labelled";
        public override string Metric => "nats";
        public override int Length => 6;
        public override int InputSize => 2;
        public override int OutputSize => Classes;
        public override bool OneOutput => false;

        public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan, Ignored);

        protected override void FillSequence(Batch batch, int b, ref Philox random)
        {
            int piece = random.Next(9);
            for (int t = 0; t < Length; t++)
            {
                batch.Input(t, b, 0) = random.NextFloat(-1, 1);
                batch.Input(t, b, 1) = random.NextFloat(-1, 1);
                batch.Target(t, b) = Target(piece, t);
            }
        }
    }
}
