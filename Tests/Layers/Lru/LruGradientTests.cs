using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Outputs and gradients of LRU blocks, with every option, against the double-precision reference.</summary>
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
        .. Options.SelectMany(options =>
            new[]
            {
                Block(1, 1, 4, 1, options),
                Block(3, 1, 5, 2, options),
                Block(5, 9, 1, 3, options),
                Block(4, 3, 1, 1, options),
                Block(17, 3, 4, 2, options),
                Block(3, 33, 6, 1, options),
                Block(5, 2, 90, 5, options),
                new GradientCase(
                    $"network 3-5 of 4 states x2 {Name(options)}",
                    () => new Lru(3, 5, 4, 2, options),
                    6,
                    2
                ),
                new GradientCase(
                    $"network 2-3 of 4 states x2 pooled {Name(options)}",
                    () =>
                        new Sequential(new Lru(2, 3, 4, 2, options), new Mean(3), new Linear(3, 2)),
                    7,
                    3
                ),
                new GradientCase(
                    $"network 2-3 of 4 states x2, last step {Name(options)}",
                    () =>
                        new Sequential(new Lru(2, 3, 4, 2, options), new Last(3), new Linear(3, 2)),
                    7,
                    3
                ),
            }
        ),
        new("network 3-5 of 4 states x2", () => new Lru(3, 5, 4, 2), 6, 2),
        new("network 1-3 of 1 state x3", () => new Lru(1, 3, 1, 3), 5, 1),
    ];

    // Every norm at either place but the one that is the default, in one direction and both.
    private static LruOptions[] Options =>
        [
            new() { Bidirectional = true },
            new() { Bidirectional = true, Dropout = 0.3f },
            new() { Bidirectional = true, Prenorm = false },
            new() { Bidirectional = true, Norm = NormKind.Batch },
            new()
            {
                Bidirectional = true,
                Norm = NormKind.Batch,
                Prenorm = false,
                Dropout = 0.3f,
            },
            new() { Dropout = 0.3f, SharedDropout = true },
            new()
            {
                Bidirectional = true,
                Norm = NormKind.Batch,
                Prenorm = false,
                Dropout = 0.3f,
                SharedDropout = true,
            },
            new() { Prenorm = false },
            new() { Prenorm = false, Dropout = 0.3f },
            new() { Norm = NormKind.Batch },
            new() { Norm = NormKind.Batch, Dropout = 0.3f },
            new() { Norm = NormKind.Batch, Prenorm = false },
            new()
            {
                Norm = NormKind.Batch,
                Prenorm = false,
                Dropout = 0.3f,
            },
        ];

    private static string Name(LruOptions options) =>
        $"{options.Norm} {(options.Prenorm ? "pre" : "post")} {options.Dropout}{(options.SharedDropout ? " shared" : "")}{(options.Bidirectional ? " both directions" : "")}";

    private static GradientCase Block(int size, int states, int time, int batch) =>
        new($"block {size} of {states} states", () => new LruBlock(size, states), time, batch);

    private static GradientCase Block(
        int size,
        int states,
        int time,
        int batch,
        LruOptions options
    ) =>
        new(
            $"block {size} of {states} states {Name(options)}",
            () => new LruBlock(size, states, options),
            time,
            batch
        );

    [TestCaseSource(nameof(Cases))]
    public void An_lru_has_the_outputs_and_gradients_of_the_reference(GradientCase @case) =>
        PlannedCase.Check(@case, Backends.Get(bits, threads));
}
