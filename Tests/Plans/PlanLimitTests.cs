using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>Plans used below their limits, at several shapes, and for sums of gradients.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class PlanLimitTests(int bits, int threads)
{
    private static readonly (GradientCase Small, GradientCase Large)[] Pairs =
    [
        .. Models.Kinds.Select(kind =>
        {
            Layer Model() => Models.Small(kind);
            return (new GradientCase(kind, Model, 3, 2), new GradientCase(kind, Model, 7, 5));
        }),
        .. Models.Kinds.Select(kind =>
        {
            Layer Model() =>
                new Sequential(Models.Small(kind), new Last(4), new LayerNorm(4), new Linear(4, 3));
            return (
                new GradientCase($"pooled {kind}", Model, 3, 2),
                new GradientCase($"pooled {kind}", Model, 7, 5)
            );
        }),
    ];

    private static readonly (GradientCase Small, GradientCase Large)[] Embedded =
    [
        .. new Func<Layer>[]
        {
            () => new Embedding(5, 4),
            () => new Sequential(new Embedding(5, 4), new Gru(4, 3), new Last(3)),
        }.Select(model =>
            (new GradientCase("embedding", model, 3, 2), new GradientCase("embedding", model, 7, 5))
        ),
    ];

    private static readonly TestCaseData[] Cases =
    [
        .. Pairs.Concat(Embedded).Select(pair => new TestCaseData(pair.Small, pair.Large)),
    ];

    private Backend Backend => Backends.Get(bits, threads);

    [TestCaseSource(nameof(Cases))]
    public void A_plan_larger_than_what_it_runs_gives_the_same(GradientCase small, GradientCase _)
    {
        using var planned = new PlannedCase(small, Backend, 11, 13);

        planned.CheckForward(small);
        planned.Backward();

        planned.CheckGradients(small);
    }

    [TestCaseSource(nameof(Cases))]
    public void Shapes_follow_each_other_in_one_plan(GradientCase small, GradientCase large)
    {
        using var planned = new PlannedCase(small, Backend, 8, 6);
        foreach (GradientCase @case in new[] { large, small, large })
        {
            planned.CheckForward(@case);
            planned.Backward();

            planned.CheckGradients(@case);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Gradients_add_up_where_asked(GradientCase small, GradientCase large)
    {
        using var planned = new PlannedCase(large, Backend);
        planned.CheckForward(small);
        planned.Backward();
        var first = small.Parameters.Keys.ToDictionary(
            name => name,
            name => planned.Plan.Gradient(name).ToArray()
        );

        planned.CheckForward(large);
        planned.Backward(accumulate: true);

        foreach ((string name, float[] before) in first)
        {
            Expectation.Gradient expected = large.Expected.Gradients[name];
            float[] sum = planned.Plan.Gradient(name).ToArray();
            Close.Check(
                Array.ConvertAll(expected.At, i => sum[i]),
                [.. expected.At.Select((at, k) => before[at] + expected.Values[k])],
                Close.Gradient,
                $"sum of gradients of {name}"
            );
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Without_the_inputs_gradient_the_others_are_the_same(
        GradientCase small,
        GradientCase _
    )
    {
        using var planned = new PlannedCase(small, Backend, inputGradient: false);

        planned.CheckForward(small);
        planned.Backward();

        planned.CheckGradients(small, inputGradient: false);
    }
}
