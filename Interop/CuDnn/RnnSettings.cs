using Sequor.Native;

namespace Sequor.Interop;

/// <summary>What a recurrent network computes, and how: the arguments of cudnnSetRNNDescriptor_v8.</summary>
public sealed record RnnSettings
{
    /// <summary>The kind of cell.</summary>
    public required cudnnRNNMode_t Mode { get; init; }

    /// <summary>The width of x, above 0.</summary>
    public required int InputSize { get; init; }

    /// <summary>The number of hidden units, above 0.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>The number of layers, above 0.</summary>
    public int Layers { get; init; } = 1;

    /// <summary>The width of the LSTM's projection, from 1 to the hidden size; null for none.</summary>
    public int? ProjectionSize { get; init; }

    /// <summary>The algorithm. Only STANDARD supports projections and sequences of unequal length.</summary>
    public cudnnRNNAlgo_t Algorithm { get; init; } = cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD;

    /// <summary>Which biases each gate has.</summary>
    public cudnnRNNBiasMode_t Bias { get; init; } = cudnnRNNBiasMode_t.CUDNN_RNN_DOUBLE_BIAS;

    /// <summary>Whether the network runs in one direction through time or in both.</summary>
    public cudnnDirectionMode_t Direction { get; init; } =
        cudnnDirectionMode_t.CUDNN_UNIDIRECTIONAL;

    /// <summary>What the first layer does with its input.</summary>
    public cudnnRNNInputMode_t Input { get; init; } = cudnnRNNInputMode_t.CUDNN_LINEAR_INPUT;

    /// <summary>The type of weights and data.</summary>
    public cudnnDataType_t DataType { get; init; } = cudnnDataType_t.CUDNN_DATA_FLOAT;

    /// <summary>The type of sums: double for data in double, else float.</summary>
    public cudnnDataType_t SumType =>
        DataType == cudnnDataType_t.CUDNN_DATA_DOUBLE ? DataType : cudnnDataType_t.CUDNN_DATA_FLOAT;

    /// <summary>
    /// The arithmetic that is allowed: CUDNN_FMA_MATH is full single precision, CUDNN_DEFAULT_MATH allows TF32 for float.
    /// </summary>
    public cudnnMathType_t Math { get; init; } = cudnnMathType_t.CUDNN_FMA_MATH;

    /// <summary>
    /// Whether sequences may lie padded: the manual permits layouts that are not packed with this alone, also where all sequences
    /// have one length.
    /// </summary>
    public bool PaddedIO { get; init; } = true;

    /// <summary>Bounds on the cell states of an LSTM, the lower below the upper; null for none.</summary>
    public (double Lower, double Upper)? Clip { get; init; }

    /// <summary>The number of directions, 1 or 2.</summary>
    public int Directions => Direction == cudnnDirectionMode_t.CUDNN_BIDIRECTIONAL ? 2 : 1;

    /// <summary>The width of a direction's output and of hx: the projection's width, or else the hidden size.</summary>
    public int StateSize => ProjectionSize ?? HiddenSize;

    /// <summary>The width of y.</summary>
    public int OutputSize => StateSize * Directions;

    /// <summary>The number of gates of a cell: 4 for LSTM, 3 for GRU, else 1.</summary>
    public int Gates =>
        Mode switch
        {
            cudnnRNNMode_t.CUDNN_LSTM => 4,
            cudnnRNNMode_t.CUDNN_GRU => 3,
            _ => 1,
        };

    internal bool IsLstm => Mode == cudnnRNNMode_t.CUDNN_LSTM;

    /// <summary>Throws where cuDNN would refuse, with a message that says what is allowed.</summary>
    internal void Require()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(InputSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(HiddenSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Layers);
        Require(
            Enum.IsDefined(Mode) && Enum.IsDefined(Algorithm) && Enum.IsDefined(Bias),
            $"{Mode}, {Algorithm} or {Bias} is nothing that cuDNN has"
        );
        Require(
            Input != cudnnRNNInputMode_t.CUDNN_SKIP_INPUT || InputSize == HiddenSize,
            $"CUDNN_SKIP_INPUT needs an input size of the hidden size {HiddenSize}, not {InputSize}"
        );
        if (ProjectionSize is { } projection)
        {
            Require(IsLstm, $"{Mode} has no projection; CUDNN_LSTM has");
            Require(
                projection >= 1 && projection <= HiddenSize,
                $"a projection of {projection}; 1 to the hidden size {HiddenSize} is allowed,"
                    + " null for none"
            );
            Require(
                Algorithm == cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD,
                $"{Algorithm} takes no projection; CUDNN_RNN_ALGO_STANDARD does"
            );
        }
        if (Clip is { } clip)
        {
            Require(IsLstm, $"{Mode} has no cell state to clip; CUDNN_LSTM has");
            Require(
                clip.Lower < clip.Upper,
                $"clipping to {clip.Lower} .. {clip.Upper}; the lower has to be below the upper"
            );
        }
    }

    private static void Require(bool right, string what)
    {
        if (!right)
            throw new ArgumentException($"A recurrent net cannot be had: {what}.");
    }
}
