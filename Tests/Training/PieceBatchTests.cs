using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;
using Sequor.Workloads;

namespace Sequor.Tests.Training;

/// <summary>
/// Batches of pieces of different lengths: their padding, mask and lengths, and that padding changes no loss or gradient.
/// </summary>
[TestFixture]
public sealed class PieceBatchTests
{
    private readonly MusicPieces _pieces = Songs.Load().Train;

    [Test]
    public void Shorter_pieces_are_padded_with_zeros_that_the_mask_leaves_out()
    {
        var batch = new SequenceBatch(_pieces, 3);
        // What was there before must not shine through.
        batch.Load(_pieces, [2, 2, 2]);

        batch.Load(_pieces, [1, 0, 3]);

        Assert.Multiple(() =>
        {
            Assert.That((batch.Length, batch.Size), Is.EqualTo((4, 3)));
            Assert.That(batch.Lengths.ToArray(), Is.EqualTo(new[] { 2, 4, 3 }));
            Assert.That(
                batch.Mask.ToArray(),
                Is.EqualTo(new float[] { 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 0 })
            );
            Assert.That(batch.X.Length, Is.EqualTo(4 * 3 * 88));
            Assert.That(batch.Targets.Length, Is.EqualTo(4 * 3 * 88));
            for (int t = 0; t < 4; t++)
            {
                for (int b = 0; b < 3; b++)
                {
                    bool inside = t < batch.Lengths[b];
                    Assert.That(Sounds(batch.Input(t, b)), Is.EqualTo(inside));
                    Assert.That(Sounds(batch.Target(t, b)), Is.EqualTo(inside));
                }
            }
        });

        static bool Sounds(Span<float> frame) => frame.IndexOfAnyExcept(0f) >= 0;
    }

    [Test]
    public void Pieces_of_one_length_take_neither_mask_nor_lengths()
    {
        var batch = new SequenceBatch(_pieces, 2);

        batch.Load(_pieces, [4, 4]);

        Assert.That(batch.Mask.IsEmpty && batch.Lengths.IsEmpty, Is.True);
        Assert.That(batch.Length, Is.EqualTo(6));
    }

    [Test]
    public void What_there_is_no_room_for_is_refused()
    {
        MusicPieces valid = Songs.Load().Valid;
        var batch = new SequenceBatch(valid, 2);
        Assert.Multiple(() =>
        {
            Assert.That(
                () => batch.Load(valid, [0, 1, 0]),
                Throws.ArgumentException.With.Message.Contains("1 to 2 sequences, not for 3")
            );
            Assert.That(
                () => batch.Load(_pieces, [0, 2]),
                Throws
                    .TypeOf<DatasetException>()
                    .With.Message.Contains("Sequence 2 of the dataset 'train' has 8 steps")
            );
            Assert.That(
                () => batch.Load(new AddingProblem(3).Part(1, 0, 2), [0]),
                Throws.ArgumentException.With.Message.Contains(
                    "The batch was made for a dataset of"
                )
            );
        });
    }

    [Test]
    public void A_padded_batch_has_the_loss_and_gradient_of_its_pieces_one_by_one(
        [Values("tcn", "gru", "lstm", "rnn", "lru")] string arch
    )
    {
        int[] pieces = [0, 2, 1, 4];
        Backend backend = Backends.Get(256, 2);
        using Layer model = Tiny.Model(arch);
        using Plan together = model.Plan(
            backend,
            _pieces.Longest,
            4,
            Mode.Training,
            new PlanOptions { VariableLengths = true }
        );
        using Plan alone = model.Plan(backend, _pieces.Longest, 1, Mode.Training);

        (double loss, double[] gradient) = Run(together, pieces);

        double sum = 0;
        double[] gradients = new double[gradient.Length];
        int steps = 0;
        foreach (int piece in pieces)
        {
            int weight = _pieces.LengthOf(piece);
            (double one, double[] slope) = Run(alone, [piece]);
            steps += weight;
            sum += weight * one;
            for (int i = 0; i < slope.Length; i++)
                gradients[i] += weight * slope[i];
        }
        Close.Check(loss, sum / steps, loss, Close.Output, "loss");
        Close.Check(
            [.. gradient.Select(value => (float)value)],
            [.. gradients.Select(value => value / steps)],
            Close.Gradient,
            "gradient"
        );
    }

    private (double Loss, double[] Gradient) Run(Plan plan, int[] pieces)
    {
        var batch = new SequenceBatch(_pieces, pieces.Length);
        batch.Load(_pieces, pieces);
        using var loss = new BinaryCrossEntropy(plan);
        plan.Forward(batch.X, batch.Length, batch.Size, batch.Lengths);
        plan.Backward(loss.Compute(batch.Targets, batch.Mask));
        return (
            loss.ReadValue(),
            Array.ConvertAll(plan.Gradients.ToArray(), value => (double)value)
        );
    }
}
