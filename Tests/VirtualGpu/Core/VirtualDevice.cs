using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>
/// A machine with GPUs made of C#, one of them unless more are asked for. One at a time in a process, since the functions that native code calls are static: fixtures
/// that start one do not run in parallel.
/// </summary>
internal sealed class VirtualDevice : IDisposable
{
    private static VirtualDevice? s_current;

    private readonly Dictionary<string, IHandleTable> _tables = [];
    private readonly List<VirtualFault> _faults = [];
    private readonly List<string> _leaks = [];
    private readonly ThreadLocal<List<VirtualContext>> _stack = new(() => []);
    private readonly ThreadLocal<CUstreamCaptureMode> _captureMode = new();
    private readonly Dictionary<string, Refusal> _refused = [];
    private long _allocationsUntilFailure;

    private VirtualDevice(VirtualOptions options)
    {
        Options = options;
        Random = new Random(options.Seed);
        FirstHandle = HandleNumbers.Last;
        Memory = new DeviceMemory(this);
        Host = new HostMemory(this);
        Work = new WorkQueue(this);
        Contexts = Table<VirtualContext>("context", owned: false);
        Streams = Table<VirtualStream>("stream");
        Events = Table<VirtualEvent>("event");
        Graphs = Table<VirtualGraph>("graph");
        GraphExecs = Table<VirtualGraphExec>("launchable graph");
        GraphNodes = Table<GraphNode>("graph node", owned: false);
        Pools = Table<VirtualPool>("memory pool");
        Modules = Table<VirtualModule>("module");
        Functions = Table<VirtualFunction>("kernel", owned: false);
        ExternalMemories = Table<ExternalMemory>("external memory");
        ExternalSemaphores = Table<ExternalSemaphore>("external semaphore");
        Cards = [.. Enumerable.Range(0, options.DeviceCount).Select(i => new VirtualCard(this, i))];
        FailAllocation(options.FailAllocation);
        Effects = options.Effects;
        foreach ((string call, int status) in options.RefuseCall)
            Refuse(call, status);
    }

    /// <summary>Starts the device of this process.</summary>
    /// <exception cref="InvalidOperationException">There is one that was not disposed.</exception>
    public static VirtualDevice Start(VirtualOptions? options = null)
    {
        var device = new VirtualDevice(options ?? new());
        if (Interlocked.CompareExchange(ref s_current, device, null) is not null)
            throw new InvalidOperationException(
                "There is a virtual device already; dispose it before another is started."
            );
        return device;
    }

    /// <summary>The device of this process.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static VirtualDevice Current =>
        Running ?? throw new InvalidOperationException("There is no virtual device.");

    /// <summary>The device of this process; null if there is none.</summary>
    public static VirtualDevice? Running => Volatile.Read(ref s_current);

    /// <summary>Held during every call.</summary>
    public object Gate { get; } = new();

    public bool Disposed { get; private set; }

    public VirtualOptions Options { get; }

    /// <summary>What may be, and need not; to be changed while it runs.</summary>
    public VirtualManners Manners { get; } = new();

    /// <summary>Seeded; to be used within calls only.</summary>
    public Random Random { get; }

    public DeviceMemory Memory { get; }

    public HostMemory Host { get; }

    public WorkQueue Work { get; }

    public VirtualCounts Counts { get; } = new();

    public HandleTable<VirtualContext> Contexts { get; }

    public HandleTable<VirtualStream> Streams { get; }

    public HandleTable<VirtualEvent> Events { get; }

    public HandleTable<VirtualGraph> Graphs { get; }

    public HandleTable<VirtualGraphExec> GraphExecs { get; }

    public HandleTable<GraphNode> GraphNodes { get; }

    public HandleTable<VirtualPool> Pools { get; }

    public HandleTable<VirtualModule> Modules { get; }

    public HandleTable<VirtualFunction> Functions { get; }

    public HandleTable<ExternalMemory> ExternalMemories { get; }

    public HandleTable<ExternalSemaphore> ExternalSemaphores { get; }

    /// <summary>What other processes may open, and what they opened.</summary>
    public SharedHandles Shared { get; } = new();

    /// <summary>What the last question after a capture's dependencies gave.</summary>
    public NativeList<CUgraphNode> Frontier { get; } = new();

