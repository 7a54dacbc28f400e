using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>
/// Outputs and gradients of layers that treat every step by itself (linear, embedding, norms) against the double-precision
/// reference.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class RowwiseGradientTests(int bits, int threads)
{
    private static readonly (int Time, int Batch)[] Shapes = [(1, 1), (1, 5), (7, 1), (4, 3)];

    private static readonly GradientCase[] Cases =
    [
        .. new[] { (1, 1), (3, 17), (17, 3), (33, 2), (5, 33) }.SelectMany(
            _ => Shapes,
            (size, s) =>
                new GradientCase(
                    $"linear {size.Item1}-{size.Item2}",
                    () => new Linear(size.Item1, size.Item2),
                    s.Time,
                    s.Batch
                )
        ),
        .. new[] { (1, 1), (2, 1), (3, 33), (7, 17), (300, 5) }.SelectMany(
            _ => Shapes,
            (size, s) =>
                new GradientCase(
                    $"embedding {size.Item1}-{size.Item2}",
                    () => new Embedding(size.Item1, size.Item2),
                    s.Time,
                    s.Batch
                )
        ),
        .. new[] { (1, 1), (17, 3), (5, 33) }.SelectMany(
            _ => Shapes,
            (size, s) =>
                new GradientCase(
                    $"linear without bias {size.Item1}-{size.Item2}",
                    () => new Linear(size.Item1, size.Item2, bias: false),
                    s.Time,
                    s.Batch
                )
        ),
        new("embedding of pieces", () => new Embedding(5, 3), 40, 16),
        .. new[] { 1, 2, 3, 17, 33 }.SelectMany(
            _ => Shapes,
            (size, s) =>
                new GradientCase($"batch norm {size}", () => new BatchNorm(size), s.Time, s.Batch)
        ),
        .. new[] { 1, 2, 3, 17, 33 }.SelectMany(
            _ => Shapes,
            (size, s) =>
                new GradientCase($"layer norm {size}", () => new LayerNorm(size), s.Time, s.Batch)
        ),
    ];

    [TestCaseSource(nameof(Cases))]
    public void A_layer_without_time_has_the_outputs_and_gradients_of_the_reference(
        GradientCase @case
    ) => PlannedCase.Check(@case, Backends.Get(bits, threads));
}
