using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Outputs and gradients of S4D and DSS, with every option, against the double-precision reference.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class StateSpaceGradientTests(int bits, int threads)
{
    // d, N, T, B: one of all, odd widths, states that are no multiple of four, more than a chunk of steps, more than a block of columns.
    private static readonly (int Size, int States, int Time, int Batch)[] Shapes =
    [
        (1, 1, 1, 1),
        (3, 2, 1, 2),
        (1, 5, 9, 1),
        (5, 4, 6, 3),
        (33, 3, 5, 2),
        (17, 1, 7, 5),
        (2, 9, 70, 2),
        (2, 66, 4, 2),
    ];

    private static readonly GradientCase[] Cases =
    [
        .. from options in S4DForms
        from s in Shapes
        select new GradientCase(
            $"s4d {s.Size} of {s.States} {options.Discretization}{(options.Bidirectional ? " both ways" : "")}",
            () => new S4D(s.Size, s.States, options),
            s.Time,
            s.Batch
        ),
        .. from options in DssForms
        from s in Shapes
        select new GradientCase(
            $"dss {s.Size} of {s.States} {options.Kernel} {options.Length}{(options.Bidirectional ? " both ways" : "")}",
            () => new Dss(s.Size, s.States, options),
            s.Time,
            s.Batch
        ),
        new(
            "s4d in blocks",
            () =>
                new Sequential(
                    new Linear(3, 5),
                    new SequenceBlock(new S4D(5, 3), new SequenceBlockOptions { Dropout = 0.2f }),
                    new SequenceBlock(
                        new S4D(5, 2, new S4DOptions { Bidirectional = true }),
                        new SequenceBlockOptions { Prenorm = false, Norm = NormKind.Batch }
                    ),
                    new Mean(5)
                ),
            8,
            3
        ),
        new(
            "dss in a block, last step",
            () =>
                new Sequential(
                    new Linear(2, 3),
                    new SequenceBlock(
                        new Dss(3, 4),
                        new SequenceBlockOptions { Mixing = BlockMixing.Linear }
                    ),
                    new Last(3)
                ),
            6,
            2
        ),
    ];

    private static S4DOptions[] S4DForms =>
        [new(), new() { Discretization = Discretization.Bilinear }, new() { Bidirectional = true }];

    private static DssOptions[] DssForms =>
        [
            new() { Kernel = DssKernel.Exp },
            new(),
            new() { Length = 11 },
            new() { Bidirectional = true },
        ];

    [TestCaseSource(nameof(Cases))]
    public void A_state_space_has_the_outputs_and_gradients_of_the_reference(GradientCase @case) =>
        PlannedCase.Check(@case, Backends.Get(bits, threads));

    [Test]
    public void Without_a_gradient_of_the_input_those_of_the_parameters_are_the_same(
        [Values] bool bidirectional
    )
    {
        var @case = new GradientCase(
            "s4d",
            () => new S4D(5, 3, new S4DOptions { Bidirectional = bidirectional }),
            7,
            2
        );
        using var planned = new PlannedCase(
            @case,
            Backends.Get(bits, threads),
            inputGradient: false
        );
        planned.CheckForward(@case);
        planned.Backward();
        planned.CheckGradients(@case, inputGradient: false);
    }

    [Test]
    public void A_plan_serves_smaller_batches_too()
    {
        var @case = new GradientCase("s4d", () => new S4D(5, 3), 7, 2);
        using var planned = new PlannedCase(
            @case,
            Backends.Get(bits, threads),
            maxLength: 200,
            maxBatch: 9
        );
        for (int pass = 0; pass < 2; pass++)
        {
            planned.CheckForward(@case);
            planned.Backward();
            planned.CheckGradients(@case);
        }
    }
}
