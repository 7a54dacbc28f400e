using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Outputs and gradients of models whose states begin anew within sequences, against the double-precision reference.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class ResetGradientTests(int bits, int threads)
{
    private static readonly GradientCase[] Cases =
    [
        .. ResetMarks.Patterns.SelectMany(pattern =>
            (GradientCase[])
                [
                    Case(pattern, "lru", () => new LruBlock(3, 5), 19, 2),
                    Case(pattern, "lru of many states", () => new LruBlock(2, 9), 18, 3),
                    Case(
                        pattern,
                        "s5 both ways",
                        () => new S5Block(4, 3, new S5Options { Bidirectional = true }),
                        18,
                        3
                    ),
                ]
        ),
        Case("all", "one step", () => new LruBlock(3, 2), 1, 2),
        Case("drawn", "one sequence", () => new S5Block(5, 7), 40, 1),
        Case(
            "drawn",
            "a rung",
            () => new Lru(2, 4, 3, 2, new LruOptions { Rung = LruRung.Polar }),
            17,
            2
        ),
        Case(
            "drawn",
            "last steps and dropout",
            () =>
                new Sequential(
                    new S5(2, 3, 4, 2, new S5Options { Norm = NormKind.Layer, Dropout = 0.3f }),
                    new Last(3),
                    new Linear(3, 2)
                ),
            21,
            3
        ),
    ];

    private static GradientCase Case(
        string pattern,
        string name,
        Func<Layer> model,
        int time,
        int batch
    ) =>
        new($"{name}, anew: {pattern}", model, time, batch)
        {
            Resets = ResetMarks.Of(pattern, time, batch),
        };

    [TestCaseSource(nameof(Cases))]
    public void A_model_that_begins_anew_has_the_outputs_and_gradients_of_the_reference(
        GradientCase @case
    ) => PlannedCase.Check(@case, Backends.Get(bits, threads));
}
