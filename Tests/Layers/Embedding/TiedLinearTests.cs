using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>An output layer with the table of the embedding: gradients of both uses, and one parameter in all else.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
internal sealed class TiedLinearTests(int bits, int threads)
{
    private Backend Backend => Backends.Get(bits, threads);

    private static readonly GradientCase[] Cases =
    [
        .. new[] { (1, 1), (2, 1), (3, 33), (7, 17), (300, 5) }.SelectMany(
            _ => new[] { (1, 1), (1, 5), (7, 1), (4, 3) },
            (size, s) =>
                new GradientCase(
                    $"tied {size.Item1}-{size.Item2}",
                    () => Model(size.Item1, size.Item2, size.Item1 % 2 == 1),
                    s.Item1,
                    s.Item2
                )
        ),
        new("tied around a gru", Projected, 5, 3),
        new("tied under the last step", () => Pooled(5, 4), 6, 3),
    ];

    private static Sequential Model(int classes, int size, bool bias)
    {
        var embedding = new Embedding(classes, size);
        return new(embedding, new Linear(size, size), new TiedLinear(embedding, bias));
    }

    private static Sequential Projected()
    {
        var embedding = new Embedding(11, 5, scale: 0.1f, uniform: true);
        return new(embedding, new Gru(5, 9), new Linear(9, 5), new TiedLinear(embedding));
    }

    private static Sequential Pooled(int classes, int size)
    {
        var embedding = new Embedding(classes, size);
        return new(embedding, new Gru(size, size), new Last(size), new TiedLinear(embedding));
    }

    [TestCaseSource(nameof(Cases))]
    public void Outputs_and_gradients_are_those_of_the_reference(GradientCase @case) =>
        PlannedCase.Check(@case, Backends.Get(bits, threads));

    [Test]
    public void The_table_counts_is_updated_and_is_saved_once()
    {
        using Sequential model = Projected();
        string file = Path.GetTempFileName();
        try
        {
            int gru = 3 * 9 * (5 + 9 + 2);
            Assert.That(model.ParameterCount, Is.EqualTo((11 * 5) + gru + (9 * 5) + 5 + 11));
            Assert.That(
                model.NamedParameters().Select(p => p.Name),
                Has.Exactly(1).EqualTo("0.weight").And.None.EqualTo("3.weight")
            );
            using Plan plan = model.Plan(Backend, 2, 2, Mode.Training);
            using var loss = new SoftmaxCrossEntropy(plan);
            using var sgd = new Sgd(plan, learningRate: 0.5f);
            float[] before = plan.Parameter("0.weight").ToArray();
            plan.Forward([1, 2, 3, 4], 2, 2);
            plan.Backward(loss.Compute([5, 6, 7, 8]));
            float[] gradient = plan.Gradient("0.weight").ToArray();
            sgd.Step();
            Close.Check(
                plan.Parameter("0.weight").ToArray(),
                [.. before.Zip(gradient, (w, g) => (double)w - 0.5 * g)],
                1e-6,
                "the table"
            );
            model.Save(file);
            using Sequential other = Projected();
            other.Initialize(Backend, seed: 9);
            other.Load(file);
            using Plan loaded = other.Plan(Backend, 2, 2, Mode.Evaluation);
            using Plan saved = model.Plan(Backend, 2, 2, Mode.Evaluation);
            Close.CheckBits(
                loaded.Forward([1, 2, 3, 4], 2, 2).ToArray(),
                saved.Forward([1, 2, 3, 4], 2, 2).ToArray(),
                "outputs"
            );
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public void Without_its_embedding_it_has_no_weight()
    {
        using var embedding = new Embedding(4, 3);
        using var other = new Embedding(4, 3);
        using var model = new Sequential(other, new TiedLinear(embedding));
        Assert.That(
            () => model.Plan(Backend, 1, 1, Mode.Evaluation),
            Throws.InvalidOperationException.With.Message.Contains("not in the model")
        );
        Assert.That(
            () => new TiedLinear(new Embedding(4, 3, paddingIndex: 0)),
            Throws.ArgumentException.With.Message.Contains("padding index 0")
        );
    }

    [Test]
    public void A_step_allocates_nothing_and_repeats_its_bits()
    {
        using Sequential model = Projected();
        using Plan plan = model.Plan(Backend, 4, 2, Mode.Training);
        using var loss = new SoftmaxCrossEntropy(plan);
        float[] x = new Draw(1).Classes(8, 11);
        plan.SetInput(x, 4, 2);
        loss.SetTargets(new Draw(2).Classes(8, 11));
        for (int i = 0; i < 50; i++)
            Step();
        float[] first = plan.Gradients.ToArray();
        Assert.That(Allocated.LeastHere(Step), Is.Zero);
        Close.CheckBits(plan.Gradients.ToArray(), first, "gradients");

        void Step()
        {
            plan.Forward(x, 4, 2);
            plan.Backward(loss.Compute());
        }
    }
}
