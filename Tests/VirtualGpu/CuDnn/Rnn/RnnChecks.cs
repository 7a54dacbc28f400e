using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>What cuDNN refuses of a recurrent net, with the status that it documents or was measured to return.</summary>
internal static class RnnChecks
{
    // What the kernels that keep weights on the chip take.
    private const int PersistentMultiple = 32;
    private const int PersistentHidden = 1024;

    /// <summary>Settings of a descriptor.</summary>
    /// <exception cref="CuDnnRefusal">They are refused.</exception>
    public static void Settings(RnnNet net)
    {
        CuDnnRefusal.Unless(
            Enum.IsDefined(net.Algorithm)
                && Enum.IsDefined(net.Mode)
                && Enum.IsDefined(net.Bias)
                && Enum.IsDefined(net.Direction)
                && Enum.IsDefined(net.InputMode)
                && Enum.IsDefined(net.DataType)
                && Enum.IsDefined(net.MathPrecision)
                && Enum.IsDefined(net.MathType),
            "an enumeration has a value that does not exist"
        );
        CuDnnRefusal.Unless(
            net.InputSize > 0 && net.HiddenSize > 0 && net.NumLayers > 0,
            $"inputSize {net.InputSize}, hiddenSize {net.HiddenSize} and numLayers {net.NumLayers} must be above 0"
        );
        CuDnnRefusal.Unless(
            net.ProjSize > 0,
            $"projSize is {net.ProjSize}; hiddenSize, {net.HiddenSize}, stands for no projection"
        );
        CuDnnRefusal.Unless(
            (net.AuxFlags & ~CuDnn.CUDNN_RNN_PADDED_IO_ENABLED) == 0,
            $"auxFlags is 0x{net.AuxFlags:x}"
        );
        if (net.ProjSize > net.HiddenSize)
            throw CuDnnRefusal.NotSupported(
                $"projSize, {net.ProjSize}, is above hiddenSize, {net.HiddenSize}"
            );
        if (net.Projects && (!net.IsLstm || net.Persistent))
            throw CuDnnRefusal.NotSupported(
                "a projection needs CUDNN_LSTM and CUDNN_RNN_ALGO_STANDARD"
            );
        if (net.InputMode == cudnnRNNInputMode_t.CUDNN_SKIP_INPUT)
        {
            CuDnnRefusal.Unless(
                net.InputSize == net.HiddenSize,
                $"CUDNN_SKIP_INPUT needs inputSize, {net.InputSize}, to be hiddenSize, {net.HiddenSize}"
            );
            throw CuDnnRefusal.NotSupported("the virtual cuDNN has no CUDNN_SKIP_INPUT");
        }
        if (
            net.DataType != cudnnDataType_t.CUDNN_DATA_FLOAT
            || net.MathPrecision != cudnnDataType_t.CUDNN_DATA_FLOAT
        )
            throw CuDnnRefusal.NotSupported(
                $"dataType {net.DataType} with mathPrec {net.MathPrecision}: the virtual cuDNN has float alone"
            );
    }

    /// <summary>Whether an algorithm takes a net at all.</summary>
    /// <exception cref="CuDnnRefusal">It does not.</exception>
    public static void Algorithm(RnnNet net, bool training)
    {
        switch (net.Algorithm)
        {
            case cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC:
            case cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_DYNAMIC:
                if (net.HiddenSize % PersistentMultiple != 0 || net.HiddenSize > PersistentHidden)
                    throw CuDnnRefusal.NotSupported(
                        $"{net.Algorithm} takes a hiddenSize of up to {PersistentHidden} that is a multiple of {PersistentMultiple}, and not {net.HiddenSize}"
                    );
                break;
            case cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H:
                // PyTorch's rule for float.
                int most =
                    (net.Gates == 1 ? 384 : 192)
                    - (
                        training
                            ? net.Gates == 1
                                ? 128
                                : 64
                            : 0
                    );
                if (net.HiddenSize > most)
                    throw CuDnnRefusal.NotSupported(
                        $"{net.Algorithm} takes a hiddenSize of up to {most} here, and not {net.HiddenSize}"
                    );
                break;
        }
    }

    /// <summary>Input and output of a call.</summary>
    /// <exception cref="CuDnnRefusal">They are refused.</exception>
    public static void Sequences(RnnNet net, RnnData x, RnnData y)
    {
        CuDnnRefusal.Unless(
            x.SameSequences(y),
            "xDesc and yDesc differ in type, layout, maxSeqLength, batchSize or lengths"
        );
        CuDnnRefusal.Unless(
            x.Width == net.InputSize,
            $"xDesc's vectorSize is {x.Width}, the net's inputSize {net.InputSize}"
        );
        CuDnnRefusal.Unless(
            y.Width == net.OutputSize,
            $"yDesc's vectorSize is {y.Width}, the net gives {net.OutputSize}"
        );
        if (x.Packed)
        {
            for (int b = 1; b < x.Batch; b++)
                CuDnnRefusal.Unless(
                    x.Lengths[b] <= x.Lengths[b - 1],
                    $"packed sequences have to be in the order of falling length, and number {b} has {x.Lengths[b]} steps after {x.Lengths[b - 1]}"
                );
        }
        else
            // Sequences of one length as well: the manual permits the unpacked layouts with that flag alone.
            CuDnnRefusal.Unless(net.PaddedIo, $"{x.Layout} needs CUDNN_RNN_PADDED_IO_ENABLED");
        if (net.Persistent && !x.Even)
            throw CuDnnRefusal.NotSupported(
                $"{net.Algorithm} takes sequences of one length, maxSeqLength, alone"
            );
    }

    /// <summary>A descriptor of states.</summary>
    /// <exception cref="CuDnnRefusal">It is not of that shape.</exception>
    public static void States(
        VirtualDevice device,
        cudnnTensorDescriptor_t descriptor,
        bool needed,
        RnnNet net,
        int batch,
        int width,
        string call,
        string argument
    )
    {
        if (!needed && descriptor.Value == 0)
            return;
        CuDnnRefusal.Unless(
            CuDnnCall
                .Find<TensorDescriptor>(device, descriptor.Value, call, argument)
                .IsPacked(net.DataType, net.PseudoLayers, batch, width),
            $"{argument} is not [{net.PseudoLayers}, {batch}, {width}] of {net.DataType} without gaps"
        );
    }

    /// <summary>A block of memory.</summary>
    /// <exception cref="CuDnnRefusal">It is null, too small or askew.</exception>
    public static void Space(nint address, long given, long needed, string name)
    {
        CuDnnRefusal.Unless(given >= needed, $"{name}Size is {given}, needed are {needed}");
        CuDnnRefusal.Unless(address != 0, $"{name} is null");
        CuDnnRefusal.Unless(address % 16 == 0, $"{name} is no multiple of 16");
    }
}
