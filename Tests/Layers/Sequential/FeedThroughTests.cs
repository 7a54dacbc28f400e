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
