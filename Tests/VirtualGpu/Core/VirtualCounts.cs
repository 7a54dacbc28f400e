namespace Sequor.VirtualGpu;

/// <summary>How often a piece of work ran, and the bytes that it touched.</summary>
internal readonly record struct WorkCount(long Runs, long BytesRead, long BytesWritten);

/// <summary>What was done; the same numbers in every run of the same calls.</summary>
internal sealed class VirtualCounts
{
    private readonly SortedDictionary<string, long> _calls = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _profiled = [];
    private readonly SortedDictionary<string, WorkCount> _work = new(StringComparer.Ordinal);
    private readonly Dictionary<LibraryWork, long> _library = [];

    /// <summary>Calls into all libraries, by the header's name.</summary>
    public IReadOnlyDictionary<string, long> Calls => _calls;

    /// <summary>Work that ran on streams, by its name.</summary>
    public IReadOnlyDictionary<string, WorkCount> Work => _work;

    /// <summary>Calls into cuBLAS and cuDNN whose work ran, and how often each did.</summary>
    public IReadOnlyDictionary<LibraryWork, long> Library => _library;

    public long BytesHostToDevice { get; internal set; }
    public long BytesDeviceToHost { get; internal set; }
    public long BytesDeviceToDevice { get; internal set; }
    public long BytesFilled { get; internal set; }

    /// <summary>Allocations of device memory.</summary>
    public long Allocations { get; internal set; }

    /// <summary>Allocations of pinned host memory.</summary>
    public long HostAllocations { get; internal set; }

    /// <summary>Device memory that is allocated, bytes as asked for.</summary>
    public long LiveBytes { get; private set; }

    /// <summary>The most that was allocated at a time, bytes.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>Pinned host memory that is allocated, bytes.</summary>
    public long HostLiveBytes { get; internal set; }

    /// <summary>Times that the host waited, asked for or implied.</summary>
    public long Waits { get; internal set; }

    /// <summary>How often a call was made; 0 for one that was not.</summary>
    public long Of(string call) => _calls.GetValueOrDefault(call);

    /// <summary>How often calls were made whose name begins so.</summary>
    public long OfAll(string prefix) =>
        _calls.Where(c => c.Key.StartsWith(prefix, StringComparison.Ordinal)).Sum(c => c.Value);

    /// <summary>Starts counting anew; what is allocated stays, and is the new peak.</summary>
    public void Reset()
    {
        _calls.Clear();
        _profiled.Clear();
        _work.Clear();
        _library.Clear();
        BytesHostToDevice = BytesDeviceToHost = BytesDeviceToDevice = BytesFilled = 0;
        Allocations = HostAllocations = Waits = 0;
        PeakBytes = LiveBytes;
    }

    /// <summary>How often a call was made while a profiler was to record (cuProfilerStart).</summary>
    public long ProfiledOf(string call) => _profiled.GetValueOrDefault(call);

    /// <summary>Whether a profiler is to record now.</summary>
    public bool IsProfiled { get; private set; }

    internal void Profile(bool on) => IsProfiled = on;

    internal void Call(string name)
    {
        _calls[name] = _calls.GetValueOrDefault(name) + 1;
        if (IsProfiled)
            _profiled[name] = _profiled.GetValueOrDefault(name) + 1;
    }

    internal void Ran(string name, long read, long written)
    {
        WorkCount before = _work.GetValueOrDefault(name);
        _work[name] = new(before.Runs + 1, before.BytesRead + read, before.BytesWritten + written);
    }

    internal void Ran(LibraryWork work) => _library[work] = _library.GetValueOrDefault(work) + 1;

    internal void Live(long bytes)
    {
        LiveBytes += bytes;
        PeakBytes = Math.Max(PeakBytes, LiveBytes);
    }
}
