namespace Sequor.Interop;

/// <summary>Which of cuDNN's engines may compute a convolution.</summary>
public sealed record ConvolutionOptions
{
    /// <summary>Whether inputs may be rounded to TF32; otherwise the arithmetic is full single precision.</summary>
    public bool AllowTf32 { get; init; }

    /// <summary>Whether an engine may give different bits from run to run.</summary>
    public bool AllowNondeterministic { get; init; }

    /// <summary>Whether the result is added to the values in the output instead of replacing them.</summary>
    public bool Accumulate { get; init; }

    /// <summary>The most workspace that an engine may need, in bytes.</summary>
    public long MaxWorkspaceBytes { get; init; } = long.MaxValue;
}
