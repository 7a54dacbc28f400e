namespace Sequor.Layers;

/// <summary>Which biases a recurrent network has: cuDNN's bias modes.</summary>
public enum RecurrentBias
{
    /// <summary>None: CUDNN_RNN_NO_BIAS.</summary>
    NoBias,

    /// <summary>One, with the input's product: CUDNN_RNN_SINGLE_INP_BIAS.</summary>
    SingleInputBias,

    /// <summary>One with the input's and one with the recurrent product: CUDNN_RNN_DOUBLE_BIAS, and PyTorch's.</summary>
    DoubleBias,

    /// <summary>
    /// One, with the recurrent product: CUDNN_RNN_SINGLE_REC_BIAS. The GRU's reset acts on it; elsewhere it does what a bias
    /// with the input's product does.
    /// </summary>
    SingleRecurrentBias,
}
