using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Residual blocks around a core, with every option, against the double-precision reference; and which cores are refused.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class SequenceBlockTests(int bits, int threads)
{
    private static readonly GradientCase[] Cases =
    [
        .. Options.SelectMany(options =>
            new[]
            {
                Rowwise(1, 1, 4, 1, options),
                Rowwise(3, 1, 1, 1, options),
                Rowwise(9, 3, 5, 2, options),
                Rowwise(5, 2, 40, 5, options),
                new GradientCase(
                    $"recurrences, pooled, {Name(options)}",
                    () =>
                        new Sequential(
                            new Linear(2, 17),
                            new SequenceBlock(new Rnn(17, 17), options),
                            new SequenceBlock(
                                new Sequential(new Gru(17, 3), new Linear(3, 17)),
                                options
                            ),
                            new Mean(17),
                            new Linear(17, 2)
                        ),
                    6,
                    3
                ),
                new GradientCase(
                    $"a convolution with dropout, last step, {Name(options)}",
                    () =>
                        new Sequential(
                            new SequenceBlock(new Tcn(3, [4, 3], 2, 0.2f), options),
                            new Last(3)
                        ),
                    5,
                    2
                ),
            }
        ),
        new(
            "around nothing",
            () => new SequenceBlock(new Dropout(3, 0f), new SequenceBlockOptions()),
            4,
            2
        ),
        new(
            "the norm of a block around nothing",
            () =>
                new SequenceBlock(
                    new Dropout(3, 0f),
                    new SequenceBlockOptions { Prenorm = false, Mixing = BlockMixing.None }
                ),
            4,
            2
        ),
        new(
            "around a block",
            () =>
                new SequenceBlock(
                    new SequenceBlock(
                        new Rnn(5, 5),
                        new SequenceBlockOptions { Mixing = BlockMixing.Linear, Dropout = 0.3f }
                    ),
                    new SequenceBlockOptions { Dropout = 0.2f, SharedDropout = true }
                ),
            5,
            2
        ),
    ];

    // Each mixing with each norm at each place, without dropout and with one or the other kind.
    private static IEnumerable<SequenceBlockOptions> Options =>
        from mixing in Enum.GetValues<BlockMixing>()
        from norm in Enum.GetValues<NormKind>()
        from prenorm in new[] { true, false }
        from dropout in new[] { 0f, 0.3f }
        select new SequenceBlockOptions
        {
            Mixing = mixing,
            Norm = norm,
            Prenorm = prenorm,
            Dropout = dropout,
            SharedDropout = dropout > 0 && prenorm == (norm == NormKind.Batch),
        };

    private static string Name(SequenceBlockOptions options) =>
        $"{options.Mixing} {options.Norm} {(options.Prenorm ? "pre" : "post")} {options.Dropout}{(options.SharedDropout ? " shared" : "")}";

    private static GradientCase Rowwise(
        int size,
        int inner,
        int time,
        int batch,
        SequenceBlockOptions options
    ) =>
        new(
            $"{size}-{inner} {Name(options)}",
            () =>
                new SequenceBlock(
                    new Sequential(new Linear(size, inner), new Linear(inner, size)),
                    options
                ),
            time,
            batch
        );

    private static IEnumerable<GradientCase> Some => Cases.Where((_, i) => i % 7 == 0);

    private static IEnumerable<GradientCase> WithoutBatchNormOrDropout =>
        Cases.Where(@case =>
            !@case.ToString().Contains(" 0.3", StringComparison.Ordinal)
            && !@case.ToString().Contains("Batch", StringComparison.Ordinal)
            && !@case.ToString().Contains("dropout", StringComparison.Ordinal)
            && !@case.ToString().Contains("around a block", StringComparison.Ordinal)
        );

    private Backend Backend => Backends.Get(bits, threads);

    [TestCaseSource(nameof(Cases))]
    public void Outputs_and_gradients_are_those_of_the_reference(GradientCase @case) =>
        PlannedCase.Check(@case, Backend);

    [TestCaseSource(nameof(Some))]
    public void Without_a_gradient_by_the_input_the_others_are_the_same(GradientCase @case)
    {
        using var planned = new PlannedCase(@case, Backend, inputGradient: false);
        planned.CheckForward(@case);
        planned.Backward();
        planned.CheckGradients(@case, inputGradient: false);
    }

    // There outputs of layers lie in two places in turn: x would be written over.
    [TestCaseSource(nameof(WithoutBatchNormOrDropout))]
    public void Evaluated_it_gives_what_it_gives_in_training(GradientCase @case)
    {
        using Layer model = @case.Model();
        using Plan training = model.Plan(Backend, @case.Time, @case.Batch, Mode.Training);
        using Plan evaluation = model.Plan(Backend, @case.Time, @case.Batch, Mode.Evaluation);
        float[] expected = training.Forward(@case.X, @case.Time, @case.Batch).ToArray();

        float[] found = evaluation.Forward(@case.X, @case.Time, @case.Batch).ToArray();

        Close.CheckBits(found, expected, "output");
    }

    // Whatever else runs between the passes uses the same scratch memory.
    [Test]
    public void An_lru_s_block_is_one_around_its_recurrence_alone([Values] bool prenorm)
    {
        using var lru = new LruBlock(5, 3, new LruOptions { Prenorm = prenorm });
        using Plan plan = lru.Plan(Backend, 7, 2, Mode.Training);
        foreach (string name in (ReadOnlySpan<string>)["B_re", "B_im", "D"])
            plan.Parameter(name).Write(new float[plan.Parameter(name).Count]);
        plan.Parameter("D").Write([1, 1, 1, 1, 1]);
        using var block = new SequenceBlock(
            new Dropout(5, 0f),
            new SequenceBlockOptions { Prenorm = prenorm }
        );
        using Plan same = block.Plan(Backend, 7, 2, Mode.Training);
        foreach (string name in (ReadOnlySpan<string>)["out.weight", "out.bias"])
            same.Parameter(name).Write(plan.Parameter(name).ToArray());
        float[] x = new Draw(4).Uniform(7 * 2 * 5);

        float[] expected = plan.Forward(x, 7, 2).ToArray();

        Close.CheckBits(same.Forward(x, 7, 2).ToArray(), expected, "output");
    }

    [Test]
    public void Its_running_statistics_are_those_of_a_batch_norm()
    {
        float[] x = new Draw(4).Uniform(6 * 3 * 4);
        using var norm = new BatchNorm(4, 0.25f);
        using var block = new SequenceBlock(
            new Gru(4, 4),
            new SequenceBlockOptions { Norm = NormKind.Batch, Momentum = 0.25f }
        );
        using Plan expected = norm.Plan(Backend, 6, 3, Mode.Training);
        using Plan found = block.Plan(Backend, 6, 3, Mode.Training);
        for (int step = 0; step < 3; step++)
        {
            expected.Forward(x, 6, 3);
            found.Forward(x, 6, 3);
        }

        foreach (string name in (ReadOnlySpan<string>)["running_mean", "running_var"])
            Close.CheckBits(
                found.Buffer($"norm.{name}").ToArray(),
                expected.Buffer(name).ToArray(),
                name
            );
    }

    [Test]
    public void What_is_not_finite_is_found_in_the_core()
    {
        using var model = new Sequential(
            new SequenceBlock(
                new Sequential(new Linear(3, 4), new Linear(4, 3)),
                new SequenceBlockOptions()
            ),
            new Linear(3, 2)
        );
        using Plan plan = model.Plan(Backend, 4, 2, Mode.Training);
        plan.Parameter("0.core.1.bias").Write([0, float.NaN, 0]);

        plan.Forward(new Draw(1).Uniform(4 * 2 * 3), 4, 2);

        Assert.That(plan.FirstNonFinite(), Does.Contain("0.core.1.bias"));
    }

    [Test]
    public void A_core_that_does_not_fit_is_refused()
    {
        var usual = new SequenceBlockOptions();
        Assert.That(
            () => new SequenceBlock(new Linear(3, 4), usual),
            Throws.ArgumentException.With.Message.Contains("3 channels and gives 4")
        );
        Assert.That(
            () => new SequenceBlock(new Embedding(9, 1), usual),
            Throws.ArgumentException.With.Message.Contains("classes are no numbers")
        );
        using var pooled = new SequenceBlock(new Last(3), usual);
        Assert.That(
            () => pooled.Plan(Backend, 4, 2, Mode.Training),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains("it has to keep the steps")
        );
    }
}