    /// <summary>What each device of the machine has for itself.</summary>
    public IReadOnlyList<VirtualCard> Cards { get; }

    /// <summary>Captures that are not ended.</summary>
    public List<VirtualCapture> Captures { get; } = [];

    /// <summary>The misuses found so far.</summary>
    public IReadOnlyList<VirtualFault> Faults => _faults;

    /// <summary>After a fault of work: the error that every later call returns. CUDA_SUCCESS before.</summary>
    public CUresult Sticky { get; private set; }

    public bool IsPoisoned => Sticky != CUresult.CUDA_SUCCESS;

    /// <summary>cuInit was called.</summary>
    public bool Started { get; set; }

    /// <summary>How often nvmlInit was called and not undone.</summary>
    public int NvmlStarts { get; set; }

    /// <summary>What NVML tells of clocks, power and temperature.</summary>
    public VirtualSensors Sensors { get; } = new();

    /// <summary>NVML's handle of the device.</summary>
    public nint NvmlHandle { get; } = HandleNumbers.Next();

    /// <summary>How often primary contexts are held.</summary>
    public int PrimaryHolds => Cards.Sum(c => c.PrimaryHolds);

    /// <summary>The calling thread's contexts, the current one last.</summary>
    public List<VirtualContext> ContextStack => _stack.Value!;

    /// <summary>The calling thread's current context; null if there is none.</summary>
    public VirtualContext? CurrentContext => ContextStack.LastOrDefault();

    /// <summary>Which unsafe calls of the calling thread may spoil captures.</summary>
    public CUstreamCaptureMode ThreadCaptureMode
    {
        get => _captureMode.Value;
        set => _captureMode.Value = value;
    }

    internal nint FirstHandle { get; }

    internal IEnumerable<IHandleTable> Tables => _tables.Values;

    /// <summary>A virtual library's symbols. They go on answering, with an error, when there is no device.</summary>
    public static INativeSymbols Symbols(LibraryKind kind, VirtualOptions options) =>
        NativeExport.Library(
            $"virtual {kind}",
            VirtualLibraries
                .Exports(kind)
                // A driver older than CUDA 12 lacks it.
                .Where(e => e.Symbol != "cuGetProcAddress_v2" || options.DriverVersion >= 12000)
        );

    /// <summary>A virtual library's symbols.</summary>
    public INativeSymbols Symbols(LibraryKind kind) =>
        kind == LibraryKind.CuBlasLt && Manners.NoCuBlasLt
            ? NativeExport.Library("no cuBLASLt", [])
            : Symbols(kind, Options);

    /// <summary>The table of one kind of handle, made at the first call.</summary>
    /// <param name="kind">What messages call the objects.</param>
    /// <param name="owned">Whether one that is alive at the end is a leak.</param>
    public HandleTable<T> Table<T>(string kind, bool owned = true)
        where T : class
    {
        if (!_tables.TryGetValue(kind, out IHandleTable? table))
            _tables.Add(kind, table = new HandleTable<T>(this, kind, owned));
        return (HandleTable<T>)table;
    }

    /// <summary>How many handles of each kind are alive; kinds with none are left out.</summary>
    public IReadOnlyDictionary<string, int> LiveHandles() =>
        _tables.Values.Where(t => t.Owned && t.Count > 0).ToDictionary(t => t.Kind, t => t.Count);

    /// <summary>The n-th allocation from here on fails, counted from 1; 0 for none.</summary>
    public void FailAllocation(int n) => _allocationsUntilFailure = n;

    /// <summary>What a piece of work takes or does from here on; null for what is usual.</summary>
    public Func<VirtualWork, VirtualEffect?>? Effects { get; set; }

    internal VirtualEffect EffectOf(VirtualWork work) =>
        Effects?.Invoke(work) ?? VirtualEffect.Usual;

    /// <summary>Whether the allocation that is made now has to fail.</summary>
    internal bool AllocationFails() =>
        _allocationsUntilFailure > 0 && --_allocationsUntilFailure == 0;

    /// <summary>Refuses a call from here on.</summary>
    /// <param name="call">The header's name.</param>
    /// <param name="status">What it returns.</param>
    /// <param name="after">How many calls go well before.</param>
    /// <param name="times">How many are refused.</param>
    public void Refuse(string call, int status, int after = 0, int times = int.MaxValue) =>
        _refused[call] = new Refusal(status, after, times);

