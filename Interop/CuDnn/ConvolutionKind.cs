namespace Sequor.Interop;

/// <summary>Whether a convolution or one of its gradients is computed.</summary>
public enum ConvolutionKind
{
    /// <summary>Computes y from x and w.</summary>
    Forward,

    /// <summary>Computes dx from dy and w.</summary>
    DataGradient,

    /// <summary>Computes dw from x and dy.</summary>
    FilterGradient,
}
