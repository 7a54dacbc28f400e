using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>Calls with recurrent nets: descriptors, memory, one training step.</summary>
public abstract unsafe class RnnProgram : LibraryTest
{
    private readonly List<Action> _destroy = [];
    private cudnnDropoutDescriptor_t _noDropout;

    private protected RnnOptions Options { get; set; } = null!;
    private protected cudnnRNNDescriptor_t Net { get; set; }
    private protected cudnnRNNDataDescriptor_t XDesc { get; set; }
    private protected cudnnRNNDataDescriptor_t YDesc { get; set; }
    private protected cudnnTensorDescriptor_t HDesc { get; set; }
    private protected cudnnTensorDescriptor_t CDesc { get; set; }

    private protected nuint WeightBytes { get; set; }
    private protected nuint WorkspaceBytes { get; set; }
    private protected nuint ReserveBytes { get; set; }

    /// <summary>Device memory by cuDNN's names; what is not there is null.</summary>
    private protected Dictionary<string, nint> At { get; } = [];

    [TearDown]
    public void DestroyDescriptors()
    {
        foreach (Action destroy in _destroy)
            destroy();
        _destroy.Clear();
        At.Clear();
    }

    /// <summary>A descriptor that is destroyed at the end.</summary>
    private protected cudnnTensorDescriptor_t NewTensor()
    {
        cudnnTensorDescriptor_t made;
        Check(Dnn.cudnnCreateTensorDescriptor(&made));
        var copy = made;
        _destroy.Add(() => Check(Dnn.cudnnDestroyTensorDescriptor(copy)));
        return made;
    }

    private protected cudnnTensorDescriptor_t NewTensor(int layers, int batch, int width)
    {
        cudnnTensorDescriptor_t made = NewTensor();
        int* sizes = stackalloc int[] { layers, batch, width };
        int* strides = stackalloc int[] { batch * width, width, 1 };
        Check(
            Dnn.cudnnSetTensorNdDescriptor(
                made,
                cudnnDataType_t.CUDNN_DATA_FLOAT,
                3,
                sizes,
                strides
            )
        );
        return made;
    }

    private protected cudnnRNNDescriptor_t NewNet()
    {
        cudnnRNNDescriptor_t made;
        Check(Dnn.cudnnCreateRNNDescriptor(&made));
        var copy = made;
        _destroy.Add(() => Check(Dnn.cudnnDestroyRNNDescriptor(copy)));
        return made;
    }

    private protected cudnnRNNDataDescriptor_t NewData()
    {
        cudnnRNNDataDescriptor_t made;
        Check(Dnn.cudnnCreateRNNDataDescriptor(&made));
        var copy = made;
        _destroy.Add(() => Check(Dnn.cudnnDestroyRNNDataDescriptor(copy)));
        return made;
    }

    private protected cudnnDropoutDescriptor_t NewDropout(float rate, ulong seed, out nint states)
    {
        cudnnDropoutDescriptor_t made;
        nuint bytes;
        Check(Dnn.cudnnCreateDropoutDescriptor(&made));
        var copy = made;
        _destroy.Add(() => Check(Dnn.cudnnDestroyDropoutDescriptor(copy)));
        Check(Dnn.cudnnDropoutGetStatesSize(DnnHandle, &bytes));
        states = Allocate((long)bytes);
        Check(Dnn.cudnnSetDropoutDescriptor(made, DnnHandle, rate, (void*)states, bytes, seed));
        return made;
    }

    /// <summary>A descriptor of no dropout, without states, as a net without dropout needs it.</summary>
    private protected cudnnDropoutDescriptor_t NoDropout()
    {
        if (_noDropout != default)
            return _noDropout;
        cudnnDropoutDescriptor_t made;
        Check(Dnn.cudnnCreateDropoutDescriptor(&made));
        _noDropout = made;
        _destroy.Add(() =>
        {
            Check(Dnn.cudnnDestroyDropoutDescriptor(_noDropout));
            _noDropout = default;
        });
        Check(Dnn.cudnnSetDropoutDescriptor(made, DnnHandle, 0, null, 0, 0));
        return made;
    }

