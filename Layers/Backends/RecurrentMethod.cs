namespace Sequor.Layers;

/// <summary>How a GPU computes recurrent networks: cuDNN's algorithms.</summary>
public enum RecurrentMethod
{
    /// <summary>A product a step: CUDNN_RNN_ALGO_STANDARD, which takes everything.</summary>
    Standard,

    /// <summary>Recurrent weights stay on the chip, for small hidden sizes: CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H.</summary>
    SmallH,

    /// <summary>Recurrent weights stay on the chip: CUDNN_RNN_ALGO_PERSIST_STATIC.</summary>
    Persist,

    /// <summary>The same by a kernel that is compiled for the batch size: CUDNN_RNN_ALGO_PERSIST_DYNAMIC.</summary>
    Dynamic,

    /// <summary>
    /// Recurrent weights stay on the chip, by kernels of Sequor: a block takes a sequence through all of time. For tanh, ReLU and LSTM
    /// cells of few units.
    /// </summary>
    Own,
}
