namespace Sequor.Interop;

/// <summary>Which of cuDNN's engines a convolution may take.</summary>
public sealed record ConvolutionOptions
{
    /// <summary>Whether inputs may be rounded to TF32; otherwise the arithmetic is true float32.</summary>
    public bool AllowTf32 { get; init; }

    /// <summary>Whether an engine may give other bits from run to run.</summary>
    public bool AllowNondeterministic { get; init; }

    /// <summary>Whether the result is added to the values in the output instead of replacing them.</summary>
    public bool Accumulate { get; init; }

    /// <summary>The most scratch that an engine may need, bytes.</summary>
    public long MaxWorkspaceBytes { get; init; } = long.MaxValue;
}
