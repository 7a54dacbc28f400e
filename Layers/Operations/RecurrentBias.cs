namespace Sequor.Layers;

/// <summary>Which biases a recurrent network has: cuDNN's bias modes.</summary>
public enum RecurrentBias
{
    /// <summary>No bias: CUDNN_RNN_NO_BIAS.</summary>
    NoBias,

    /// <summary>One bias, added to the input's product: CUDNN_RNN_SINGLE_INP_BIAS.</summary>
    SingleInputBias,

    /// <summary>
    /// One bias for the input's product and one for the recurrent product: CUDNN_RNN_DOUBLE_BIAS, which is what PyTorch has.
    /// </summary>
    DoubleBias,

    /// <summary>
    /// One bias, added to the recurrent product: CUDNN_RNN_SINGLE_REC_BIAS. In a GRU the reset gate multiplies it; in other networks it
    /// acts as a bias of the input's product does.
    /// </summary>
    SingleRecurrentBias,
}
