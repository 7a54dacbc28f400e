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

    /// <summary>The kinds of the nodes.</summary>
    public IReadOnlyList<CUgraphNodeType> NodeTypes()
    {
        using CudaContextScope scope = Context.Enter();
        nuint count = (nuint)NodeCount;
        var nodes = new CUgraphNode[count];
        fixed (CUgraphNode* first = nodes)
            Context.Check(
                Context.Driver.cuGraphGetNodes(Handle, first, &count),
                nameof(CudaDriver.cuGraphGetNodes)
            );
        var types = new CUgraphNodeType[nodes.Length];
        for (int i = 0; i < types.Length; i++)
        {
            CUgraphNodeType type;
            Context.Check(
                Context.Driver.cuGraphNodeGetType(nodes[i], &type),
                nameof(CudaDriver.cuGraphNodeGetType)
            );
            types[i] = type;
        }
        return types;
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

    private protected override CudaContext Home => Context;

    private protected override void Release() =>
        Context.Park(Context.Driver.cuGraphDestroy(_handle), nameof(CudaDriver.cuGraphDestroy));
}
