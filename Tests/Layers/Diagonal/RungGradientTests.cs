using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Outputs and gradients of the blocks of every rung below the LRU, against the double-precision reference.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class RungGradientTests(int bits, int threads)
{
    private static readonly LruRung[] Rungs =
    [
        LruRung.Diagonal,
        LruRung.Polar,
        LruRung.Stable,
        LruRung.Ring,
    ];

    private static readonly GradientCase[] Cases =
    [
        .. Rungs.SelectMany(rung =>
        {
            var options = new LruOptions { Rung = rung };
            return (GradientCase[])
                [
                    Block(1, 1, 4, 1, options),
                    Block(3, 1, 5, 2, options),
                    Block(5, 9, 1, 3, options),
                    Block(17, 3, 4, 2, options),
                    Block(3, 33, 6, 1, options),
                    Block(3, 2, 40, 5, options),
                    Block(5, 9, 6, 3, options with { Bidirectional = true, Dropout = 0.3f }),
                    Block(3, 2, 7, 2, options with { Norm = NormKind.Batch, Prenorm = false }),
                    new(
                        $"network 2-3 of 4 states x2 pooled {rung}",
                        () =>
                            new Sequential(
                                new Lru(2, 3, 4, 2, options),
                                new Mean(3),
                                new Linear(3, 2)
                            ),
                        7,
                        3
                    ),
                ];
        }),
    ];

    private static GradientCase Block(
        int size,
        int states,
        int time,
        int batch,
        LruOptions options
    ) =>
        new(
            $"{options.Rung} block {size} of {states} states {options.Norm} {options.Prenorm} {options.Bidirectional}",
            () => new LruBlock(size, states, options),
            time,
            batch
        );

    [TestCaseSource(nameof(Cases))]
    public void A_rung_has_the_outputs_and_gradients_of_the_reference(GradientCase @case) =>
        PlannedCase.Check(@case, Backends.Get(bits, threads));
}
