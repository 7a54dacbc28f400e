using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// Work that was captured from a stream, as a graph. Its kernels, addresses and order are those at the time of the capture.
/// </summary>
public sealed unsafe class CudaGraph : CudaObject
{
    private readonly CUgraph _handle;
    private readonly string _work;

    internal CudaGraph(CudaContext context, CUgraph handle, string work)
        : base(context)
    {
        Context = context;
        _handle = handle;
        _work = work;
    }

    /// <summary>Captures the work that an action queues in a stream. An exception of the action ends the capture and is passed on.</summary>
    /// <param name="stream">The stream, which must not be the legacy default stream.</param>
    /// <param name="record">Queues work in the stream; it must not wait or allocate device memory.</param>
    /// <param name="mode">Which threads' forbidden calls spoil the capture; by default only those of this thread.</param>
    /// <exception cref="CudaException">The capture was spoilt; the message says by what, if that is known.</exception>
    public static CudaGraph Capture(
        CudaStream stream,
        Action record,
        CUstreamCaptureMode mode = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    )
    {
        ArgumentNullException.ThrowIfNull(record);
        using var capture = CudaCapture.Begin(stream, mode);
        record();
        return capture.End();
    }

    /// <summary>The context that the graph belongs to.</summary>
    public CudaContext Context { get; }

    /// <summary>The driver's handle.</summary>
    public CUgraph Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>The number of nodes.</summary>
    public long NodeCount
    {
        get
        {
            using CudaContextScope scope = Context.Enter();
            nuint count;
            Context.Check(
                Context.Driver.cuGraphGetNodes(Handle, null, &count),
                nameof(CudaDriver.cuGraphGetNodes)
            );
            return (long)count;
        }
    }

    /// <summary>The kinds of its nodes.</summary>
    public IReadOnlyList<CUgraphNodeType> NodeTypes() => [.. Nodes().Select(node => node.Type)];

    /// <summary>
    /// How many of its nodes read the host's memory or call the host at each launch: what they find there then is not what the
    /// capture saw. A copy that the driver tells nothing about counts as well; graphs within the graph are not looked into.
    /// </summary>
    public int CountHostReads()
    {
        using CudaContextScope scope = Context.Enter();
        int reads = 0;
        foreach ((CUgraphNode node, CUgraphNodeType type) in Nodes())
        {
            if (
                type == CUgraphNodeType.CU_GRAPH_NODE_TYPE_HOST
                || (type == CUgraphNodeType.CU_GRAPH_NODE_TYPE_MEMCPY && ReadsHost(node))
            )
                reads++;
        }
        return reads;
    }

    /// <summary>Makes a graph that can be launched; this one may be disposed afterwards.</summary>
    /// <exception cref="CudaException">The driver cannot instantiate the graph; the message has its reason.</exception>
    public CudaGraphExec Instantiate()
    {
        using CudaContextScope scope = Context.Enter();
        CUgraphExec exec;
        CUDA_GRAPH_INSTANTIATE_PARAMS parameters = default;
        CUresult result = Context.Driver.cuGraphInstantiateWithParams(&exec, Handle, &parameters);
        if (result != CUresult.CUDA_SUCCESS)
            throw Context.Error(
                result,
                nameof(CudaDriver.cuGraphInstantiateWithParams),
                parameters.result_out.ToString()
            );
        return new CudaGraphExec(Context, exec, _work);
    }

    private (CUgraphNode Node, CUgraphNodeType Type)[] Nodes()
    {
        using CudaContextScope scope = Context.Enter();
        nuint count = (nuint)NodeCount;
        var nodes = new CUgraphNode[count];
        fixed (CUgraphNode* first = nodes)
            Context.Check(
                Context.Driver.cuGraphGetNodes(Handle, first, &count),
                nameof(CudaDriver.cuGraphGetNodes)
            );
        var found = new (CUgraphNode, CUgraphNodeType)[nodes.Length];
        for (int i = 0; i < found.Length; i++)
        {
            CUgraphNodeType type;
            Context.Check(
                Context.Driver.cuGraphNodeGetType(nodes[i], &type),
                nameof(CudaDriver.cuGraphNodeGetType)
            );
            found[i] = (nodes[i], type);
        }
        return found;
    }

    private bool ReadsHost(CUgraphNode node)
    {
        CUDA_MEMCPY3D copy;
        if (
            Context.Driver.cuGraphMemcpyNodeGetParams(node, &copy) != CUresult.CUDA_SUCCESS
            || copy.srcMemoryType == CUmemorytype.CU_MEMORYTYPE_HOST
        )
            return true;
        if (copy.srcMemoryType != CUmemorytype.CU_MEMORYTYPE_UNIFIED)
            return false;
        // An address that the driver does not know is the host's.
        CUmemorytype type;
        CUresult known = Context.Driver.cuPointerGetAttribute(
            &type,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
            copy.srcDevice
        );
        return known != CUresult.CUDA_SUCCESS || type == CUmemorytype.CU_MEMORYTYPE_HOST;
    }

    private protected override CudaContext Home => Context;

    private protected override void Release() =>
        Context.Park(Context.Driver.cuGraphDestroy(_handle), nameof(CudaDriver.cuGraphDestroy));
}
