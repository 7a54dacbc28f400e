using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Direct terms beside a layer: outputs and gradients against the double-precision reference, and which bodies are refused.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class FeedThroughTests(int bits, int threads)
{
    private static readonly GradientCase[] Cases =
    [
        new("alone", () => new FeedThrough(new Linear(3, 3)), 1, 1),
        new("around nothing", () => new FeedThrough(new Dropout(17, 0)), 4, 2),
        new(
            "a linear system",
            () =>
                new FeedThrough(
                    new Sequential(new Rnn(5, 33, RnnActivation.Linear), new Linear(33, 5, false))
                ),
            6,
            3
        ),
        new(
            "within one another, before the last step",
            () =>
                new Sequential(
                    new FeedThrough(new FeedThrough(new Gru(3, 3))),
                    new FeedThrough(new Linear(3, 3)),
                    new Last(3),
                    new FeedThrough(new Linear(3, 3))
                ),
            7,
            2
        ),
    ];

    private Backend Backend => Backends.Get(bits, threads);

    [TestCaseSource(nameof(Cases))]
    public void Outputs_and_gradients_are_those_of_the_reference(GradientCase @case) =>
        PlannedCase.Check(@case, Backend);

    [TestCaseSource(nameof(Cases))]
    public void Without_a_gradient_by_the_input_the_others_are_the_same(GradientCase @case)
    {
        using var planned = new PlannedCase(@case, Backend, inputGradient: false);
        planned.CheckForward(@case);
        planned.Backward();
        planned.CheckGradients(@case, inputGradient: false);
    }

    // There outputs of layers lie in two places in turn: x would be written over.
    [TestCaseSource(nameof(Cases))]
    public void Evaluated_it_gives_what_it_gives_in_training(GradientCase @case)
    {
        using Layer model = @case.Model();
        using Plan training = model.Plan(Backend, @case.Time, @case.Batch, Mode.Training);
        using Plan evaluation = model.Plan(Backend, @case.Time, @case.Batch, Mode.Evaluation);
        float[] expected = training.Forward(@case.X, @case.Time, @case.Batch).ToArray();

        float[] found = evaluation.Forward(@case.X, @case.Time, @case.Batch).ToArray();

        Close.CheckBits(found, expected, "output");
    }

    // The sum is written over the output of a linear layer, which is not blamed for the factors.
    [Test]
    public void What_is_not_finite_is_found_in_the_factors_and_in_the_body()
    {
        using var model = new Sequential(
            new FeedThrough(new Sequential(new Linear(3, 4), new Linear(4, 3))),
            new FeedThrough(new Gru(3, 3))
        );
        using Plan plan = model.Plan(Backend, 4, 2, Mode.Training);
        float[] x = new Draw(1).Uniform(4 * 2 * 3);
        plan.Parameter("0.D").Write([1, float.NaN, 1]);
        plan.Forward(x, 4, 2);
        Assert.That(plan.FirstNonFinite(), Is.EqualTo("parameter 0.D [3]"));

        plan.Parameter("0.D").Write([1, 1, 1]);
        plan.Parameter("0.body.1.bias").Write([float.NaN, 1, 1]);
        plan.Forward(x, 4, 2);
        Assert.That(plan.FirstNonFinite(), Is.EqualTo("parameter 0.body.1.bias [3]"));

        plan.Parameter("0.body.1.bias").Write([1, 1, 1]);
        plan.Parameter("1.D").Write([1, float.NaN, 1]);
        plan.Forward(x, 4, 2);
        Assert.That(plan.FirstNonFinite(), Is.EqualTo("parameter 1.D [3]"));
    }

    [Test]
    public void A_body_that_nothing_can_be_added_to_is_refused()
    {
        Assert.That(
            () => new FeedThrough(new Linear(3, 4)),
            Throws.ArgumentException.With.Message.Contains("3 channels and gives 4")
        );
        Assert.That(
            () => new FeedThrough(new Embedding(9, 1)),
            Throws.ArgumentException.With.Message.Contains("classes are no numbers")
        );
        using var pooled = new FeedThrough(new Last(3));
        Assert.That(
            () => pooled.Plan(Backend, 4, 2, Mode.Training),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains("it has to keep the steps")
        );
    }
}
