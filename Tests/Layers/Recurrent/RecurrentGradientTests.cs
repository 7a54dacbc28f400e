using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Outputs and gradients of every kind of recurrent network against the double-precision reference.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Recurrent))]
public sealed class RecurrentGradientTests(int bits, int threads, bool sharesUnits)
{
    private static readonly GradientCase[] Cases =
    [
        .. Models.RecurrentKinds.SelectMany(
            _ =>
                new (int Inputs, int Hidden, int Layers, int Time, int Batch)[]
                {
                    (1, 1, 1, 5, 1),
                    (3, 17, 1, 1, 4),
                    (5, 3, 2, 7, 3),
                    (33, 3, 1, 4, 5),
                    (2, 3, 3, 4, 9),
                    (17, 17, 1, 3, 7),
                    (3, 33, 1, 3, 2),
                    (3, 17, 2, 2, 17),
                    // Several of the pieces of time that backward works in.
                    (1, 3, 1, 150, 70),
                    // Several panels of units.
                    (5, 75, 2, 6, 9),
                    (3, 75, 1, 4, 1),
                },
            (kind, s) =>
                new GradientCase(
                    $"{kind} {s.Inputs}-{s.Hidden}x{s.Layers}",
                    () => Models.Recurrent(kind, s.Inputs, s.Hidden, s.Layers),
                    s.Time,
                    s.Batch
                )
        ),
    ];

    [TestCaseSource(nameof(Cases))]
    public void A_recurrent_network_has_the_outputs_and_gradients_of_the_reference(
        GradientCase @case
    ) => PlannedCase.Check(@case, Backends.Get(bits, threads, sharesUnits));
}
