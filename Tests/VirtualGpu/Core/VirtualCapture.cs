using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A stream capture: begun in one stream, spread to others by events.</summary>
internal sealed class VirtualCapture
{
    private static ulong s_lastId;

    private readonly VirtualDevice _device;

    public VirtualCapture(VirtualDevice device, VirtualStream origin, CUstreamCaptureMode mode)
    {
        _device = device;
        Origin = origin;
        Mode = mode;
        Thread = Environment.CurrentManagedThreadId;
        Id = Interlocked.Increment(ref s_lastId);
        Join(origin, []);
        device.Captures.Add(this);
    }

    public ulong Id { get; }

    public VirtualStream Origin { get; }

    public CUstreamCaptureMode Mode { get; }

    /// <summary>The thread that began it.</summary>
    public int Thread { get; }

    public VirtualGraph Graph { get; } = new();

    /// <summary>Why it is spoilt; null if it is not.</summary>
    public string? Spoilt { get; private set; }

    private List<VirtualStream> Streams { get; } = [];

    /// <summary>Spoils it: every later use of its streams fails until it is ended.</summary>
    public void Invalidate(string why)
    {
        if (Spoilt is not null)
            return;
        Spoilt = why;
        _device.Record(FaultKind.Capture, why, "capture", 0, "this invalidates the stream capture");
    }

    /// <exception cref="VirtualStatusException">It is spoilt.</exception>
    public void RequireActive()
    {
        if (Spoilt is not null)
            throw new VirtualStatusException(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    }

    /// <summary>Makes a node of a stream's next piece of work.</summary>
    public void Add(VirtualStream stream, GraphNode node)
    {
        RequireActive();
        node.After.AddRange(stream.Frontier);
        Graph.Nodes.Add(node);
        stream.Frontier = [node];
    }

    /// <summary>Takes a stream in, or lets it wait for more nodes.</summary>
    public void Join(VirtualStream stream, IEnumerable<GraphNode> after)
    {
        if (stream.Capture is null)
        {
            stream.Capture = this;
            stream.Frontier = [];
            Streams.Add(stream);
        }
        stream.Frontier = [.. stream.Frontier.Union(after)];
    }

    /// <summary>Ends it, and says how it went.</summary>
    public CUresult End()
    {
        bool joined = IsJoined();
        foreach (VirtualStream stream in Streams)
        {
            stream.Capture = null;
            stream.Frontier = [];
        }
        _device.Captures.Remove(this);
        if (Spoilt is not null)
            return CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        return joined ? CUresult.CUDA_SUCCESS : CUresult.CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    }

    /// <summary>Whether all that other streams did stands before what the first one does next.</summary>
    private bool IsJoined()
    {
        HashSet<GraphNode> before = [.. Origin.Frontier];
        Stack<GraphNode> open = new(before);
        while (open.TryPop(out GraphNode? node))
            foreach (GraphNode earlier in node.After)
                if (before.Add(earlier))
                    open.Push(earlier);
        return Streams.TrueForAll(s => s.Frontier.TrueForAll(before.Contains));
    }
}
