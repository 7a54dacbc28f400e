namespace Sequor.Interop;

/// <summary>What a convolution computes.</summary>
public enum ConvolutionKind
{
    /// <summary>y from x and w.</summary>
    Forward,

    /// <summary>dx from dy and w.</summary>
    DataGradient,

    /// <summary>dw from x and dy.</summary>
    FilterGradient,
}
