using NUnit.Framework;
using Sequor.Native;
using Name = Sequor.Native.cudnnBackendAttributeName_t;
using Of = Sequor.Native.cudnnBackendDescriptorType_t;
using Type = Sequor.Native.cudnnBackendAttributeType_t;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>A convolution as a test wants it; tensors are [N, H, W, C], [K, R, S, C], [N, P, Q, K].</summary>
internal sealed record ConvolutionOptions
{
    public Of Operation { get; init; } = Of.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR;
    public long[] X { get; init; } = [1, 4, 2, 4];
    public long[] W { get; init; } = [4, 2, 1, 4];
    public long[] Y { get; init; } = [1, 4, 2, 4];
    public long[] Pre { get; init; } = [2, 0];
    public long[] Post { get; init; } = [0, 0];
    public long[] Stride { get; init; } = [1, 1];
    public long[] Dilation { get; init; } = [2, 1];
    public float Alpha { get; init; } = 1;
    public float Beta { get; init; }
    public bool ChannelsFirst { get; init; }
    public long WNumber { get; init; } = 'w';
}

/// <summary>Calls of the graph API.</summary>
public abstract unsafe class ConvolutionProgram : LibraryTest
{
    private readonly List<nint> _descriptors = [];

    [TearDown]
    public void DestroyDescriptors()
    {
        foreach (nint descriptor in _descriptors)
            Check(Dnn.cudnnBackendDestroyDescriptor(new(descriptor)));
        _descriptors.Clear();
    }

    private protected nint New(Of kind)
    {
        cudnnBackendDescriptor_t made;
        Check(Dnn.cudnnBackendCreateDescriptor(kind, &made));
        _descriptors.Add(made.Value);
        return made.Value;
    }

    private protected cudnnStatus_t Set<T>(nint descriptor, Name name, Type type, params T[] values)
        where T : unmanaged
    {
        fixed (T* elements = values)
            return Dnn.cudnnBackendSetAttribute(
                new(descriptor),
                name,
                type,
                values.Length,
                elements
            );
    }

    private protected T[] Get<T>(nint descriptor, Name name, Type type, int room)
        where T : unmanaged
    {
        var values = new T[room];
        long count;
        fixed (T* elements = values)
            Check(
                Dnn.cudnnBackendGetAttribute(new(descriptor), name, type, room, &count, elements)
            );
        return values[..(int)Math.Min(room, count)];
    }

    private protected cudnnStatus_t Finish(nint descriptor) =>
        Dnn.cudnnBackendFinalize(new(descriptor));

    private protected nint Final(nint descriptor)
    {
        Check(Finish(descriptor));
        return descriptor;
    }

    /// <summary>A tensor of sizes [first, third, fourth, channels], not final yet.</summary>
    private protected nint Tensor(long[] sizes, long number, bool channelsFirst = false)
    {
        nint tensor = New(Of.CUDNN_BACKEND_TENSOR_DESCRIPTOR);
        (long n, long h, long w, long c) = (sizes[0], sizes[1], sizes[2], sizes[3]);
        long[] strides = channelsFirst ? [c * h * w, h * w, w, 1] : [h * w * c, 1, w * c, c];
        Check(
            Set(
                tensor,
                Name.CUDNN_ATTR_TENSOR_DATA_TYPE,
                Type.CUDNN_TYPE_DATA_TYPE,
                cudnnDataType_t.CUDNN_DATA_FLOAT
            )
        );
        Check(Set(tensor, Name.CUDNN_ATTR_TENSOR_DIMENSIONS, Type.CUDNN_TYPE_INT64, n, c, h, w));
        Check(Set(tensor, Name.CUDNN_ATTR_TENSOR_STRIDES, Type.CUDNN_TYPE_INT64, strides));
        Check(Set(tensor, Name.CUDNN_ATTR_TENSOR_UNIQUE_ID, Type.CUDNN_TYPE_INT64, number));
        Check(Set(tensor, Name.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, Type.CUDNN_TYPE_INT64, 16L));
        return tensor;
    }