    /// <summary>Refuses nothing any more.</summary>
    public void RefuseNothing() => _refused.Clear();

    internal int? Refused(string call)
    {
        if (!_refused.TryGetValue(call, out Refusal? refusal))
            return null;
        if (refusal.After > 0)
        {
            _refused[call] = refusal with { After = refusal.After - 1 };
            return null;
        }
        if (refusal.Times == 0)
            return null;
        _refused[call] = refusal with { Times = refusal.Times - 1 };
        return refusal.Status;
    }

    /// <summary>Makes the results of some work wrong from here on; null makes all right again.</summary>
    public Distortion? Distorted { get; set; }

    /// <summary>Whether the results of this work are to be wrong.</summary>
    internal bool Distorts(WorkItem item) => Distorted?.Meets(item) == true;

    /// <summary>Makes a context as another library would that does not use the primary one.</summary>
    /// <param name="ordinal">The number of its device.</param>
    /// <param name="process">0 for this process; another number for one that stands for another process.</param>
    public VirtualContext CreateContext(int ordinal = 0, int process = 0)
    {
        lock (Gate)
            return new VirtualContext(this, primary: false, flags: 0, ordinal, process);
    }

    /// <summary>Records a misuse.</summary>
    public void Record(VirtualFault fault) => _faults.Add(fault);

    /// <summary>Records a misuse.</summary>
    public void Record(FaultKind kind, string call, string argument, nint address, string detail) =>
        Record(new VirtualFault(kind, call, argument, address, detail));

    /// <summary>Records something that was alive when its owner went.</summary>
    internal void Leak(string what) => _leaks.Add(what);

    /// <summary>Ends all work: every later call returns this error.</summary>
    public void Poison(CUresult error)
    {
        if (!IsPoisoned)
            Sticky = error;
    }

    /// <summary>Gives the misuses found so far, and forgets them; for tests that make some.</summary>
    public IReadOnlyList<VirtualFault> TakeFaults()
    {
        lock (Gate)
        {
            VirtualFault[] taken = [.. _faults];
            _faults.Clear();
            return taken;
        }
    }

    /// <summary>What is alive now, and was when its context went: a line each.</summary>
    public IReadOnlyList<string> Leaks()
    {
        lock (Gate)
            return
            [
                .. _leaks,
                .. LiveHandles().Select(h => $"{h.Value} x {h.Key}"),
                .. Memory.Live.Select(a => $"{a.Bytes} bytes of device memory at 0x{a.Address:x}"),
                .. Host.Live.Select(b =>
                    $"{b.Bytes} bytes of {(b.Registered ? "registered" : "pinned")} host memory at 0x{b.Address:x}"
                ),
                .. PrimaryHolds > 0
                    ? [$"{PrimaryHolds} x hold of the primary context"]
                    : Array.Empty<string>(),
                .. Captures.Select(c => $"stream capture {c.Id}, not ended"),
            ];
    }

    /// <summary>Runs what was put off, and throws if there was a misuse or anything is still alive.</summary>
    /// <exception cref="InvalidOperationException">There was, or is; the message lists it.</exception>
    public void AssertClean()
    {
        string[] found;
        lock (Gate)
        {
            Work.WaitAll();
            found = [.. _faults.Select(f => f.ToString()), .. Leaks().Select(l => "leaked: " + l)];
        }
        if (found.Length > 0)
            throw new InvalidOperationException(
                $"The virtual GPU (seed {Options.Seed}) found:\n  " + string.Join("\n  ", found)
            );
    }

    public void Dispose()
    {
        lock (Gate)
        {
            if (Disposed)
                return;
            Disposed = true;
            Memory.Dispose();
            foreach (ExternalMemory memory in ExternalMemories.Objects)
                memory.Dispose();
            foreach (ExternalSemaphore semaphore in ExternalSemaphores.Objects)
                semaphore.Dispose();
            Host.Dispose();
            Frontier.Dispose();
            Interlocked.CompareExchange(ref s_current, null, this);
        }
        _stack.Dispose();
        _captureMode.Dispose();
    }

    private sealed record Refusal(int Status, int After, int Times);
}
