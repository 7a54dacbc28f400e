using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Shapes at which work is split between threads and into pieces of time.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class LargeGradientTests(int bits, int threads)
{
    private static readonly GradientCase[] Cases =
    [
        new("tanh 20-130", () => new Rnn(20, 130), 300, 9, large: true),
        new("relu 20-130", () => new Rnn(20, 130, relu: true), 300, 9, large: true, kinked: true),
        new("linear 20-130", () => new Rnn(20, 130, RnnActivation.Linear), 300, 9, large: true),
        new("lstm 20-130", () => new Lstm(20, 130), 300, 9, large: true),
        new("gru 20-130", () => new Gru(20, 130), 300, 9, large: true),
        new("lstm 5-40 x2", () => new Lstm(5, 40, 2), 150, 17, large: true),
        new("gru 5-40 x2", () => new Gru(5, 40, 2), 150, 17, large: true),
        new("tcn 20-50-40", () => new Tcn(20, [50, 40], 3), 300, 9, large: true, kinked: true),
        new("lru 50 of 65 states", () => new LruBlock(50, 65), 300, 9, large: true),
        .. new LruOptions[]
        {
            new() { Prenorm = false },
            new() { Norm = NormKind.Batch, Dropout = 0.2f },
            new()
            {
                Norm = NormKind.Batch,
                Prenorm = false,
                Dropout = 0.2f,
            },
        }.Select(options => new GradientCase(
            $"lru 50 of 65 states, {options.Norm} {(options.Prenorm ? "pre" : "post")}",
            () => new LruBlock(50, 65, options),
            300,
            9,
            large: true
        )),
        .. new SequenceBlockOptions[]
        {
            new() { Dropout = 0.2f, SharedDropout = true },
            new() { Mixing = BlockMixing.HalfGlu, Prenorm = false },
            new()
            {
                Mixing = BlockMixing.Linear,
                Norm = NormKind.Batch,
                Dropout = 0.2f,
            },
            new()
            {
                Mixing = BlockMixing.None,
                Norm = NormKind.Batch,
                Prenorm = false,
            },
        }.Select(options => new GradientCase(
            $"block 50 around tanh, {options.Mixing} {options.Norm} {(options.Prenorm ? "pre" : "post")}",
            () => new SequenceBlock(new Rnn(50, 50), options),
            300,
            9,
            large: true
        )),
        new("batch norm 130", () => new BatchNorm(130), 300, 9, large: true),
        new("layer norm 130", () => new LayerNorm(130), 300, 9, large: true),
        new("linear 130-140", () => new Linear(130, 140), 300, 9, large: true),
        new(
            "mean of 130",
            () => new Sequential(new Linear(20, 130), new Mean(130)),
            300,
            9,
            large: true
        ),
        new(
            "last of 130",
            () => new Sequential(new Linear(20, 130), new Last(130)),
            300,
            9,
            large: true
        ),
    ];

    [TestCaseSource(nameof(Cases))]
    public void A_large_model_has_the_outputs_and_gradients_of_the_reference(GradientCase @case) =>
        PlannedCase.Check(@case, Backends.Get(bits, threads));

    // Pieces of time are cut by the plan's limits.
    [TestCaseSource(nameof(Cases))]
    public void So_it_has_in_a_plan_for_more(GradientCase @case)
    {
        using var planned = new PlannedCase(
            @case,
            Backends.Get(bits, threads),
            @case.Time + 7,
            @case.Batch + 20
        );

        planned.CheckForward(@case);
        planned.Backward();

        planned.CheckGradients(@case);
    }
}
