namespace Sequor.Layers;

/// <summary>The parameters of a diagonal recurrence; <see cref="DiagonalTensors"/> has their shapes.</summary>
/// <param name="Form">What eigenvalues and factors are made of.</param>
/// <param name="Decay">The first number of each state.</param>
/// <param name="Frequency">The second one.</param>
/// <param name="Scale">The third one, or null where the form has none.</param>
internal sealed record DiagonalParameters(
    DiagonalForm Form,
    Parameter Decay,
    Parameter Frequency,
    Parameter? Scale
)
{
    public required Parameter BReal { get; init; }
    public required Parameter BImaginary { get; init; }
    public required Parameter CReal { get; init; }
    public required Parameter CImaginary { get; init; }
    public required Parameter D { get; init; }

    /// <summary>All of them, in the order in which they are drawn and lie in memory.</summary>
    public IReadOnlyList<Parameter> All =>
        Scale is null
            ? [Decay, Frequency, BReal, BImaginary, CReal, CImaginary, D]
            : [Decay, Frequency, Scale, BReal, BImaginary, CReal, CImaginary, D];

    /// <summary>Values or gradients of those that the matrices around the scan are made of.</summary>
    public DiagonalTensors Gather(Func<Parameter, Tensor> of) =>
        new(
            Form,
            of(Decay),
            of(Frequency),
            Scale is null ? default : of(Scale),
            of(BReal),
            of(BImaginary),
            of(CReal),
            of(CImaginary)
        );
}

/// <summary>The sizes of a diagonal recurrence.</summary>
/// <param name="Channels">d</param>
/// <param name="States">N</param>
/// <param name="Directions">1 or 2</param>
internal readonly record struct DiagonalSizes(int Channels, int States, int Directions);
