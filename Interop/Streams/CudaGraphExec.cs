using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A graph that can be launched. It never runs twice at the same time: a launch waits for the one before. It does not keep alive what it
/// works on, so the caller must keep the memory, modules and handles that were used in the capture.
/// </summary>
public sealed unsafe class CudaGraphExec : CudaObject
{
    private readonly CudaContext _context;
    private readonly CUgraphExec _handle;
    private readonly string _name;

    internal CudaGraphExec(CudaContext context, CUgraphExec handle, string work)
        : base(context)
    {
        _context = context;
        _handle = handle;
        _name = work.Length == 0 ? "a graph" : $"a graph with {work} in it";
    }

    /// <summary>The driver's handle.</summary>
    public CUgraphExec Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>Queues a run of the graph in a stream. Allocates nothing.</summary>
    public void Launch(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Require(_context, nameof(stream));
        using CudaContextScope scope = _context.Enter();
        _context.Check(
            _context.Driver.cuGraphLaunch(Handle, stream.Handle),
            nameof(CudaDriver.cuGraphLaunch)
        );
        _context.Queued(_name, stream);
    }

    /// <summary>Moves the graph to the device in stream order, which the first launch would otherwise have to do.</summary>
    public void Upload(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Require(_context, nameof(stream));
        using CudaContextScope scope = _context.Enter();
        _context.Check(
            _context.Driver.cuGraphUpload(Handle, stream.Handle),
            nameof(CudaDriver.cuGraphUpload)
        );
    }

    /// <summary>Takes over the arguments of another graph with the same nodes and edges, which costs less than instantiating it.</summary>
    /// <param name="graph">The other graph.</param>
    /// <param name="reason">The driver's reason if the update is not possible.</param>
    /// <returns>False if the graphs differ in more than arguments; this graph is then unchanged.</returns>
    public bool TryUpdate(CudaGraph graph, out CUgraphExecUpdateResult reason)
    {
        ArgumentNullException.ThrowIfNull(graph);
        using CudaContextScope scope = _context.Enter();
        CUgraphExecUpdateResultInfo info;
        CUresult result = _context.Driver.cuGraphExecUpdate(Handle, graph.Handle, &info);
        reason = info.result;
        if (result == CUresult.CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE)
            return false;
        _context.Check(result, nameof(CudaDriver.cuGraphExecUpdate));
        return true;
    }

    private protected override CudaContext Home => _context;

    private protected override void Release() =>
        _context.Park(
            _context.Driver.cuGraphExecDestroy(_handle),
            nameof(CudaDriver.cuGraphExecDestroy)
        );
}
