namespace Sequor.Layers;

/// <summary>
/// How a residual block mixes the channels of each step after its core: a linear layer, with or without a gate. h [T, B, d] is what the
/// GELU and its dropout give; sigmoid is the logistic function.
/// </summary>
public enum BlockMixing
{
    /// <summary>
    /// out1(h) * sigmoid(out2(h)), the two halves of a linear layer of d to 2d channels: the gated linear unit of Dauphin et al. (2017),
    /// which the LRU (Orvieto et al. 2023) and S4D (Gu et al. 2022) have.
    /// </summary>
    Glu,

    /// <summary>h * sigmoid(out(h)), out being a linear layer of d to d channels: half_glu1 of S5's code (Smith et al. 2023).</summary>
    HalfGlu,

    /// <summary>out(h), a linear layer of d to d channels: that of DSS (Gupta et al. 2022).</summary>
    Linear,

    /// <summary>h as it is; the core has to mix the channels, where they are to be mixed.</summary>
    None,
}
