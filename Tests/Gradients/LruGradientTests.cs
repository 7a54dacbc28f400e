using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Gradients;

[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class LruGradientTests(int bits, int threads)
{
    private static readonly GradientCase[] Cases =
    [
        Block(1, 1, 4, 1),
        Block(3, 1, 5, 2),
        Block(5, 9, 1, 3),
        Block(17, 3, 4, 2),
        Block(3, 33, 6, 1),
        Block(8, 8, 7, 3),
        Block(33, 17, 2, 2),
        Block(3, 2, 90, 5),
        Both(1, 1, 4, 1),
        Both(3, 1, 1, 2),
        Both(5, 9, 7, 3),
        Both(3, 33, 6, 1),
        Both(3, 2, 90, 5),
        new("network 3-5 of 4 states x2", () => new Lru(3, 5, 4, 2), 6, 2),
        new("network 1-3 of 1 state x3", () => new Lru(1, 3, 1, 3), 5, 1),
    ];

    private static GradientCase Block(int size, int states, int time, int batch) =>
        new($"block {size} of {states} states", () => new LruBlock(size, states), time, batch);

    private static GradientCase Both(int size, int states, int time, int batch) =>
        new(
            $"both directions, {size} of {states} states",
            () => new LruBlock(size, states, bidirectional: true),
            time,
            batch
        );

    [TestCaseSource(nameof(Cases))]
    public void An_lru_has_the_outputs_and_gradients_of_the_reference(GradientCase @case) =>
        PlannedCase.Check(@case, Backends.Get(bits, threads));
}