    private protected nint Settings(ConvolutionOptions options)
    {
        nint settings = New(Of.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
        Check(
            Set(
                settings,
                Name.CUDNN_ATTR_CONVOLUTION_COMP_TYPE,
                Type.CUDNN_TYPE_DATA_TYPE,
                cudnnDataType_t.CUDNN_DATA_FLOAT
            )
        );
        Check(
            Set(
                settings,
                Name.CUDNN_ATTR_CONVOLUTION_CONV_MODE,
                Type.CUDNN_TYPE_CONVOLUTION_MODE,
                cudnnConvolutionMode_t.CUDNN_CROSS_CORRELATION
            )
        );
        Check(Set(settings, Name.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, Type.CUDNN_TYPE_INT64, 2L));
        Numbers(Name.CUDNN_ATTR_CONVOLUTION_DILATIONS, options.Dilation);
        Numbers(Name.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, options.Stride);
        Numbers(Name.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, options.Pre);
        Numbers(Name.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, options.Post);
        return settings;

        void Numbers(Name name, long[] values) =>
            Check(Set(settings, name, Type.CUDNN_TYPE_INT64, values));
    }

    /// <summary>The operation, not final yet.</summary>
    private protected nint Operation(ConvolutionOptions options)
    {
        nint operation = New(options.Operation);
        // Attributes of an operation follow each other in the same order, by kind.
        (Name alpha, Name beta, Name conv, Name x, Name w, Name y) = options.Operation switch
        {
            Of.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR => (
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y
            ),
            Of.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR => (
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY
            ),
            _ => (
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY
            ),
        };
        Check(Set(operation, alpha, Type.CUDNN_TYPE_FLOAT, options.Alpha));
        Check(Set(operation, beta, Type.CUDNN_TYPE_FLOAT, options.Beta));
        Refer(operation, conv, Final(Settings(options)));
        Refer(operation, x, Final(Tensor(options.X, 'x', options.ChannelsFirst)));
        Refer(operation, w, Final(Tensor(options.W, options.WNumber)));
        Refer(operation, y, Final(Tensor(options.Y, 'y')));
        return operation;
    }

    private protected void Refer(nint descriptor, Name name, params nint[] to) =>
        Check(Set(descriptor, name, Type.CUDNN_TYPE_BACKEND_DESCRIPTOR, to));

    /// <summary>The graph, not final yet.</summary>
    private protected nint Graph(params nint[] operations)
    {
        nint graph = New(Of.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
        Check(Set(graph, Name.CUDNN_ATTR_OPERATIONGRAPH_HANDLE, Type.CUDNN_TYPE_HANDLE, DnnHandle));
        Refer(graph, Name.CUDNN_ATTR_OPERATIONGRAPH_OPS, operations);
        return graph;
    }

    /// <summary>The configurations that are proposed, best first.</summary>
    private protected nint[] Propose(nint graph)
    {
        nint heuristic = New(Of.CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
        Refer(heuristic, Name.CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
        Check(
            Set(
                heuristic,
                Name.CUDNN_ATTR_ENGINEHEUR_MODE,
                Type.CUDNN_TYPE_HEUR_MODE,
                cudnnBackendHeurMode_t.CUDNN_HEUR_MODE_A
            )
        );
        Final(heuristic);
        long count;
        Check(
            Dnn.cudnnBackendGetAttribute(
                new(heuristic),
                Name.CUDNN_ATTR_ENGINEHEUR_RESULTS,
                Type.CUDNN_TYPE_BACKEND_DESCRIPTOR,
                0,
                &count,
                null
            )
        );
        nint[] places =
        [
            .. Enumerable
                .Range(0, (int)count)
                .Select(_ => New(Of.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)),
        ];
        fixed (nint* elements = places)
            Check(
                Dnn.cudnnBackendGetAttribute(
                    new(heuristic),
                    Name.CUDNN_ATTR_ENGINEHEUR_RESULTS,
                    Type.CUDNN_TYPE_BACKEND_DESCRIPTOR,
                    count,
                    &count,
                    elements
                )
            );
        return places;
    }

    /// <summary>A plan, not final yet.</summary>
    private protected nint Plan(nint configuration)
    {
        nint plan = New(Of.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        Check(Set(plan, Name.CUDNN_ATTR_EXECUTION_PLAN_HANDLE, Type.CUDNN_TYPE_HANDLE, DnnHandle));
        Refer(plan, Name.CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
        return plan;
    }

    /// <summary>A plan of one engine.</summary>
    private protected nint PlanOf(ConvolutionOptions options, long engineIndex)
    {
        nint graph = Final(Graph(Final(Operation(options))));
        nint engine = New(Of.CUDNN_BACKEND_ENGINE_DESCRIPTOR);
        Refer(engine, Name.CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph);
        Check(Set(engine, Name.CUDNN_ATTR_ENGINE_GLOBAL_INDEX, Type.CUDNN_TYPE_INT64, engineIndex));
        nint configuration = New(Of.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
        Refer(configuration, Name.CUDNN_ATTR_ENGINECFG_ENGINE, Final(engine));
        return Plan(Final(configuration));
    }

    private protected long WorkspaceOf(nint plan) =>
        Get<long>(plan, Name.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, Type.CUDNN_TYPE_INT64, 1)[0];

    private protected nint Pack(nint x, nint w, nint y, nint workspace)
    {
        nint pack = New(Of.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
        Check(
            Set<long>(
                pack,
                Name.CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,
                Type.CUDNN_TYPE_INT64,
                'y',
                'x',
                'w'
            )
        );
        Check(
            Set(pack, Name.CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, Type.CUDNN_TYPE_VOID_PTR, y, x, w)
        );
        Check(
            Set(pack, Name.CUDNN_ATTR_VARIANT_PACK_WORKSPACE, Type.CUDNN_TYPE_VOID_PTR, workspace)
        );
        return Final(pack);
    }

    private protected cudnnStatus_t Execute(nint plan, nint pack) =>
        Dnn.cudnnBackendExecute(DnnHandle, new(plan), new(pack));
}