    private protected cudnnStatus_t SetNet(cudnnRNNDescriptor_t net, RnnOptions options) =>
        Dnn.cudnnSetRNNDescriptor_v8(
            net,
            options.Algorithm,
            options.Mode,
            options.Bias,
            options.Directions == 2
                ? cudnnDirectionMode_t.CUDNN_BIDIRECTIONAL
                : cudnnDirectionMode_t.CUDNN_UNIDIRECTIONAL,
            options.InputMode,
            cudnnDataType_t.CUDNN_DATA_FLOAT,
            cudnnDataType_t.CUDNN_DATA_FLOAT,
            options.Math,
            options.Inputs,
            options.Hidden,
            options.State,
            options.Layers,
            options.Dropout == default ? NoDropout() : options.Dropout,
            options.PaddedIo
                ? CuDnn.CUDNN_RNN_PADDED_IO_ENABLED
                : CuDnn.CUDNN_RNN_PADDED_IO_DISABLED
        );

    private protected cudnnStatus_t SetData(
        cudnnRNNDataDescriptor_t data,
        RnnOptions options,
        int width
    )
    {
        float fill = options.Fill ?? 0;
        fixed (int* lengths = options.Lengths)
            return Dnn.cudnnSetRNNDataDescriptor(
                data,
                cudnnDataType_t.CUDNN_DATA_FLOAT,
                options.Layout,
                options.Time,
                options.Batch,
                width,
                lengths,
                options.Fill is null ? null : &fill
            );
    }

    /// <summary>Makes everything that a training step needs. Inputs and outputs hold nothing yet.</summary>
    private protected void Prepare(RnnOptions options)
    {
        Options = options;
        (Net, XDesc, YDesc) = (NewNet(), NewData(), NewData());
        Check(SetNet(Net, options));
        if (options.Clip is { } clip)
            Check(
                Dnn.cudnnRNNSetClip_v9(
                    Net,
                    cudnnRNNClipMode_t.CUDNN_RNN_CLIP_MINMAX,
                    clip.Low,
                    clip.High
                )
            );
        Check(SetData(XDesc, options, options.Inputs));
        Check(SetData(YDesc, options, options.Outputs));
        int layers = options.Layers * options.Directions;
        HDesc = NewTensor(layers, options.Batch, options.State);
        CDesc = options.IsLstm ? NewTensor(layers, options.Batch, options.Hidden) : default;
        nuint weightBytes;
        Check(Dnn.cudnnGetRNNWeightSpaceSize(DnnHandle, Net, &weightBytes));
        (nuint workspaceBytes, nuint reserveBytes) = Sizes();
        (WeightBytes, WorkspaceBytes, ReserveBytes) = (weightBytes, workspaceBytes, reserveBytes);
        At["workSpace"] = Allocate((long)WorkspaceBytes);
        At["reserveSpace"] = Allocate((long)ReserveBytes);
        At["weightSpace"] = Allocate((long)WeightBytes);
        At["dweightSpace"] = Allocate((long)WeightBytes);
        At["devSeqLengths"] = Upload(options.Lengths);
        foreach (string name in new[] { "x", "dx" })
            At[name] = Allocate(options.Count(options.Inputs) * sizeof(float));
        foreach (string name in new[] { "y", "dy" })
            At[name] = Allocate(options.Count(options.Outputs) * sizeof(float));
        foreach (string name in new[] { "hx", "hy", "dhx", "dhy" })
            At[name] = Allocate(options.StateCount * sizeof(float));
        foreach (string name in new[] { "cx", "cy", "dcx", "dcy" })
            At[name] = Allocate(options.CellCount * sizeof(float));
    }

