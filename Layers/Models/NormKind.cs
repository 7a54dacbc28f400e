namespace Sequor.Layers;

/// <summary>Which normalisation a residual block has.</summary>
public enum NormKind
{
    /// <summary>Over the channels of each step: <see cref="LayerNorm"/>.</summary>
    Layer,

    /// <summary>Of each channel over all steps and sequences: <see cref="BatchNorm"/>.</summary>
    Batch,
}
