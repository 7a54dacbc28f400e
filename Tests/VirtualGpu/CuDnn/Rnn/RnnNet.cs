using System.Text;
using Sequor.Native;
using Sequor.Reference;

namespace Sequor.VirtualGpu;

/// <summary>What an RNN descriptor was set to; a call takes it as it is at that time.</summary>
internal sealed record RnnNet(
    cudnnRNNAlgo_t Algorithm,
    cudnnRNNMode_t Mode,
    cudnnRNNBiasMode_t Bias,
    cudnnDirectionMode_t Direction,
    cudnnRNNInputMode_t InputMode,
    cudnnDataType_t DataType,
    cudnnDataType_t MathPrecision,
    cudnnMathType_t MathType,
    int InputSize,
    int HiddenSize,
    int ProjSize,
    int NumLayers,
    nint Dropout,
    uint AuxFlags
)
{
    /// <summary>Bounds that cell states are read within; null for none.</summary>
    public (double Low, double High)? Clip { get; init; }

    public RecurrentKind Kind =>
        Mode switch
        {
            cudnnRNNMode_t.CUDNN_RNN_RELU => RecurrentKind.Relu,
            cudnnRNNMode_t.CUDNN_RNN_TANH => RecurrentKind.Tanh,
            cudnnRNNMode_t.CUDNN_LSTM => RecurrentKind.Lstm,
            _ => RecurrentKind.Gru,
        };

    public bool IsLstm => Mode == cudnnRNNMode_t.CUDNN_LSTM;
    public int Gates => RecurrentCell.Gates(Kind);
    public int Directions => Direction == cudnnDirectionMode_t.CUDNN_BIDIRECTIONAL ? 2 : 1;
    public int PseudoLayers => NumLayers * Directions;
    public bool Projects => ProjSize < HiddenSize;

    /// <summary>Width of one direction's state.</summary>
    public int State => Projects ? ProjSize : HiddenSize;

    /// <summary>Width of a layer's output: that of both directions side by side.</summary>
    public int OutputSize => State * Directions;

    public bool HasInputBias =>
        Bias
            is cudnnRNNBiasMode_t.CUDNN_RNN_DOUBLE_BIAS
                or cudnnRNNBiasMode_t.CUDNN_RNN_SINGLE_INP_BIAS;

    public bool HasRecurrentBias =>
        Bias
            is cudnnRNNBiasMode_t.CUDNN_RNN_DOUBLE_BIAS
                or cudnnRNNBiasMode_t.CUDNN_RNN_SINGLE_REC_BIAS;

    public bool PaddedIo => (AuxFlags & CuDnn.CUDNN_RNN_PADDED_IO_ENABLED) != 0;

    public bool Persistent => Algorithm != cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD;

    /// <summary>Width of what a pseudo-layer reads.</summary>
    public int InputOf(int pseudoLayer) => pseudoLayer < Directions ? InputSize : OutputSize;

    /// <summary>
    /// A number that two nets share only if they compute the same, by whatever algorithm. Dropout is the state's business.
    /// </summary>
    public long Fingerprint() =>
        ContentHash.Of(
            Encoding.UTF8.GetBytes((this with { Dropout = 0, Algorithm = 0 }).ToString())
        );
}
