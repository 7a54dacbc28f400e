using Sequor.Native;

namespace Sequor.Interop;

/// <summary>Recorded work. The memory, streams' order and kernels in it are as they were when it was recorded.</summary>
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

    /// <summary>Records what an action puts into a stream. An error of it ends the capture and comes out again.</summary>
    /// <param name="stream">The stream; not the default one.</param>
    /// <param name="record">Puts work into the stream; waits for nothing and allocates no device memory.</param>
    /// <param name="mode">Which calls elsewhere spoil it; by default only those of this thread.</param>
    /// <exception cref="CudaException">The capture was spoilt; the message says by what, where that is known.</exception>
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

    /// <summary>Its context.</summary>
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

    /// <summary>How many nodes it has.</summary>
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

    /// <summary>Makes it launchable; it may be disposed after.</summary>
    /// <exception cref="CudaException">The driver cannot; the message has its reason.</exception>
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
