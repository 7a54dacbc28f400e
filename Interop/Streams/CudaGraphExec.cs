using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A graph that can be launched. It does not run twice at a time: launches wait for each other. It holds nothing
/// of what it works on: memory, modules and handles that were used in the capture have to stay.
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

    /// <summary>Runs it in stream order. Allocates nothing.</summary>
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

    /// <summary>Does what the first launch would have to do beforehand.</summary>
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

    /// <summary>Takes over the arguments of another graph of the same form, which costs less than a new one.</summary>
    /// <param name="graph">The other graph.</param>
    /// <param name="reason">What forbids it.</param>
    /// <returns>False if the form differs; this graph is as it was then.</returns>
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
