using System.Runtime.InteropServices;
using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>
/// A profiler that listens to NVTX, made of C#: it writes its functions into the client's tables as the vendor's do, and keeps what it is
/// told. One at a time in a process. What a strict tool would not take is a fault.
/// </summary>
internal sealed unsafe partial class VirtualProfiler : IDisposable
{
    private static VirtualProfiler? s_current;

    private readonly Lock _gate = new();
    private readonly List<(string Name, bool Live)> _domains = [];
    private readonly List<(nint Domain, string Text)> _strings = [];
    private readonly List<string> _faults = [];
    private readonly ThreadLocal<Stack<(nint Domain, string Text)>> _stack = new(() => new(64));
    private readonly Dictionary<ulong, (nint Domain, string Text)> _started = [];
    private readonly List<ProfilerCall> _calls = new(1 << 16);
    private ulong _ranges;

    private VirtualProfiler() { }

    /// <summary>Functions that this tool does not listen to, by the header's names.</summary>
    public IReadOnlySet<string> Without { get; private init; } = new HashSet<string>();

    /// <summary>What its entry point returns: 0 is a failure.</summary>
    public int Answer { get; private init; } = 1;

    /// <summary>Starts the profiler of this process.</summary>
    /// <param name="without">Functions that it does not listen to.</param>
    /// <param name="answer">What its entry point returns.</param>
    /// <exception cref="InvalidOperationException">There is one that was not disposed.</exception>
    public static VirtualProfiler Start(IEnumerable<string>? without = null, int answer = 1)
    {
        var profiler = new VirtualProfiler
        {
            Without = (without ?? []).ToHashSet(StringComparer.Ordinal),
            Answer = answer,
        };
        return Interlocked.CompareExchange(ref s_current, profiler, null) is null
            ? profiler
            : throw new InvalidOperationException("There is a virtual profiler already.");
    }

    /// <summary>Its library.</summary>
    public static INativeSymbols Library { get; } =
        NativeExport.Library("the virtual profiler", NativeExport.Of(typeof(VirtualProfiler)));

    /// <summary>Attached to this process.</summary>
    /// <exception cref="InvalidOperationException">It cannot be attached.</exception>
    public NvtxInjection Attach()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref s_current) != this, this);
        return NvtxInjection.Attach(Library, out string? failure)
            ?? throw new InvalidOperationException(failure);
    }

    /// <summary>The client's version of NVTX, as it told.</summary>
    public uint ClientVersion { get; private set; }

    /// <summary>Names of the domains, by handle - 1, whether they were ended or not.</summary>
    public IReadOnlyList<string> Domains
    {
        get
        {
            lock (_gate)
                return [.. _domains.Select(d => d.Name)];
        }
    }

    /// <summary>Domains that were not ended.</summary>
    public int LiveDomains
    {
        get
        {
            lock (_gate)
                return _domains.Count(d => d.Live);
        }
    }

    /// <summary>Texts that were registered, in order.</summary>
    public IReadOnlyList<string> Texts
    {
        get
        {
            lock (_gate)
                return [.. _strings.Select(s => s.Text)];
        }
    }

    /// <summary>Names of categories, by domain and number.</summary>
    public Dictionary<(nint Domain, uint Number), string> Categories { get; } = [];

    /// <summary>Names of streams.</summary>
    public Dictionary<nint, string> Streams { get; } = [];

    /// <summary>Ranges and marks, in order.</summary>
    public IReadOnlyList<ProfilerCall> Calls
    {
        get
        {
            lock (_gate)
                return [.. _calls];
        }
    }

    /// <summary>What was wrong with calls.</summary>
    public IReadOnlyList<string> Faults
    {
        get
        {
            lock (_gate)
                return [.. _faults];
        }
    }

    /// <summary>Ranges that were begun and not ended, on this thread or of the process.</summary>
    public int Open
    {
        get
        {
            lock (_gate)
                return _stack.Value!.Count + _started.Count;
        }
    }

    /// <summary>Forgets the calls so far.</summary>
    public void Clear()
    {
        lock (_gate)
            _calls.Clear();
    }

    public void Dispose()
    {
        Interlocked.CompareExchange(ref s_current, null, this);
        _stack.Dispose();
    }

    // A client's functions stay in its tables when this profiler is gone; they then do nothing.
    private static T With<T>(Func<VirtualProfiler, T> body, T otherwise)
    {
        if (Volatile.Read(ref s_current) is not { } profiler)
            return otherwise;
        lock (profiler._gate)
            return body(profiler);
    }

    private void Fault(string text) => _faults.Add(text);

    private void RequireDomain(nint domain, string call)
    {
        if (domain == 0)
            return;
        if (domain < 0 || domain > _domains.Count)
            Fault($"{call}: {domain} is no domain");
        else if (!_domains[(int)domain - 1].Live)
            Fault($"{call}: the domain {_domains[(int)domain - 1].Name} was ended");
    }

    private string Text(nint domain, in nvtxEventAttributes_t attributes, string call)
    {
        if (attributes.version != Nvtx.NVTX_VERSION)
            Fault($"{call}: version {attributes.version}");
        if (attributes.size != sizeof(nvtxEventAttributes_t))
            Fault($"{call}: size {attributes.size}");
        if (
            attributes.category != 0
            && !Without.Contains("nvtxDomainNameCategoryA")
            && !Categories.ContainsKey((domain, attributes.category))
        )
            Fault($"{call}: category {attributes.category} has no name");
        switch ((nvtxMessageType_t)attributes.messageType)
        {
            case nvtxMessageType_t.NVTX_MESSAGE_TYPE_REGISTERED:
                nint handle = attributes.registered.Value;
                if (handle <= 0 || handle > _strings.Count)
                {
                    Fault($"{call}: {handle} is no text");
                    return "";
                }
                if (_strings[(int)handle - 1].Domain != domain)
                    Fault($"{call}: the text is of another domain");
                return _strings[(int)handle - 1].Text;
            case nvtxMessageType_t.NVTX_MESSAGE_TYPE_ASCII:
                return Marshal.PtrToStringUTF8((nint)attributes.ascii) ?? "";
            default:
                Fault($"{call}: message of type {attributes.messageType}");
                return "";
        }
    }
}
