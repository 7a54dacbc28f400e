using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Outputs and gradients of S5's blocks, in both ways of sampling, against the double-precision reference.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class S5GradientTests(int bits, int threads)
{
    private static readonly GradientCase[] Cases =
    [
        .. Enum.GetValues<Discretization>()
            .SelectMany(sampling =>
            {
                var usual = new S5Options { Discretization = sampling };
                return (GradientCase[])
                    [
                        Block(1, 1, 4, 1, usual),
                        Block(3, 1, 5, 2, usual),
                        Block(5, 9, 2, 3, usual),
                        Block(17, 3, 4, 2, usual),
                        Block(3, 33, 6, 1, usual),
                        Block(3, 2, 40, 5, usual),
                        Block(5, 8, 1, 2, usual with { Norm = NormKind.Layer }),
                        Block(4, 3, 6, 2, usual with { Norm = NormKind.Layer, Dropout = 0.3f }),
                        Block(5, 9, 6, 3, usual with { Bidirectional = true, Dropout = 0.3f }),
                        Block(5, 9, 6, 3, usual with { Dropout = 0.3f, SharedDropout = false }),
                        Block(3, 2, 7, 2, usual with { Bidirectional = true, Prenorm = false }),
                        .. Enum.GetValues<BlockMixing>()
                            .Select(mixing =>
                                Block(4, 3, 6, 2, usual with { Mixing = mixing, Dropout = 0.2f })
                            ),
                        new(
                            $"network 2-3 of 4 states x2 pooled {sampling}",
                            () =>
                                new Sequential(
                                    new S5(2, 3, 4, 2, usual),
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
        S5Options options
    ) =>
        new(
            $"block {size} of {states} states {options.Discretization} {options.Norm} {options.Prenorm} {options.Bidirectional} {options.Mixing} {options.Dropout} {options.SharedDropout}",
            () => new S5Block(size, states, options),
            time,
            batch
        );

    [TestCaseSource(nameof(Cases))]
    public void An_s5_has_the_outputs_and_gradients_of_the_reference(GradientCase @case) =>
        PlannedCase.Check(@case, Backends.Get(bits, threads));
}
