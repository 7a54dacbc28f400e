using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Calls with RNN descriptors and RNN data descriptors.</summary>
internal static unsafe class RnnDescriptorExports
{
    [UnmanagedCallersOnly(EntryPoint = "cudnnCreateRNNDescriptor")]
    private static cudnnStatus_t Create(cudnnRNNDescriptor_t* descriptor) =>
        CuDnnCall.Run(
            "cudnnCreateRNNDescriptor",
            device => CuDnnCall.Create(device, (nint*)descriptor, new RnnDescriptor())
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnDestroyRNNDescriptor")]
    private static cudnnStatus_t Destroy(cudnnRNNDescriptor_t descriptor) =>
        CuDnnCall.Run(
            "cudnnDestroyRNNDescriptor",
            device =>
                CuDnnCall.Destroy<RnnDescriptor>(
                    device,
                    descriptor.Value,
                    "cudnnDestroyRNNDescriptor"
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnSetRNNDescriptor_v8")]
    private static cudnnStatus_t Set(
        cudnnRNNDescriptor_t descriptor,
        cudnnRNNAlgo_t algorithm,
        cudnnRNNMode_t mode,
        cudnnRNNBiasMode_t bias,
        cudnnDirectionMode_t direction,
        cudnnRNNInputMode_t inputMode,
        cudnnDataType_t dataType,
        cudnnDataType_t mathPrecision,
        cudnnMathType_t mathType,
        int inputSize,
        int hiddenSize,
        int projSize,
        int numLayers,
        cudnnDropoutDescriptor_t dropout,
        uint auxFlags
    ) =>
        CuDnnCall.Run(
            "cudnnSetRNNDescriptor_v8",
            device =>
            {
                const string call = "cudnnSetRNNDescriptor_v8";
                RnnDescriptor found = Find(device, descriptor, call);
                var net = new RnnNet(
                    algorithm,
                    mode,
                    bias,
                    direction,
                    inputMode,
                    dataType,
                    mathPrecision,
                    mathType,
                    inputSize,
                    hiddenSize,
                    projSize,
                    numLayers,
                    dropout.Value,
                    auxFlags
                );
                RnnChecks.Settings(net);
                // Where nothing is dropped as well: a descriptor of rate 0 without states is what says so.
                CuDnnRefusal.Unless(dropout.Value != 0, "dropoutDesc is null");
                CuDnnRefusal.Unless(
                    CuDnnCall
                        .Find<DropoutDescriptor>(device, dropout.Value, call, "dropoutDesc")
                        .IsSet,
                    "dropoutDesc is not set"
                );
                found.Net = net;
                found.BuiltBatch = 0;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetRNNDescriptor_v8")]
    private static cudnnStatus_t Get(
        cudnnRNNDescriptor_t descriptor,
        cudnnRNNAlgo_t* algorithm,
        cudnnRNNMode_t* mode,
        cudnnRNNBiasMode_t* bias,
        cudnnDirectionMode_t* direction,
        cudnnRNNInputMode_t* inputMode,
        cudnnDataType_t* dataType,
        cudnnDataType_t* mathPrecision,
        cudnnMathType_t* mathType,
        int* inputSize,
        int* hiddenSize,
        int* projSize,
        int* numLayers,
        cudnnDropoutDescriptor_t* dropout,
        uint* auxFlags
    ) =>
        CuDnnCall.Run(
            "cudnnGetRNNDescriptor_v8",
            device =>
            {
                RnnNet net = Net(device, descriptor, "cudnnGetRNNDescriptor_v8");
                Give(algorithm, net.Algorithm);
                Give(mode, net.Mode);
                Give(bias, net.Bias);
                Give(direction, net.Direction);
                Give(inputMode, net.InputMode);
                Give(dataType, net.DataType);
                Give(mathPrecision, net.MathPrecision);
                Give(mathType, net.MathType);
                Give(inputSize, net.InputSize);
                Give(hiddenSize, net.HiddenSize);
                Give(projSize, net.ProjSize);
                Give(numLayers, net.NumLayers);
                Give(dropout, new cudnnDropoutDescriptor_t(net.Dropout));
                Give(auxFlags, net.AuxFlags);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnRNNSetClip_v8")]
    private static cudnnStatus_t SetClip8(
        cudnnRNNDescriptor_t descriptor,
        cudnnRNNClipMode_t mode,
        cudnnNanPropagation_t nan,
        double low,
        double high
    ) =>
        CuDnnCall.Run(
            "cudnnRNNSetClip_v8",
            device =>
            {
                CuDnnRefusal.Unless(Enum.IsDefined(nan), $"clipNanOpt is {(int)nan}");
                // Where NaN does not pass, what comes in its place is not documented.
                if (
                    mode == cudnnRNNClipMode_t.CUDNN_RNN_CLIP_MINMAX
                    && nan == cudnnNanPropagation_t.CUDNN_NOT_PROPAGATE_NAN
                )
                    device.Record(
                        FaultKind.NotSupported,
                        "cudnnRNNSetClip_v8",
                        "clipNanOpt",
                        descriptor.Value,
                        "CUDNN_NOT_PROPAGATE_NAN hides NaN"
                    );
                SetClip(device, descriptor, mode, low, high, "cudnnRNNSetClip_v8");
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnRNNSetClip_v9")]
    private static cudnnStatus_t SetClip9(
        cudnnRNNDescriptor_t descriptor,
        cudnnRNNClipMode_t mode,
        double low,
        double high
    ) =>
        CuDnnCall.Run(
            "cudnnRNNSetClip_v9",
            device => SetClip(device, descriptor, mode, low, high, "cudnnRNNSetClip_v9")
        );

    private static void SetClip(
        VirtualDevice device,
        cudnnRNNDescriptor_t descriptor,
        cudnnRNNClipMode_t mode,
        double low,
        double high,
        string call
    )
    {
        RnnDescriptor found = Find(device, descriptor, call);
        CuDnnRefusal.Unless(Enum.IsDefined(mode), $"clipMode is {(int)mode}");
        CuDnnRefusal.Unless(low <= high, $"lclip, {low}, is not below rclip, {high}");
        // Bounds act as floats, as measured on hardware.
        found.Clip =
            mode == cudnnRNNClipMode_t.CUDNN_RNN_CLIP_MINMAX ? ((float)low, (float)high) : null;
    }

    [UnmanagedCallersOnly(EntryPoint = "cudnnCreateRNNDataDescriptor")]
    private static cudnnStatus_t CreateData(cudnnRNNDataDescriptor_t* descriptor) =>
        CuDnnCall.Run(
            "cudnnCreateRNNDataDescriptor",
            device => CuDnnCall.Create(device, (nint*)descriptor, new RnnDataDescriptor())
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnDestroyRNNDataDescriptor")]
    private static cudnnStatus_t DestroyData(cudnnRNNDataDescriptor_t descriptor) =>
        CuDnnCall.Run(
            "cudnnDestroyRNNDataDescriptor",
            device =>
                CuDnnCall.Destroy<RnnDataDescriptor>(
                    device,
                    descriptor.Value,
                    "cudnnDestroyRNNDataDescriptor"
                )
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnSetRNNDataDescriptor")]
    private static cudnnStatus_t SetData(
        cudnnRNNDataDescriptor_t descriptor,
        cudnnDataType_t type,
        cudnnRNNDataLayout_t layout,
        int maxLength,
        int batch,
        int width,
        int* lengths,
        void* fill
    ) =>
        CuDnnCall.Run(
            "cudnnSetRNNDataDescriptor",
            device =>
            {
                RnnDataDescriptor found = CuDnnCall.Find<RnnDataDescriptor>(
                    device,
                    descriptor.Value,
                    "cudnnSetRNNDataDescriptor",
                    "rnnDataDesc"
                );
                if (type != cudnnDataType_t.CUDNN_DATA_FLOAT)
                    throw CuDnnRefusal.NotSupported($"dataType is {type}; there is float alone");
                CuDnnRefusal.Unless(Enum.IsDefined(layout), $"layout is {(int)layout}");
                CuDnnRefusal.Unless(
                    maxLength > 0 && batch > 0 && width > 0,
                    "maxSeqLength, batchSize or vectorSize is below 1"
                );
                CuDnnRefusal.Unless(lengths != null, "seqLengthArray is null");
                int[] steps = new Span<int>(lengths, batch).ToArray();
                bool packed = layout == cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;
                foreach (int length in steps)
                    CuDnnRefusal.Unless(
                        length >= (packed ? 1 : 0) && length <= maxLength,
                        $"a length in seqLengthArray is {length}, maxSeqLength is {maxLength}"
                    );
                found.Data = new RnnData(
                    type,
                    layout,
                    maxLength,
                    batch,
                    width,
                    steps,
                    fill == null ? null : *(float*)fill
                );
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetRNNDataDescriptor")]
    private static cudnnStatus_t GetData(
        cudnnRNNDataDescriptor_t descriptor,
        cudnnDataType_t* type,
        cudnnRNNDataLayout_t* layout,
        int* maxLength,
        int* batch,
        int* width,
        int requested,
        int* lengths,
        void* fill
    ) =>
        CuDnnCall.Run(
            "cudnnGetRNNDataDescriptor",
            device =>
            {
                RnnData data = Data(device, descriptor, "cudnnGetRNNDataDescriptor", "rnnDataDesc");
                CuDnnRefusal.Unless(
                    requested >= data.Batch && lengths != null,
                    "there is no room for the lengths"
                );
                Give(type, data.Type);
                Give(layout, data.Layout);
                Give(maxLength, data.MaxLength);
                Give(batch, data.Batch);
                Give(width, data.Width);
                for (int b = 0; b < requested; b++)
                    lengths[b] = b < data.Batch ? data.Lengths[b] : 0;
                Give((float*)fill, data.Fill ?? 0);
            }
        );

    /// <summary>The descriptor's object.</summary>
    /// <exception cref="CuDnnRefusal">There is none.</exception>
    public static RnnDescriptor Find(
        VirtualDevice device,
        cudnnRNNDescriptor_t descriptor,
        string call
    ) => CuDnnCall.Find<RnnDescriptor>(device, descriptor.Value, call, "rnnDesc");

    /// <summary>What a descriptor was set to, with its clipping.</summary>
    /// <exception cref="CuDnnRefusal">There is none, or it was not set.</exception>
    public static RnnNet Net(VirtualDevice device, cudnnRNNDescriptor_t descriptor, string call)
    {
        RnnDescriptor found = Find(device, descriptor, call);
        if (found.Net is not { } net)
            throw new CuDnnRefusal(
                cudnnStatus_t.CUDNN_STATUS_NOT_INITIALIZED,
                "rnnDesc is not set"
            );
        return net.IsLstm ? net with { Clip = found.Clip } : net;
    }

    /// <summary>What a data descriptor was set to.</summary>
    /// <exception cref="CuDnnRefusal">There is none, or it was not set.</exception>
    public static RnnData Data(
        VirtualDevice device,
        cudnnRNNDataDescriptor_t descriptor,
        string call,
        string argument
    ) =>
        CuDnnCall.Find<RnnDataDescriptor>(device, descriptor.Value, call, argument).Data
        ?? throw CuDnnRefusal.BadParam($"{argument} is not set");

    private static void Give<T>(T* place, T value)
        where T : unmanaged
    {
        if (place != null)
            *place = value;
    }
}
