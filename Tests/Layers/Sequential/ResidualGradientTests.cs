using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Residual connections: outputs, gradients, streams and differing lengths, and which bodies are refused.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class ResidualGradientTests(int bits, int threads)
{
    private static readonly GradientCase[] Cases =
    [
        new("alone", () => new Residual(new Linear(3, 3)), 1, 1),
        new(
            "stacked",
            () =>
                new Sequential(
                    new Lstm(3, 5),
                    new Residual(new Lstm(5, 5)),
                    new Residual(new Gru(5, 5)),
                    new Linear(5, 2)
                ),
            6,
            2
        ),
        new(
            "within one another",
            () =>
                new Residual(
                    new Sequential(
                        new LayerNorm(3),
                        new Residual(new Sequential(new Linear(3, 9), new Rnn(9, 3))),
                        new Tcn(3, [4, 3], 2),
                        new Residual(new Linear(3, 3))
                    )
                ),
            5,
            3
        ),
        new(
            "before the last step",
            () =>
                new Sequential(
                    new Linear(2, 4),
                    new Residual(new Gru(4, 4)),
                    new Residual(new Linear(4, 4)),
                    new Last(4),
                    new Residual(new Linear(4, 4))
                ),
            7,
            2
        ),
        new(
            "around nothing",
            () => new Sequential(new Linear(3, 4), new Residual(new Dropout(4, 0)), new Mean(4)),
            4,
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
    public void A_stream_gives_what_the_whole_sequence_would()
    {
        const int T = 6;
        const int B = 2;
        using var model = new Sequential(new Residual(new Gru(3, 3)), new Residual(new Lstm(3, 3)));
        float[] x = new Draw(4).Uniform(T * B * 3);
        using Plan whole = model.Plan(Backend, T, B, Mode.Evaluation);
        float[] expected = whole.Forward(x, T, B).ToArray();
        using Plan stream = model.Plan(Backend, 1, B, Mode.Streaming);

        var found = new List<float>();
        for (int t = 0; t < T; t++)
            found.AddRange(stream.Forward(x.AsSpan(t * B * 3, B * 3), 1, B).ToArray());

        Close.Check([.. found], Array.ConvertAll(expected, v => (double)v), Close.Output, "output");
    }

    [Test]
    public void Sequences_of_a_batch_may_differ_in_length()
    {
        const int T = 5;
        int[] lengths = [2, 5, 1];
        using var model = new Sequential(
            new Linear(3, 4),
            new Residual(new Gru(4, 4)),
            new Residual(new Linear(4, 4))
        );
        float[] x = new Draw(6).Uniform(T * lengths.Length * 3);
        using Plan plan = model.Plan(
            Backend,
            T,
            lengths.Length,
            Mode.Evaluation,
            new PlanOptions { VariableLengths = true }
        );
        using Plan one = model.Plan(Backend, T, 1, Mode.Evaluation);

        float[] found = plan.Forward(x, T, lengths.Length, lengths).ToArray();

        for (int b = 0; b < lengths.Length; b++)
        {
            float[] alone = Column(x, b, lengths[b], 3);
            float[] expected = one.Forward(alone, lengths[b], 1).ToArray();
            Close.Check(
                Column(found, b, lengths[b], 4),
                Array.ConvertAll(expected, v => (double)v),
                Close.Output,
                $"sequence {b}"
            );
        }

        float[] Column(float[] values, int b, int steps, int channels) =>
            [
                .. Enumerable
                    .Range(0, steps)
                    .SelectMany(t =>
                        values.Skip(((t * lengths.Length) + b) * channels).Take(channels)
                    ),
            ];
    }

    [Test]
    public void What_is_not_finite_is_found_in_the_body()
    {
        using var model = new Sequential(
            new Linear(3, 3),
            new Residual(new Sequential(new Linear(3, 4), new Linear(4, 3))),
            new Residual(new Linear(3, 3))
        );
        using Plan plan = model.Plan(Backend, 4, 2, Mode.Training);
        float[] x = new Draw(1).Uniform(4 * 2 * 3);
        plan.Parameter("1.body.1.bias").Write([0, float.NaN, 0]);
        plan.Forward(x, 4, 2);
        Assert.That(plan.FirstNonFinite(), Is.EqualTo("parameter 1.body.1.bias [3]"));

        // Finite values whose products are not.
        float[] large = new float[3 * 3];
        Array.Fill(large, 3e38f);
        plan.Parameter("2.body.weight").Write(large);
        plan.Parameter("1.body.1.bias").Write([9, 9, 9]);
        plan.Forward(x, 4, 2);
        Assert.That(plan.FirstNonFinite(), Is.EqualTo("output of layer 2.body [4, 2, 3]"));
    }

    [Test]
    public void A_body_that_nothing_can_be_added_to_is_refused()
    {
        Assert.That(
            () => new Residual(new Linear(3, 4)),
            Throws.ArgumentException.With.Message.Contains("3 channels and gives 4")
        );
        Assert.That(
            () => new Residual(new Embedding(9, 1)),
            Throws.ArgumentException.With.Message.Contains("classes are no numbers")
        );
        using var pooled = new Residual(new Last(3));
        Assert.That(
            () => pooled.Plan(Backend, 4, 2, Mode.Training),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains("it has to keep the steps")
        );
    }
}
