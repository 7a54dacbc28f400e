using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Calls that size and run recurrent nets.</summary>
internal static unsafe class RnnExports
{
    // TF32 came with Ampere.
    private const int FirstWithTf32 = 80;

    [UnmanagedCallersOnly(EntryPoint = "cudnnBuildRNNDynamic")]
    private static cudnnStatus_t BuildDynamic(
        cudnnHandle_t handle,
        cudnnRNNDescriptor_t descriptor,
        int batch
    ) =>
        CuDnnCall.Run(
            "cudnnBuildRNNDynamic",
            device =>
            {
                const string call = "cudnnBuildRNNDynamic";
                CuDnnLibrary.Find(device, handle, call);
                RnnNet net = RnnDescriptorExports.Net(device, descriptor, call);
                CaptureGuard.Refuse(device, call);
                CuDnnRefusal.Unless(batch > 0, $"miniBatch is {batch}");
                if (net.Algorithm != cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_DYNAMIC)
                    return;
                RnnChecks.Algorithm(net, training: false);
                RnnDescriptorExports.Find(device, descriptor, call).BuiltBatch = batch;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetRNNTempSpaceSizes")]
    private static cudnnStatus_t GetTempSpaceSizes(
        cudnnHandle_t handle,
        cudnnRNNDescriptor_t descriptor,
        cudnnForwardMode_t mode,
        cudnnRNNDataDescriptor_t xDesc,
        nuint* workspace,
        nuint* reserve
    ) =>
        CuDnnCall.Run(
            "cudnnGetRNNTempSpaceSizes",
            device =>
            {
                const string call = "cudnnGetRNNTempSpaceSizes";
                CuDnnLibrary.Find(device, handle, call);
                RnnNet net = RnnDescriptorExports.Net(device, descriptor, call);
                RnnData x = RnnDescriptorExports.Data(device, xDesc, call, "xDesc");
                CuDnnRefusal.Unless(Enum.IsDefined(mode), $"fwdMode is {(int)mode}");
                bool training = mode == cudnnForwardMode_t.CUDNN_FWD_MODE_TRAINING;
                RnnChecks.Algorithm(net, training);
                long more = device.Manners.MoreRnnSpace(x);
                if (workspace != null)
                    *workspace = (nuint)(RnnCall.WorkspaceSize(net, x) + more);
                if (reserve != null)
                    *reserve = training
                        ? (nuint)(new ReserveLayout(net, x.MaxLength, x.Batch).Bytes + more)
                        : 0;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetRNNWeightSpaceSize")]
    private static cudnnStatus_t GetWeightSpaceSize(
        cudnnHandle_t handle,
        cudnnRNNDescriptor_t descriptor,
        nuint* bytes
    ) =>
        CuDnnCall.Run(
            "cudnnGetRNNWeightSpaceSize",
            device =>
            {
                const string call = "cudnnGetRNNWeightSpaceSize";
                CuDnnLibrary.Find(device, handle, call);
                CuDnnRefusal.Unless(bytes != null, "weightSpaceSize is null");
                RnnNet net = RnnDescriptorExports.Net(device, descriptor, call);
                *bytes = (nuint)new WeightLayout(net).Bytes;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnGetRNNWeightParams")]
    private static cudnnStatus_t GetWeightParams(
        cudnnHandle_t handle,
        cudnnRNNDescriptor_t descriptor,
        int pseudoLayer,
        nuint bytes,
        void* space,
        int linearLayer,
        cudnnTensorDescriptor_t mDesc,
        void** mAddr,
        cudnnTensorDescriptor_t bDesc,
        void** bAddr
    ) =>
        CuDnnCall.Run(
            "cudnnGetRNNWeightParams",
            device =>
            {
                const string call = "cudnnGetRNNWeightParams";
                CuDnnLibrary.Find(device, handle, call);
                RnnNet net = RnnDescriptorExports.Net(device, descriptor, call);
                var layout = new WeightLayout(net);
                CuDnnRefusal.Unless(
                    pseudoLayer >= 0 && pseudoLayer < net.PseudoLayers,
                    $"pseudoLayer is {pseudoLayer}, there are {net.PseudoLayers}"
                );
                CuDnnRefusal.Unless(
                    linearLayer >= 0 && linearLayer < layout.LinearLayers,
                    $"linLayerID is {linearLayer}, there are {layout.LinearLayers}"
                );
                CuDnnRefusal.Unless(
                    (long)bytes >= layout.Bytes,
                    $"weightSpaceSize is {bytes}, needed are {layout.Bytes}"
                );
                CuDnnRefusal.Unless(mAddr != null && bAddr != null, "mAddr or bAddr is null");
                (WeightBlock weights, WeightBlock bias) = layout.Find(pseudoLayer, linearLayer);
                Describe(device, mDesc, weights, net.DataType, call, "mDesc");
                Describe(device, bDesc, bias, net.DataType, call, "bDesc");
                *mAddr = Address((nint)space, weights);
                *bAddr = Address((nint)space, bias);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnRNNForward")]
    private static cudnnStatus_t Forward(
        cudnnHandle_t handle,
        cudnnRNNDescriptor_t descriptor,
        cudnnForwardMode_t mode,
        int* devLengths,
        cudnnRNNDataDescriptor_t xDesc,
        void* x,
        cudnnRNNDataDescriptor_t yDesc,
        void* y,
        cudnnTensorDescriptor_t hDesc,
        void* hx,
        void* hy,
        cudnnTensorDescriptor_t cDesc,
        void* cx,
        void* cy,
        nuint weightBytes,
        void* weights,
        nuint workspaceBytes,
        void* workspace,
        nuint reserveBytes,
        void* reserve
    ) =>
        CuDnnCall.Run(
            "cudnnRNNForward",
            device =>
            {
                CuDnnHandle library = CuDnnLibrary.Find(device, handle, "cudnnRNNForward");
                CuDnnRefusal.Unless(Enum.IsDefined(mode), $"fwdMode is {(int)mode}");
                bool training = mode == cudnnForwardMode_t.CUDNN_FWD_MODE_TRAINING;
                RnnCall common = Prepare(
                    device,
                    "cudnnRNNForward",
                    descriptor,
                    training,
                    devLengths,
                    xDesc,
                    yDesc,
                    (weightBytes, (nint)weights, "weightSpace"),
                    (workspaceBytes, (nint)workspace),
                    (reserveBytes, (nint)reserve)
                );
                CheckStates(
                    device,
                    common,
                    hDesc,
                    hx != null || hy != null,
                    cDesc,
                    cx != null || cy != null
                );
                CuDnnRefusal.Unless(x != null && y != null, "x or y is null");
                DropoutDescriptor? dropout = training ? Dropout(device, common) : null;
                var work = new RnnForward(
                    common,
                    training,
                    (nint)x,
                    (nint)y,
                    (nint)hx,
                    (nint)hy,
                    common.Net.IsLstm ? (nint)cx : 0,
                    common.Net.IsLstm ? (nint)cy : 0,
                    dropout?.Rate ?? 0,
                    dropout?.States ?? 0
                );
                library.Enqueue(device, common, work.Run, work.Work);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnRNNBackwardData_v8")]
    private static cudnnStatus_t BackwardData(
        cudnnHandle_t handle,
        cudnnRNNDescriptor_t descriptor,
        int* devLengths,
        cudnnRNNDataDescriptor_t yDesc,
        void* y,
        void* dy,
        cudnnRNNDataDescriptor_t xDesc,
        void* dx,
        cudnnTensorDescriptor_t hDesc,
        void* hx,
        void* dhy,
        void* dhx,
        cudnnTensorDescriptor_t cDesc,
        void* cx,
        void* dcy,
        void* dcx,
        nuint weightBytes,
        void* weights,
        nuint workspaceBytes,
        void* workspace,
        nuint reserveBytes,
        void* reserve
    ) =>
        CuDnnCall.Run(
            "cudnnRNNBackwardData_v8",
            device =>
            {
                CuDnnHandle library = CuDnnLibrary.Find(device, handle, "cudnnRNNBackwardData_v8");
                RnnCall common = Prepare(
                    device,
                    "cudnnRNNBackwardData_v8",
                    descriptor,
                    true,
                    devLengths,
                    xDesc,
                    yDesc,
                    (weightBytes, (nint)weights, "weightSpace"),
                    (workspaceBytes, (nint)workspace),
                    (reserveBytes, (nint)reserve)
                );
                CheckStates(
                    device,
                    common,
                    hDesc,
                    hx != null || dhy != null || dhx != null,
                    cDesc,
                    cx != null || dcy != null || dcx != null
                );
                CuDnnRefusal.Unless(y != null && dy != null && dx != null, "y, dy or dx is null");
                bool lstm = common.Net.IsLstm;
                var work = new RnnBackwardData(
                    common,
                    (nint)y,
                    (nint)dy,
                    (nint)dx,
                    (nint)hx,
                    (nint)dhy,
                    (nint)dhx,
                    lstm ? (nint)cx : 0,
                    lstm ? (nint)dcy : 0,
                    lstm ? (nint)dcx : 0
                );
                library.Enqueue(device, common, work.Run, work.Work);
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cudnnRNNBackwardWeights_v8")]
    private static cudnnStatus_t BackwardWeights(
        cudnnHandle_t handle,
        cudnnRNNDescriptor_t descriptor,
        cudnnWgradMode_t add,
        int* devLengths,
        cudnnRNNDataDescriptor_t xDesc,
        void* x,
        cudnnTensorDescriptor_t hDesc,
        void* hx,
        cudnnRNNDataDescriptor_t yDesc,
        void* y,
        nuint weightBytes,
        void* dweights,
        nuint workspaceBytes,
        void* workspace,
        nuint reserveBytes,
        void* reserve
    ) =>
        CuDnnCall.Run(
            "cudnnRNNBackwardWeights_v8",
            device =>
            {
                const string call = "cudnnRNNBackwardWeights_v8";
                CuDnnHandle library = CuDnnLibrary.Find(device, handle, call);
                CuDnnRefusal.Unless(Enum.IsDefined(add), $"addGrad is {(int)add}");
                if (add != cudnnWgradMode_t.CUDNN_WGRAD_MODE_ADD)
                    throw CuDnnRefusal.NotSupported($"addGrad is {add}, only ADD is there");
                RnnCall common = Prepare(
                    device,
                    call,
                    descriptor,
                    true,
                    devLengths,
                    xDesc,
                    yDesc,
                    (weightBytes, (nint)dweights, "dweightSpace"),
                    (workspaceBytes, (nint)workspace),
                    (reserveBytes, (nint)reserve)
                );
                CheckStates(device, common, hDesc, hx != null, default, false);
                CuDnnRefusal.Unless(x != null && y != null, "x or y is null");
                var work = new RnnBackwardWeights(common, (nint)x, (nint)y, (nint)hx);
                library.Enqueue(device, common, work.Run, work.Work);
            }
        );

    /// <summary>Checks what all three calls are given.</summary>
    private static RnnCall Prepare(
        VirtualDevice device,
        string call,
        cudnnRNNDescriptor_t descriptor,
        bool training,
        int* devLengths,
        cudnnRNNDataDescriptor_t xDesc,
        cudnnRNNDataDescriptor_t yDesc,
        (nuint Bytes, nint At, string Name) weights,
        (nuint Bytes, nint At) workspace,
        (nuint Bytes, nint At) reserve
    )
    {
        RnnNet net = RnnDescriptorExports.Net(device, descriptor, call);
        RnnData x = RnnDescriptorExports.Data(device, xDesc, call, "xDesc");
        RnnData y = RnnDescriptorExports.Data(device, yDesc, call, "yDesc");
        RnnChecks.Algorithm(net, training);
        RnnChecks.Sequences(net, x, y);
        if (net.Algorithm == cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_DYNAMIC)
        {
            int built = RnnDescriptorExports.Find(device, descriptor, call).BuiltBatch;
            CuDnnRefusal.Unless(
                built == x.Batch,
                $"cudnnBuildRNNDynamic was last called for a batch of {built}, and this one is of {x.Batch}"
            );
        }
        var common = new RnnCall(
            call,
            net,
            x,
            y,
            net.MathType != cudnnMathType_t.CUDNN_FMA_MATH
                && device.Options.ComputeCapability >= FirstWithTf32,
            (nint)devLengths,
            weights.At,
            workspace.At,
            (long)workspace.Bytes,
            training ? reserve.At : 0
        )
        {
            Described = [(xDesc, x, "xDesc"), (yDesc, y, "yDesc")],
        };
        RnnChecks.Space(weights.At, (long)weights.Bytes, common.Layout.Bytes, weights.Name);
        long more = device.Manners.MoreRnnSpace(x);
        RnnChecks.Space(
            workspace.At,
            (long)workspace.Bytes,
            RnnCall.WorkspaceSize(net, x) + more,
            "workSpace"
        );
        if (training)
            RnnChecks.Space(
                reserve.At,
                (long)reserve.Bytes,
                common.Kept.Bytes + more,
                "reserveSpace"
            );
        return common;
    }

    private static void CheckStates(
        VirtualDevice device,
        RnnCall common,
        cudnnTensorDescriptor_t hDesc,
        bool hNeeded,
        cudnnTensorDescriptor_t cDesc,
        bool cNeeded
    )
    {
        RnnNet net = common.Net;
        RnnChecks.States(
            device,
            hDesc,
            hNeeded,
            net,
            common.X.Batch,
            net.State,
            common.Call,
            "hDesc"
        );
        if (net.IsLstm)
            RnnChecks.States(
                device,
                cDesc,
                cNeeded,
                net,
                common.X.Batch,
                net.HiddenSize,
                common.Call,
                "cDesc"
            );
    }

    /// <summary>The dropout that a training pass applies; null for none.</summary>
    private static DropoutDescriptor? Dropout(VirtualDevice device, RnnCall common)
    {
        DropoutDescriptor found = CuDnnCall.Find<DropoutDescriptor>(
            device,
            common.Net.Dropout,
            common.Call,
            "dropoutDesc of rnnDesc"
        );
        if (common.Net.NumLayers == 1)
            return null;
        CuDnnRefusal.Unless(
            found.Rate == 0 || found.States != 0,
            "dropoutDesc of rnnDesc has no states to draw from"
        );
        return found;
    }

    private static void Describe(
        VirtualDevice device,
        cudnnTensorDescriptor_t descriptor,
        WeightBlock block,
        cudnnDataType_t type,
        string call,
        string argument
    )
    {
        TensorDescriptor found = CuDnnCall.Find<TensorDescriptor>(
            device,
            descriptor.Value,
            call,
            argument
        );
        if (block.Exists)
            found.SetPacked(type, 1, block.Rows, block.Columns);
        else
            found.Set(type, [], []);
    }

    private static void* Address(nint space, WeightBlock block) =>
        space == 0 || !block.Exists ? null : (void*)(space + (nint)(block.Offset * sizeof(float)));
}
