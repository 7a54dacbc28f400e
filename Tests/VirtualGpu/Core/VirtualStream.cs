using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Kinds of streams.</summary>
internal enum StreamKind
{
    /// <summary>The default stream that waits for all blocking ones, and they for it.</summary>
    Legacy,

    /// <summary>A thread's own default stream.</summary>
    PerThread,

    Created,
}

/// <summary>A stream: work in order, put off.</summary>
internal sealed class VirtualStream : IContextObject
{
    private const nint LegacyHandle = 1;
    private const nint PerThreadHandle = 2;

    private static long s_streams;

    private readonly VirtualDevice _device;

    public VirtualStream(
        VirtualDevice device,
        VirtualContext context,
        StreamKind kind,
        uint flags,
        int priority
    )
    {
        _device = device;
        Context = context;
        Kind = kind;
        Flags = flags;
        Priority = priority;
    }

    public VirtualContext Context { get; }

    public StreamKind Kind { get; }

    public uint Flags { get; }

    public int Priority { get; }

    /// <summary>No other stream of the process has it, before or after.</summary>
    public ulong Id { get; } = (ulong)Interlocked.Increment(ref s_streams);

    /// <summary>It waits for the legacy default stream, and that for it.</summary>
    public bool IsBlocking => (Flags & (uint)CUstream_flags.CU_STREAM_NON_BLOCKING) == 0;

    /// <summary>The work that was put in last; null if none was.</summary>
    public WorkItem? Tail { get; set; }

    public bool IsIdle => Tail is null or { Done: true };

    /// <summary>The capture that it belongs to; null outside one.</summary>
    public VirtualCapture? Capture { get; set; }

    /// <summary>In a capture: what the next node will depend on.</summary>
    public List<GraphNode> Frontier { get; set; } = [];

    public bool IsCapturing => Capture is not null;

    /// <summary>
    /// The stream of a handle, 0 and 1 being the legacy default stream of the current context, 2 the thread's own.
    /// Null, and a fault recorded, where there is none.
    /// </summary>
    public static VirtualStream? Resolve(nint stream, string call)
    {
        VirtualDevice device = VirtualDevice.Current;
        if (stream is not (0 or LegacyHandle or PerThreadHandle))
            return device.Streams.Find(stream, call, "stream");
        if (device.CurrentContext is not { IsDestroyed: false } context)
        {
            device.Record(
                FaultKind.BadArgument,
                call,
                "stream",
                stream,
                "a default stream, with no context current"
            );
            return null;
        }
        return stream == PerThreadHandle ? context.PerThread() : context.Legacy;
    }

    /// <summary>Puts work in, to run later; in a capture, makes a node of it.</summary>
    /// <exception cref="VirtualStatusException">The capture is spoilt, or this spoils one.</exception>
    public void Enqueue(string name, Action work) =>
        Submit(CUgraphNodeType.CU_GRAPH_NODE_TYPE_KERNEL, name, work);

    /// <summary>Ends the capture that this stream belongs to as a failed one.</summary>
    public void InvalidateCapture(string why) => Capture?.Invalidate(why);

    /// <summary>As <see cref="Enqueue"/>, for a kind of node; null in a capture.</summary>
    public WorkItem? Submit(CUgraphNodeType type, string name, Action? work)
    {
        if (Capture is { } capture)
        {
            capture.Add(this, new GraphNode(_device, type, name, Context, work));
            return null;
        }
        WorkItem item = Next(name, work);
        Append(item);
        return item;
    }

    /// <summary>An item that stands behind all that is in the stream; more can be put before it.</summary>
    public WorkItem Next(string name, Action? work, Func<bool>? until = null)
    {
        RefuseImplicitCapture(name);
        var item = new WorkItem(name, Context, work) { Until = until };
        item.Follow(Tail);
        Context.Streams.RemoveAll(s =>
            s is { Kind: StreamKind.Created, IsIdle: true, IsGone: true }
        );
        if (Kind == StreamKind.Legacy)
            foreach (VirtualStream other in Context.Streams.Where(s => s.IsBlocking))
                item.Follow(other.Tail);
        else if (IsBlocking)
            item.Follow(Context.Legacy.Tail);
        return item;
    }

    /// <summary>Puts an item in whose predecessors are all set.</summary>
    public void Append(WorkItem item)
    {
        Tail = item;
        _device.Work.Add(item);
        _device.Work.Drift();
    }

    /// <summary>Its handle is destroyed.</summary>
    public bool IsGone { get; set; }

    /// <summary>The legacy default stream cannot tell while a blocking stream is captured; nothing is spoilt.</summary>
    /// <exception cref="VirtualStatusException">There is such a capture.</exception>
    public void RefuseHiddenCapture()
    {
        if (
            Kind == StreamKind.Legacy
            && Context.Streams.Exists(s => s is { IsBlocking: true, IsCapturing: true })
        )
            throw new VirtualStatusException(CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    }

    /// <summary>Spoils captures of blocking streams, which the legacy default stream would have to wait for.</summary>
    /// <exception cref="VirtualStatusException">There is such a capture.</exception>
    public void RefuseImplicitCapture(string call)
    {
        if (Kind != StreamKind.Legacy)
            return;
        VirtualCapture[] captures =
        [
            .. Context
                .Streams.Where(s => s.IsBlocking)
                .Select(s => s.Capture)
                .OfType<VirtualCapture>(),
        ];
        foreach (VirtualCapture capture in captures)
            capture.Invalidate($"{call} used the legacy default stream");
        if (captures.Length > 0)
            throw new VirtualStatusException(CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    }
}
