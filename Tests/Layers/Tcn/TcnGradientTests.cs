using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Outputs and gradients of temporal convolutional networks against the double-precision reference.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class TcnGradientTests(int bits, int threads)
{
    private static readonly GradientCase[] Cases =
    [
        Tcn(1, [1], 2, 6, 3),
        Tcn(3, [5], 2, 1, 1),
        Tcn(3, [3], 1, 5, 2),
        Tcn(3, [17], 3, 6, 2),
        Tcn(17, [3], 2, 5, 3),
        Tcn(33, [1], 3, 4, 1),
        Tcn(2, [5, 5, 5], 2, 9, 2),
        Tcn(2, [4, 6, 3], 3, 11, 2),
        // Taps that reach before time 0 at every step.
        Tcn(3, [33], 8, 4, 1),
        Tcn(2, [3, 3, 3], 8, 3, 2),
        // More rows than the filter's gradient takes at a time.
        Tcn(3, [7], 2, 150, 2),
        new("block of dilation 9", () => new TcnBlock(2, 4, 3, 9), 7, 2),
        new("block of dilation 3", () => new TcnBlock(4, 4, 3, 3), 8, 3),
        Gated(1, [1], 2, 6, 3),
        Gated(3, [5], 2, 1, 1),
        Gated(17, [3], 2, 5, 3),
        Gated(3, [17], 3, 6, 2),
        Gated(2, [4, 6, 3], 3, 11, 2),
        // Taps that reach before time 0 at every step.
        Gated(3, [33], 8, 4, 1),
        Gated(3, [7], 2, 150, 2),
        Gated(3, [5, 4], 2, 6, 3, 0.3f),
        Gated(4, [4, 4], 3, 7, 2, 0.3f),
        new(
            "gated block of dilation 3",
            () => new TcnBlock(4, 4, 3, 3, activation: TcnActivation.Gated),
            8,
            3
        ),
    ];

    private static GradientCase Gated(
        int inputs,
        int[] widths,
        int kernel,
        int time,
        int batch,
        float dropout = 0
    ) =>
        new(
            $"gated {inputs}-{string.Join('-', widths)} kernel {kernel} dropout {dropout}",
            () => new Tcn(inputs, widths, kernel, dropout, TcnActivation.Gated),
            time,
            batch
        );

    private static GradientCase Tcn(int inputs, int[] widths, int kernel, int time, int batch) =>
        new(
            $"{inputs}-{string.Join('-', widths)} kernel {kernel}",
            () => new Tcn(inputs, widths, kernel),
            time,
            batch
        );

    [TestCaseSource(nameof(Cases))]
    public void A_tcn_has_the_outputs_and_gradients_of_the_reference(GradientCase @case) =>
        PlannedCase.Check(@case, Backends.Get(bits, threads));
}
