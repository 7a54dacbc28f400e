using Sequor.Native;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>A recurrent net and its sequences, as a test wants them.</summary>
internal sealed record RnnOptions
{
    public cudnnRNNMode_t Mode { get; init; } = cudnnRNNMode_t.CUDNN_LSTM;
    public cudnnRNNAlgo_t Algorithm { get; init; } = cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD;
    public cudnnRNNBiasMode_t Bias { get; init; } = cudnnRNNBiasMode_t.CUDNN_RNN_DOUBLE_BIAS;
    public cudnnRNNInputMode_t InputMode { get; init; } = cudnnRNNInputMode_t.CUDNN_LINEAR_INPUT;
    public cudnnMathType_t Math { get; init; } = cudnnMathType_t.CUDNN_FMA_MATH;
    public cudnnRNNDataLayout_t Layout { get; init; } =
        cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED;
    public int Inputs { get; init; } = 3;
    public int Hidden { get; init; } = 4;

    /// <summary>Width of the projection; 0 for none.</summary>
    public int Projection { get; init; }
    public int Layers { get; init; } = 1;
    public int Directions { get; init; } = 1;
    public int[] Lengths { get; init; } = [3, 3];
    public bool PaddedIo { get; init; } = true;
    public float? Fill { get; init; }
    public cudnnDropoutDescriptor_t Dropout { get; init; }
    public (double Low, double High)? Clip { get; init; }

    public int Gates =>
        Mode switch
        {
            cudnnRNNMode_t.CUDNN_LSTM => 4,
            cudnnRNNMode_t.CUDNN_GRU => 3,
            _ => 1,
        };
    public bool IsLstm => Mode == cudnnRNNMode_t.CUDNN_LSTM;
    public int State => Projection > 0 ? Projection : Hidden;
    public int Outputs => State * Directions;
    public int Time => Lengths.Max();
    public int Batch => Lengths.Length;
    public int StateCount => Layers * Directions * Batch * State;
    public int CellCount => IsLstm ? Layers * Directions * Batch * Hidden : 0;
    public bool Packed => Layout == cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;

    /// <summary>Elements of a batch in memory.</summary>
    public int Count(int width) => (Packed ? Lengths.Sum() : Time * Batch) * width;

    /// <summary>Where a step lies.</summary>
    public int Offset(int t, int b, int width) =>
        Layout switch
        {
            cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED => b * Time + t,
            cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED => Enumerable
                .Range(0, t)
                .Sum(s => Lengths.Count(length => length > s)) + b,
            _ => t * Batch + b,
        } * width;
}