    /// <summary>Makes everything, and fills inputs, weights and gradients of outputs with numbers.</summary>
    private protected void PrepareFilled(RnnOptions options, int seed = 1)
    {
        Prepare(options);
        var random = new Random(seed);
        Write(At["weightSpace"], Numbers((int)WeightBytes / sizeof(float)));
        Write(At["dweightSpace"], new float[(int)WeightBytes / sizeof(float)]);
        Write(At["x"], Numbers(options.Count(options.Inputs)));
        Write(At["dy"], Numbers(options.Count(options.Outputs)));
        foreach (string name in new[] { "hx", "dhy" })
            Write(At[name], Numbers(options.StateCount));
        foreach (string name in new[] { "cx", "dcy" })
            if (options.IsLstm)
                Write(At[name], Numbers(options.CellCount));

        float[] Numbers(int count) =>
            [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
    }

    private protected (nuint Workspace, nuint Reserve) Sizes(
        cudnnForwardMode_t mode = cudnnForwardMode_t.CUDNN_FWD_MODE_TRAINING
    )
    {
        nuint workspace;
        nuint reserve;
        Check(Dnn.cudnnGetRNNTempSpaceSizes(DnnHandle, Net, mode, XDesc, &workspace, &reserve));
        return (workspace, reserve);
    }

    private protected cudnnStatus_t Forward(
        cudnnForwardMode_t mode = cudnnForwardMode_t.CUDNN_FWD_MODE_TRAINING
    ) =>
        Dnn.cudnnRNNForward(
            DnnHandle,
            Net,
            mode,
            (int*)P("devSeqLengths"),
            XDesc,
            P("x"),
            YDesc,
            P("y"),
            HDesc,
            P("hx"),
            P("hy"),
            CDesc,
            P("cx"),
            P("cy"),
            WeightBytes,
            P("weightSpace"),
            WorkspaceBytes,
            P("workSpace"),
            ReserveBytes,
            P("reserveSpace")
        );

    private protected cudnnStatus_t BackwardData() =>
        Dnn.cudnnRNNBackwardData_v8(
            DnnHandle,
            Net,
            (int*)P("devSeqLengths"),
            YDesc,
            P("y"),
            P("dy"),
            XDesc,
            P("dx"),
            HDesc,
            P("hx"),
            P("dhy"),
            P("dhx"),
            CDesc,
            P("cx"),
            P("dcy"),
            P("dcx"),
            WeightBytes,
            P("weightSpace"),
            WorkspaceBytes,
            P("workSpace"),
            ReserveBytes,
            P("reserveSpace")
        );

    private protected cudnnStatus_t BackwardWeights(
        cudnnWgradMode_t mode = cudnnWgradMode_t.CUDNN_WGRAD_MODE_ADD
    ) =>
        Dnn.cudnnRNNBackwardWeights_v8(
            DnnHandle,
            Net,
            mode,
            (int*)P("devSeqLengths"),
            XDesc,
            P("x"),
            HDesc,
            P("hx"),
            YDesc,
            P("y"),
            WeightBytes,
            P("dweightSpace"),
            WorkspaceBytes,
            P("workSpace"),
            ReserveBytes,
            P("reserveSpace")
        );

    /// <summary>Forward and both backward calls.</summary>
    private protected void Train()
    {
        Check(Forward());
        Check(BackwardData());
        Check(BackwardWeights());
    }

    /// <summary>A gate's weights and bias: addresses, 0 for none, and shapes.</summary>
    private protected (nint Weights, int[] Shape, nint Bias, int[] BiasShape) Gate(
        string space,
        int pseudoLayer,
        int gate
    )
    {
        (cudnnTensorDescriptor_t mDesc, cudnnTensorDescriptor_t bDesc) = (NewTensor(), NewTensor());
        void* weights;
        void* bias;
        Check(
            Dnn.cudnnGetRNNWeightParams(
                DnnHandle,
                Net,
                pseudoLayer,
                WeightBytes,
                P(space),
                gate,
                mDesc,
                &weights,
                bDesc,
                &bias
            )
        );
        return ((nint)weights, Shape(mDesc), (nint)bias, Shape(bDesc));
    }

    /// <summary>[T, B, width] as it lies in memory; what no sequence reaches stays as it is there.</summary>
    private protected void WriteSteps(string name, double[] dense, int width)
    {
        for (int b = 0; b < Options.Batch; b++)
        for (int t = 0; t < Options.Lengths[b]; t++)
        {
            nint at = At[name] + Options.Offset(t, b, width) * sizeof(float);
            int row = (t * Options.Batch + b) * width;
            Write(at, Floats(dense[row..(row + width)]));
        }
    }

    /// <summary>Steps of all sequences, as [T, B, width] with zeros elsewhere.</summary>
    private protected float[] ReadSteps(string name, int width)
    {
        float[] dense = new float[Options.Time * Options.Batch * width];
        for (int b = 0; b < Options.Batch; b++)
        for (int t = 0; t < Options.Lengths[b]; t++)
        {
            nint at = At[name] + Options.Offset(t, b, width) * sizeof(float);
            Download<float>(at, width).CopyTo(dense, (t * Options.Batch + b) * width);
        }
        return dense;
    }

    private protected void* P(string name) => (void*)At.GetValueOrDefault(name);

    private int[] Shape(cudnnTensorDescriptor_t descriptor)
    {
        cudnnDataType_t type;
        int count;
        int* sizes = stackalloc int[8];
        int* strides = stackalloc int[8];
        Check(Dnn.cudnnGetTensorNdDescriptor(descriptor, 8, &type, &count, sizes, strides));
        return new Span<int>(sizes, count).ToArray();
    }
}
