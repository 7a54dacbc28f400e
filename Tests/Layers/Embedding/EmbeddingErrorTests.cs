using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Embeddings that cannot be, and classes that there are not.</summary>
public sealed class EmbeddingErrorTests
{
    private const int Classes = 5;

    private static Backend Backend => Backends.Get(256, 1);

    private static readonly Refusal[] Refusals =
    [
        Made("no classes", () => new Embedding(0, 3), "count", "0", "1"),
        Made("no columns", () => new Embedding(3, 0), "size", "0", "1"),
        Made(
            "more classes than floats can tell apart",
            () => new Embedding((1 << 24) + 1, 1),
            "count",
            "16777217",
            "at most 16777216",
            "2^24"
        ),
        Made(
            "more values than an array has",
            () => new Embedding(1 << 24, 128),
            "size",
            "128",
            "at most 127 columns"
        ),
        Made("padding below 0", () => new Embedding(3, 2, -1), "paddingIndex", "-1", "0 to 2"),
        Made("padding beyond", () => new Embedding(3, 2, 3), "paddingIndex", "3", "0 to 2"),
        Made("scale 0", () => new Embedding(3, 2, scale: 0f), "scale", "0", "above 0"),
        Made("scale NaN", () => new Embedding(3, 2, scale: float.NaN), "scale", "NaN", "finite"),
        Planned("the gradient by classes", () => new Embedding(3, 2), Mode.Training, true),
        Planned(
            "the gradient by classes in sequence",
            () => new Sequential(new Sequential(new Embedding(3, 2)), new Linear(2, 1)),
            Mode.Training,
            true
        ),
        Planned(
            "an embedding of what was computed",
            () => new Sequential(new Linear(2, 1), new Embedding(3, 2)),
            Mode.Training,
            false
        ),
        Run("a class too high", "step 1 of sequence 2", "5", p => p.Forward(X(5, 5f), 3, 3)),
        Run("a class below 0", "step 0 of sequence 1", "-1", p => p.Forward(X(1, -1f), 3, 3)),
        Run("half a class", "step 2 of sequence 2", "0.5", p => p.Forward(X(8, 0.5f), 3, 3)),
        Run("NaN", "step 0 of sequence 0", "NaN", p => p.Forward(X(0, float.NaN), 3, 3)),
        Run(
            "no end",
            "step 0 of sequence 0",
            "8",
            p => p.Forward(X(0, float.PositiveInfinity), 3, 3)
        ),
        Run(
            "a class too high within its sequence",
            "step 1 of sequence 1",
            "5",
            p => p.Forward(X(4, 5f), 3, 3, [3, 2, 1])
        ),
        Run("a packed class", "row 2", "5", p => p.ForwardPacked(X(2, 5f).AsSpan(0, 3), [2, 1])),
        Refusal.Of<ArgumentException>(
            "a prediction",
            () =>
            {
                using Layer model = new Sequential(new Embedding(1, 3), new Last(3));
                model.Initialize(Backend);
                model.Predict([0f, 1f], 2);
            },
            "step 1 of sequence 0",
            "the class 0, not 1"
        ),
        Refusal.Of<ArgumentException>(
            "wrong lengths before classes",
            () => OnPlan(p => p.Forward(X(0, -1f), 3, 3, [4, 1, 1])),
            "length of sequence 0"
        ),
    ];

    [TestCaseSource(nameof(Refusals))]
    public void What_cannot_be_is_refused(Refusal refusal) => refusal.Check();

    [Test]
    public void The_most_classes_that_there_can_be_are_all_told_apart()
    {
        using var model = new Embedding(Embedding.MostClasses, 1);
        using Plan plan = model.Plan(Backend, 3, 1, Mode.Evaluation);
        Tensor weight = plan.Parameter("weight");
        Tensor last = new(weight.Storage, weight.Offset + Embedding.MostClasses - 2, new Shape(2));
        last.Write([11f, 12f]);

        float[] y = plan.Forward([16777215f, 16777214f, 0f], 3, 1).ToArray();

        Assert.That(y[..2], Is.EqualTo(new[] { 12f, 11f }));
        Assert.That(
            () => plan.Forward([16777216f, 0f, 0f], 3, 1),
            Throws.ArgumentException.With.Message.Contains("16777215")
        );
    }

    [Test]
    public void What_was_computed_can_be_classes_where_there_is_no_gradient()
    {
        using var model = new Sequential(new Last(1), new Embedding(Classes, 2));
        using Plan plan = model.Plan(Backend, 3, 1, Mode.Evaluation);
        float[] weight = plan.Parameter("1.weight").ToArray();

        Assert.That(plan.Forward([9f, 9f, 4f], 3, 1).ToArray(), Is.EqualTo(weight[8..]));
        Assert.That(plan.Forward([0f, 0f, 7f], 3, 1).ToArray(), Is.All.NaN);
    }

    [TestCase("gru")]
    [TestCase("tcn")]
    [TestCase("lru")]
    public void A_wrong_class_on_the_device_ends_training_with_its_place(string kind)
    {
        using var text = new CharacterModel(kind, Backend);
        text.Step(0);
        Plan plan = text.Plan;
        float[] before = plan.Parameters.ToArray();
        Tensor x = plan.Input(CharacterModel.Length, CharacterModel.Batch);
        float[] classes = x.ToArray();
        classes[17] = 99f;
        x.Write(classes);

        text.Step(x, 1);

        Assert.That(text.Loss.ReadValue(), Is.NaN);
        Assert.That(text.Optimizer.SkippedSteps, Is.EqualTo(1));
        Assert.That(
            plan.FirstNonFinite(),
            Does.StartWith("input [")
                .And.Contain("value 17 is 99")
                .And.Contain($"0 to {CharacterModel.Classes - 1}")
        );
        Assert.That(plan.Parameters.ToArray(), Is.EqualTo(before));
    }

    private static float[] X(int at, float value)
    {
        float[] x = [0, 1, 2, 3, 4, 0, 1, 2, 3];
        x[at] = value;
        return x;
    }

    private static void OnPlan(Action<Plan> act)
    {
        using var model = new Sequential(new Embedding(Classes, 2), new Rnn(2, 3));
        using Plan plan = model.Plan(
            Backend,
            3,
            3,
            Mode.Training,
            new PlanOptions { VariableLengths = true }
        );
        act(plan);
    }

    private static Refusal Made(string name, Func<Layer> make, params string[] says) =>
        Refusal.Of<ArgumentOutOfRangeException>(name, () => make(), says);

    private static Refusal Planned(string name, Func<Layer> make, Mode mode, bool gradient) =>
        Refusal.Of<NotSupportedException>(
            name,
            () =>
            {
                using Layer model = make();
                model.Plan(Backend, 2, 2, mode, new PlanOptions { InputGradient = gradient });
            },
            "no gradient by its input",
            "first layer"
        );

    private static Refusal Run(string name, string where, string value, Action<Plan> act) =>
        Refusal.Of<ArgumentException>(
            name,
            () => OnPlan(act),
            where,
            $"not {(value == "8" ? float.PositiveInfinity.ToString() : value)}",
            "a class, a whole number from 0 to 4"
        );
}
