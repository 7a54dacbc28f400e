using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>
/// The gradient that leaves the last step's pooling is shorter than the layer's output below it: each kind of layer must
/// take it for that of the last steps.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class PoolingGradientTests(int bits, int threads)
{
    private static readonly GradientCase[] Cases =
    [
        .. Models.Kinds.SelectMany(
            _ => new[] { "last", "mean", "both ends" },
            (kind, pool) =>
                new GradientCase(
                    $"{kind} {pool}",
                    () => new Sequential(Models.Small(kind), Pool(pool, 4)),
                    6,
                    3
                )
        ),
        // Through a layer that passes a short gradient on as it is.
        .. Models.Kinds.SelectMany(
            _ => new[] { "last", "mean" },
            (kind, pool) =>
                new GradientCase(
                    $"{kind} linear {pool} linear",
                    () =>
                        new Sequential(
                            Models.Small(kind),
                            new Linear(4, 5),
                            Pool(pool, 5),
                            new Linear(5, 2)
                        ),
                    5,
                    2
                )
        ),
        new("last alone", () => new Last(3), 4, 2),
        new("mean alone", () => new Mean(3), 4, 2),
        new("both ends alone", () => new BothEnds(6), 4, 2),
        new(
            "both ends of one step",
            () => new Sequential(new Linear(3, 18), new BothEnds(18)),
            1,
            3
        ),
        new(
            "both ends below linear",
            () => new Sequential(new BothEnds(2), new Linear(2, 2)),
            4,
            2
        ),
        new("last of one step", () => new Sequential(new Linear(3, 17), new Last(17)), 1, 3),
        new("mean of one step", () => new Sequential(new Linear(3, 17), new Mean(17)), 1, 3),
        new("last below linear", () => new Sequential(new Last(3), new Linear(3, 2)), 4, 2),
        new("mean below linear", () => new Sequential(new Mean(3), new Linear(3, 2)), 4, 2),
        new(
            "gru below a pooled lstm",
            () => new Sequential(new Gru(3, 5), new Lstm(5, 4, 2), new Last(4)),
            6,
            5
        ),
        new("last of an embedding", () => new Sequential(new Embedding(3, 5), new Last(5)), 6, 3),
        new("mean of an embedding", () => new Sequential(new Embedding(3, 5), new Mean(5)), 6, 3),
        new(
            "last of a gru above an embedding",
            () => new Sequential(new Embedding(4, 3), new Gru(3, 5), new Last(5)),
            6,
            3
        ),
        new("last of a mean", () => new Sequential(new Gru(3, 5), new Mean(5), new Last(5)), 6, 2),
    ];

    private static Layer Pool(string name, int size) =>
        name switch
        {
            "last" => new Last(size),
            "mean" => new Mean(size),
            _ => new BothEnds(size),
        };

    [TestCaseSource(nameof(Cases))]
    public void A_pooled_model_has_the_outputs_and_gradients_of_the_reference(GradientCase @case) =>
        PlannedCase.Check(@case, Backends.Get(bits, threads));
}
