using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>Layer.Predict: what an evaluation plan gives, for any size of batch.</summary>
public sealed class PredictTests
{
    private static readonly (int Length, int Batch)[] Sizes =
    [
        (3, 2),
        (7, 2),
        (1, 1),
        (2, 5),
        (9, 1),
        (7, 4),
        (7, 2),
        (40, 1),
        (1, 50),
    ];

    private static Backend Backend => Backends.Get(Backends.Widths[0], 2);

    private static Sequential Make() =>
        new Sequential(new Tcn(2, [3], 2, 0.5f), new Gru(3, 4), new Last(4), new Linear(4, 3));

    private static float[] X(int length, int batch) =>
        new Draw((ulong)(100 * length + batch)).Uniform(length * batch * 2);

    [Test]
    public void Batches_of_any_size_give_what_their_own_plan_gives()
    {
        using Layer model = Make();
        model.Initialize(Backend);
        foreach ((int length, int batch) in Sizes)
        {
            float[] x = X(length, batch);
            Prediction y = model.Predict(x, length, batch);
            using Plan plan = model.Plan(Backend, length, batch, Mode.Evaluation);
            Tensor expected = plan.Forward(x, length, batch);
            Assert.That(y.Shape, Is.EqualTo(new Shape(1, batch, 3)));
            Close.CheckBits(y.Values, expected.ToArray(), $"[{length}, {batch}]");
        }
    }

    [Test]
    public void Sequences_of_different_lengths_give_what_each_gives_alone()
    {
        using Layer model = Make();
        model.Initialize(Backend);
        int[] lengths = [5, 1, 3];
        float[] x = X(5, 3);
        // Without lengths first, so that the plan kept has to be another one.
        model.Predict(x, 5, 3);
        Prediction together = model.Predict(x, 5, 3, lengths);
        for (int b = 0; b < 3; b++)
        {
            float[] own =
            [
                .. Enumerable.Range(0, lengths[b]).SelectMany(t => x.Skip((t * 3 + b) * 2).Take(2)),
            ];
            Prediction alone = model.Predict(own, lengths[b]);
            double[] expected = Array.ConvertAll(alone.Values.ToArray(), v => (double)v);
            Close.Check(together.At(0, b), expected, Close.Output, $"sequence {b}");
        }
    }

    [Test]
    public void A_prediction_is_read_by_step_and_sequence_and_stays()
    {
        using var model = new Gru(2, 3);
        model.Initialize(Backend);
        float[] x = X(4, 2);
        Prediction y = model.Predict(x, 4, 2);
        float[] before = y.Values.ToArray();
        Assert.That(y.Shape, Is.EqualTo(new Shape(4, 2, 3)));
        Assert.That(y.At(2, 1).ToArray(), Is.EqualTo(before[15..18]));
        model.Predict(X(4, 1), 4);
        Assert.That(y.Values.ToArray(), Is.EqualTo(before));
        foreach ((int step, int sequence) in new[] { (4, 0), (0, 2), (-1, 0), (0, -1) })
            Assert.That(
                () => y.At(step, sequence).Length,
                Throws.InstanceOf<ArgumentOutOfRangeException>()
            );
    }

    [Test]
    public void The_parameters_are_those_of_the_moment()
    {
        using var model = new Gru(2, 3);
        model.Initialize(Backend, 1);
        float[] x = X(4, 2);
        float[] first = model.Predict(x, 4, 2).Values.ToArray();
        model.Initialize(Backend, 2);
        float[] second = model.Predict(x, 4, 2).Values.ToArray();
        using Plan plan = model.Plan(Backend, 4, 2, Mode.Evaluation);
        Assert.That(second, Is.Not.EqualTo(first));
        Assert.That(second, Is.EqualTo(plan.Forward(x, 4, 2).ToArray()));
    }

    [Test]
    public void The_plan_is_kept_while_it_has_room_and_freed_with_the_model()
    {
        using Backend backend = Backend.Create("cpu", new BackendOptions { Threads = 1 });
        // The backend's own scratch stays from the first time on.
        UseAndDispose(backend);
        long taken = backend.Memory.CurrentBytes;
        UseAndDispose(backend);
        Assert.That(backend.Memory.CurrentBytes, Is.EqualTo(taken));
    }

    private static void UseAndDispose(Backend backend)
    {
        using Layer model = Make();
        model.Initialize(backend);
        model.Predict(X(6, 4), 6, 4);
        long allocations = backend.Memory.Allocations;
        model.Predict(X(6, 4), 6, 4);
        model.Predict(X(2, 4), 2, 4);
        model.Predict(X(5, 1), 5, 1);
        Assert.That(backend.Memory.Allocations, Is.EqualTo(allocations));
        // Room for both: neither size is asked for anew.
        model.Predict(X(7, 3), 7, 3);
        long more = backend.Memory.Allocations;
        Assert.That(more, Is.GreaterThan(allocations));
        model.Predict(X(7, 4), 7, 4);
        Assert.That(backend.Memory.Allocations, Is.EqualTo(more));
    }

    [Test]
    public void A_long_sequence_and_a_large_batch_do_not_multiply()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Predictor.Room((8, 2), (4, 3)), Is.EqualTo((8, 3)));
            Assert.That(Predictor.Room((8, 2), (9, 2)), Is.EqualTo((9, 2)));
            Assert.That(Predictor.Room((8, 1), (2, 2)), Is.EqualTo((8, 2)));
            Assert.That(Predictor.Room((8, 1), (2, 3)), Is.EqualTo((2, 3)));
            Assert.That(Predictor.Room((1 << 20, 1), (16, 4096)), Is.EqualTo((16, 4096)));
            Assert.That(
                Predictor.Room((int.MaxValue, 1), (1, int.MaxValue)),
                Is.EqualTo((1, int.MaxValue))
            );
        });
    }

    [Test]
    public void Wrong_input_is_refused_and_the_next_call_works()
    {
        using Layer model = Make();
        model.Initialize(Backend);
        float[] x = X(3, 2);
        Refusal[] refusals =
        [
            Refusal.Of<ArgumentOutOfRangeException>("", () => model.Predict(x, 0, 2), "length"),
            Refusal.Of<ArgumentOutOfRangeException>("", () => model.Predict(x, 3, 0), "batch"),
            Refusal.Of<ArgumentException>("", () => model.Predict(x, 3, 3), "18", "12", "x"),
            Refusal.Of<ArgumentException>(
                "",
                () => model.Predict(x, int.MaxValue, int.MaxValue),
                "9223372028264841218"
            ),
            Refusal.Of<ArgumentException>("", () => model.Predict(x, 3, 2, [3]), "lengths"),
            Refusal.Of<ArgumentException>("", () => model.Predict(x, 3, 2, [3, 4]), "4"),
        ];
        foreach (Refusal refusal in refusals)
            refusal.Check();
        Assert.That(model.Predict(x, 3, 2).Shape, Is.EqualTo(new Shape(1, 2, 3)));
    }

    [Test]
    public void A_model_without_values_and_a_part_of_one_are_refused()
    {
        using var model = new Sequential(new Linear(2, 2), new Linear(2, 2));
        Refusal
            .Of<InvalidOperationException>("", () => model.Predict(new float[2], 1), "no values")
            .Check();
        model.Initialize(Backend);
        model.Predict(new float[2], 1);
        Refusal
            .Of<InvalidOperationException>(
                "",
                () => model.Children[0].Layer.Predict(new float[2], 1),
                "of its own"
            )
            .Check();
        model.Dispose();
        Refusal.Of<ObjectDisposedException>("", () => model.Predict(new float[2], 1)).Check();
    }
}
