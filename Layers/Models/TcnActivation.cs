namespace Sequor.Layers;

/// <summary>What follows each convolution of a TCN's block.</summary>
public enum TcnActivation
{
    /// <summary>max(x, 0): Bai et al. (2018), section 3.3.</summary>
    Relu,

    /// <summary>
    /// out1 * sigmoid(out2) of a convolution with twice the channels: the gated linear unit of Dauphin et al. (2017), Language Modeling with
    /// Gated Convolutional Networks. Bai et al. (2018) compare a gated TCN in their appendix, in this form as it is understood here; the
    /// other form, tanh(out1) * sigmoid(out2), is van den Oord et al.'s (2016).
    /// </summary>
    Gated,
}
