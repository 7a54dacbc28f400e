using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A context: the primary one, or one that a test made as another library would.</summary>
internal sealed class VirtualContext
{
    // By the thread's number.
    private readonly Dictionary<int, VirtualStream> _perThread = [];
    private readonly VirtualDevice _device;

    public VirtualContext(
        VirtualDevice device,
        bool primary,
        uint flags,
        int ordinal = 0,
        int process = 0
    )
    {
        _device = device;
        Ordinal = ordinal;
        Process = process;
        IsPrimary = primary;
        Flags = flags;
        Legacy = new VirtualStream(device, this, StreamKind.Legacy, 0, 0);
        Streams.Add(Legacy);
        Handle = device.Contexts.Add(this);
    }

    public nint Handle { get; }

    public bool IsPrimary { get; }

    /// <summary>The number of its device.</summary>
    public int Ordinal { get; }

    /// <summary>
    /// The process that made it: 0 is this one. A context of another number stands for another process, as far as the driver can tell:
    /// what it shares with this one it has by handles alone.
    /// </summary>
    public int Process { get; }

    /// <summary>The contexts whose memory this one may use.</summary>
    public HashSet<VirtualContext> Peers { get; } = [];

    /// <summary>Whether work in this context may use another one's memory.</summary>
    public bool Reaches(VirtualContext other) => other == this || Peers.Contains(other);

    public uint Flags { get; set; }

    public bool IsDestroyed { get; private set; }

    /// <summary>The legacy default stream.</summary>
    public VirtualStream Legacy { get; }

    /// <summary>Every stream, default ones too, and destroyed ones that have work left.</summary>
    public List<VirtualStream> Streams { get; } = [];

    public Dictionary<CUlimit, nuint> Limits { get; } =
        new()
        {
            [CUlimit.CU_LIMIT_STACK_SIZE] = 1024,
            [CUlimit.CU_LIMIT_PRINTF_FIFO_SIZE] = 1 << 20,
            [CUlimit.CU_LIMIT_MALLOC_HEAP_SIZE] = 8 << 20,
            [CUlimit.CU_LIMIT_MAX_L2_FETCH_GRANULARITY] = 64,
            [CUlimit.CU_LIMIT_PERSISTING_L2_CACHE_SIZE] = 0,
        };

    /// <summary>The calling thread's own default stream.</summary>
    public VirtualStream PerThread()
    {
        int thread = Environment.CurrentManagedThreadId;
        if (!_perThread.TryGetValue(thread, out VirtualStream? stream))
        {
            stream = new VirtualStream(_device, this, StreamKind.PerThread, 0, 0);
            Streams.Add(stream);
            _perThread.Add(thread, stream);
        }
        return stream;
    }

    /// <summary>Ends it, and all that belongs to it; what was alive is a leak.</summary>
    public void Destroy()
    {
        _device.Work.WaitEach(Streams.Select(s => s.Tail));
        foreach (
            DeviceAllocation allocation in _device
                .Memory.Live.Where(a => a.Context == this)
                .ToArray()
        )
        {
            _device.Leak(
                $"{allocation.Bytes} bytes at 0x{allocation.Address:x} when their context was destroyed"
            );
            _device.Memory.Release(allocation);
            if (allocation.Live || allocation.Foreign is not null)
                allocation.End();
        }
        foreach (IHandleTable table in _device.Tables)
        {
            int dropped = table.DropContext(this);
            if (dropped > 0 && table.Owned)
                _device.Leak($"{dropped} x {table.Kind} when their context was destroyed");
        }
        foreach (VirtualContext other in _device.Contexts.Objects)
            other.Peers.Remove(this);
        IsDestroyed = true;
        _device.Contexts.Remove(Handle, "context", "context");
    }
}
