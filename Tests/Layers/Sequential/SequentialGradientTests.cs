using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Outputs and gradients of layers in sequence, nested ones too, against the double-precision reference.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class SequentialGradientTests(int bits, int threads)
{
    private static readonly GradientCase[] Cases =
    [
        new(
            "one layer in three sequences",
            () => new Sequential(new Sequential(new Sequential(new Linear(3, 4)))),
            4,
            2
        ),
        new(
            "recurrent layers of every kind",
            () =>
                new Sequential(
                    new Sequential(new Rnn(3, 5), new Gru(5, 4)),
                    new Sequential(new Rnn(4, 3, relu: true), new Lstm(3, 6))
                ),
            5,
            3
        ),
        new(
            "every family",
            () =>
                new Sequential(
                    new Sequential(new LayerNorm(3), new Linear(3, 5)),
                    new Tcn(5, [4], 2),
                    new Sequential(new Sequential(new Lru(4, 6, 3, 1)), new LayerNorm(6)),
                    new Gru(6, 5),
                    new Linear(5, 2)
                ),
            6,
            2
        ),
        new(
            "every family above an embedding",
            () =>
                new Sequential(
                    new Sequential(new Embedding(4, 5, scale: 0.3f), new Tcn(5, [4], 2)),
                    new Lru(4, 6, 3, 1),
                    new Gru(6, 5),
                    new Linear(5, 4)
                ),
            6,
            2
        ),
        new(
            "pooling inside",
            () =>
                new Sequential(
                    new Sequential(
                        new Tcn(3, [4, 4], 3),
                        new Sequential(new Linear(4, 3), new Last(3))
                    ),
                    new Sequential(new LayerNorm(3), new Linear(3, 4))
                ),
            6,
            3
        ),
        new(
            "widths that grow and shrink",
            () =>
                new Sequential(
                    new Linear(2, 33),
                    new LayerNorm(33),
                    new Linear(33, 1),
                    new Lstm(1, 9)
                ),
            3,
            2
        ),
    ];

    [TestCaseSource(nameof(Cases))]
    public void Layers_in_sequence_have_the_outputs_and_gradients_of_the_reference(
        GradientCase @case
    ) => PlannedCase.Check(@case, Backends.Get(bits, threads));
}
