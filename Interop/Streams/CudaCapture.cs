using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// The recording of a stream's work as a graph. It must always be disposed: that ends a capture on which <see cref="End"/> was not called,
/// and discards what it recorded.
/// </summary>
/// <remarks>
/// During a capture nothing may wait for the stream or allocate with cuMemAlloc. Objects of the context that are disposed meanwhile are
/// released when the capture has ended. Except in the mode CU_STREAM_CAPTURE_MODE_RELAXED, the thread that began the capture must end it.
/// </remarks>
public sealed unsafe class CudaCapture : IDisposable
{
    private readonly CudaContext _context;
    private readonly long _mark;
    private bool _ended;

    private CudaCapture(CudaStream stream)
    {
        Stream = stream;
        _context = stream.Context;
        _mark = _context.MarkWork();
        stream.Hold();
    }

    /// <summary>Begins a capture: from here on the stream's work is recorded and does not run.</summary>
    /// <param name="stream">The stream, which must not be the legacy default stream.</param>
    /// <param name="mode">Which threads' forbidden calls spoil the capture; by default only those of this thread.</param>
    /// <exception cref="ArgumentException">The stream is the legacy default stream.</exception>
    /// <exception cref="CudaException">The stream is already being captured.</exception>
    public static CudaCapture Begin(
        CudaStream stream,
        CUstreamCaptureMode mode = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    )
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (stream.Handle.Value == 0)
            throw new ArgumentException(
                "The legacy default stream cannot be captured; take one of your own.",
                nameof(stream)
            );
        CudaContext context = stream.Context;
        using CudaContextScope scope = context.Enter();
        context.Check(
            context.Driver.cuStreamBeginCapture(stream.Handle, mode),
            nameof(CudaDriver.cuStreamBeginCapture)
        );
        var capture = new CudaCapture(stream);
        context.Began(capture);
        return capture;
    }

    /// <summary>The stream that is captured.</summary>
    public CudaStream Stream { get; }

    /// <summary>Whether the capture is still in progress: neither spoilt nor ended.</summary>
    public bool IsActive
    {
        get
        {
            if (_ended)
                return false;
            CUstreamCaptureStatus status;
            using CudaContextScope scope = _context.Enter();
            return _context.Driver.cuStreamIsCapturing(Stream.Handle, &status)
                    == CUresult.CUDA_SUCCESS
                && status == CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE;
        }
    }

    /// <summary>The first error in the context since the capture began, which is reported as the reason if it is spoilt.</summary>
    internal Exception? Cause { get; set; }

    /// <summary>Ends the capture.</summary>
    /// <returns>The graph of the recorded work.</returns>
    /// <exception cref="CudaException">The capture was spoilt; the message says by what, if that is known.</exception>
    public CudaGraph End()
    {
        if (_ended)
            throw new InvalidOperationException("The capture has ended already.");
        Exception? cause = Cause;
        string work = _context.TakeWork(_mark);
        CUgraph graph;
        CUresult result = EndNative(&graph);
        if (result == CUresult.CUDA_SUCCESS && graph.Value != 0)
            return new CudaGraph(_context, graph, work);
        if (result == CUresult.CUDA_SUCCESS)
            result = CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        if (result == CUresult.CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD)
            throw _context.Error(
                result,
                nameof(CudaDriver.cuStreamEndCapture),
                "the thread that began the capture has to end it"
            );
        throw _context.Error(
            result,
            nameof(CudaDriver.cuStreamEndCapture),
            cause is null
                ? "the capture was spoilt by a call that is not allowed while a stream is captured"
                : $"the capture was spoilt: {cause.Message.TrimEnd('.')}"
        );
    }

    /// <summary>Ends the capture if <see cref="End"/> was not called, and discards what it recorded.</summary>
    public void Dispose()
    {
        if (_ended)
            return;
        _context.TakeWork(_mark);
        CUgraph graph;
        CUresult result = EndNative(&graph);
        if (result != CUresult.CUDA_SUCCESS || graph.Value == 0)
            return;
        using CudaContextScope scope = _context.EnterForRelease();
        _context.Park(_context.Driver.cuGraphDestroy(graph), nameof(CudaDriver.cuGraphDestroy));
    }

    private CUresult EndNative(CUgraph* graph)
    {
        *graph = default;
        CUresult result;
        using (_context.EnterForRelease())
            result = _context.Driver.cuStreamEndCapture(Stream.NativeHandle, graph);
        // In this case the capture is still in progress, and the thread that began it can still end it.
        if (result == CUresult.CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD)
            return result;
        _ended = true;
        _context.Ended(this);
        Stream.Drop(forgotten: false);
        return result;
    }
}
