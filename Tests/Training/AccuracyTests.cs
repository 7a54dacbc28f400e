using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Training;

/// <summary>The accuracy of a trainer's model: the share of classes whose output is the largest, by weights and lengths.</summary>
[TestFixture]
public sealed class AccuracyTests
{
    private static Backend Backend => Backends.Get(256, 2);

    // The model is the identity, so an output is the input.
    private static double Accuracy(Rows rows)
    {
        using var model = new Linear(3, 3);
        using var trainer = new Trainer(
            model,
            rows,
            null,
            Backend,
            plan => new Sgd(plan, 0.1f),
            new TrainingOptions { Batch = 2 }
        );
        trainer.Plan.Parameter("weight").Write([1, 0, 0, 0, 1, 0, 0, 0, 1]);
        trainer.Plan.Parameter("bias").Write([0, 0, 0]);
        double accuracy = trainer.Accuracy(rows);
        // The loss of the same passes is that of passes of its own.
        Assert.That(
            trainer.Assess(rows, answers: true),
            Is.EqualTo(new Evaluation(trainer.Evaluate(rows), accuracy))
        );
        Assert.That(trainer.Assess(rows).Accuracy, Is.Null);
        return accuracy;
    }

    [Test]
    public void It_counts_targets_whose_output_is_the_largest()
    {
        // Three sequences of 1 to 3 steps: what pads them is not counted.
        var rows = new Rows([
            [(0, 0)],
            [(1, 1), (2, 0)],
            [(2, 2), (0, 0), (1, 2)],
        ]);
        Assert.That(Accuracy(rows), Is.EqualTo(4.0 / 6).Within(1e-12));
    }

    [Test]
    public void Weights_count_and_ignored_classes_do_not()
    {
        var rows = new Rows([
            [(0, 0), (1, 0)],
            [(2, -1), (1, 1)],
        ])
        {
            Weights = [3, 1, 5, 0],
        };
        // 3 right, 1 wrong, one ignored, one that weighs nothing.
        Assert.That(Accuracy(rows), Is.EqualTo(0.75).Within(1e-12));
        Assert.That(
            Accuracy(
                new Rows([
                    [(0, -1)],
                ])
            ),
            Is.Zero,
            "nothing counts"
        );
    }

    [Test]
    public void Of_equal_outputs_the_first_one_is_the_largest_and_a_nan_is_never_right()
    {
        Assert.That(
            Accuracy(
                new Rows([
                    [(-1, 0), (-1, 1), (-1, 2)],
                ])
            ),
            Is.EqualTo(1.0 / 3).Within(1e-12)
        );
        Assert.That(
            Accuracy(
                new Rows([
                    [(-2, 0), (-2, 1), (-2, 2)],
                ])
            ),
            Is.Zero
        );
    }

    // They are evaluated by length, in batches of two.
    [Test]
    public void Right_answers_are_told_one_by_one_in_the_order_of_the_set()
    {
        var rows = new Rows([
            [(0, 0), (1, 1), (2, 2)],
            [(1, 0)],
            [(0, 0), (1, 1)],
            [(-2, 1)],
            [(0, 0), (0, -1)],
        ])
        {
            OnlyLast = true,
        };
        using var model = new Sequential(new Linear(3, 3), new Last(3));
        using var trainer = new Trainer(
            model,
            rows,
            null,
            Backend,
            plan => new Sgd(plan, 0.1f),
            new TrainingOptions { Batch = 2 }
        );
        trainer.Plan.Parameter("0.weight").Write([1, 0, 0, 0, 1, 0, 0, 0, 1]);
        trainer.Plan.Parameter("0.bias").Write([0, 0, 0]);
        Evaluation found = trainer.Assess(rows, answers: true);
        Assert.That(found.Right, Is.EqualTo(new[] { true, false, true, false, false }));
        Assert.That(found.Accuracy, Is.EqualTo(0.5).Within(1e-12), "one of five does not count");
        Assert.That(trainer.Assess(rows).Right, Is.Null);
    }

    [Test]
    public void A_set_without_classes_is_refused()
    {
        var rows = new Rows([
            [(0, 0)],
        ]);
        using var model = new Linear(3, 3);
        using var trainer = new Trainer(
            model,
            rows,
            null,
            Backend,
            plan => new Sgd(plan, 0.1f),
            new TrainingOptions { Batch = 2 }
        );
        Assert.That(
            () =>
                trainer.Accuracy(
                    new Rows([
                        [(0, 0)],
                    ])
                    {
                        HasClasses = false,
                    }
                ),
            Throws.ArgumentException.With.Message.Contain("has numbers as targets")
        );
        Assert.That(() => trainer.Accuracy(null!), Throws.ArgumentNullException);
        trainer.Dispose();
        Assert.That(() => trainer.Accuracy(rows), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>Steps whose input is 1 at a place, with the class that is wanted; -1 is all alike, -2 all NaN.</summary>
    private sealed class Rows((int Place, int Class)[][] sequences) : Dataset
    {
        public float[] Weights { get; init; } = [];

        public bool HasClasses { get; init; } = true;

        public override string Name => "rows";

        public override int? Count => sequences.Length;

        public override int InputSize => 3;

        public override int OutputSize => 3;

        public override int TargetSize => 1;

        public override int? TargetClasses => HasClasses ? 3 : null;

        public override int? IgnoredClass => -1;

        public bool OnlyLast { get; init; }

        public override bool OneOutput => OnlyLast;

        public override bool IsWeighted => Weights.Length > 0;

        public override string Metric => "cross-entropy";

        public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan, -1);

        public override int LengthOf(long sequence) => sequences[sequence].Length;

        public override void Fill(SequenceBatch batch, int b, long sequence)
        {
            for (int t = 0; t < sequences[sequence].Length; t++)
            {
                (int place, int wanted) = sequences[sequence][t];
                if (place >= 0)
                    batch.Input(t, b)[place] = 1;
                else
                    batch.Input(t, b).Fill(place == -1 ? 1 : float.NaN);
                if (!OnlyLast || t == sequences[sequence].Length - 1)
                    batch.Target(OnlyLast ? 0 : t, b)[0] = wanted;
                if (IsWeighted)
                    batch.Weight(t, b) = Weights[(2 * sequence) + t];
            }
        }
    }
}
