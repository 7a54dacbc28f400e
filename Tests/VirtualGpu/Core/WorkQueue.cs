using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A piece of work in a stream.</summary>
internal sealed class WorkItem(string name, VirtualContext context, Action? run)
{
    private readonly List<WorkItem> _after = [];

    public string Name => name;

    public VirtualContext Context => context;

    public Action? Run => run;

    /// <summary>Whether it may begin, where that hangs on something outside the device; null for at once.</summary>
    public Func<bool>? Until { get; init; }

    /// <summary>It came with the launch of a graph.</summary>
    public bool IsReplayed { get; init; }

    public bool Done { get; private set; }

    /// <summary>How many items it still waits for.</summary>
    public int Blockers { get; private set; }

    /// <summary>What waits for it.</summary>
    public List<WorkItem> Next { get; } = [];

    /// <summary>What it was to wait for.</summary>
    public IReadOnlyList<WorkItem> After => _after;

    public void Follow(WorkItem? before)
    {
        if (before is null or { Done: true })
            return;
        _after.Add(before);
        before.Next.Add(this);
        Blockers++;
    }

    /// <summary>Marks it done; gives what is ready now.</summary>
    public IEnumerable<WorkItem> Finish()
    {
        Done = true;
        _after.Clear();
        List<WorkItem> ready = [];
        foreach (WorkItem next in Next)
        {
            next.Blockers--;
            if (next.Blockers == 0)
                ready.Add(next);
        }
        Next.Clear();
        return ready;
    }
}

/// <summary>
/// Work that was put off. It runs when the host waits, or by chance before, in an order that streams and events
/// allow and the seed draws.
/// </summary>
internal sealed class WorkQueue(VirtualDevice device)
{
    private readonly List<WorkItem> _ready = [];
    private WorkItem? _running;
    private long _read;
    private double? _takes;
    private long _written;

    /// <summary>The context whose work runs now.</summary>
    public VirtualContext? RunningContext => _running?.Context;

    /// <summary>The device's time, in nanoseconds.</summary>
    public long Time { get; private set; }

    /// <summary>How long a wait for what is outside the device may last, milliseconds.</summary>
    public int Patience { get; set; } = 10_000;

    /// <summary>Items that are put off.</summary>
    public int Pending { get; private set; }

    /// <summary>Names of what ran, in the order in which it did.</summary>
    public List<string>? Log { get; set; }

    /// <summary>Adds an item whose predecessors are set.</summary>
    public void Add(WorkItem item)
    {
        Pending++;
        if (item.Blockers == 0)
            _ready.Add(item);
    }

    /// <summary>Runs some work, or none, as a device would while the host goes on.</summary>
    public void Drift()
    {
        // Mostly nothing: late is where mistakes are found.
        if (device.Random.Next(4) != 0)
            return;
        for (int steps = device.Random.Next(4); steps > 0 && _ready.Count > 0; steps--)
            _ = TryRunOne(_ready);
    }

    /// <summary>Runs until an item is done. Other work is left as late as can be, or not, as the seed draws.</summary>
    public void Wait(WorkItem? target) => WaitEach([target]);

    /// <summary>As <see cref="Wait"/>, until all of some items are done; it counts as one wait.</summary>
    public void WaitEach(IEnumerable<WorkItem?> targets)
    {
        device.Counts.Waits++;
        foreach (WorkItem target in targets.OfType<WorkItem>())
            RunUntil(target);
    }

    private void RunUntil(WorkItem target)
    {
        bool lazy = device.Random.Next(2) == 0;
        while (!target.Done && _ready.Count > 0)
        {
            if (!TryRunOne(lazy ? Before(target) : _ready) && !TryRunOne(_ready))
                AwaitOutside();
        }
    }

    /// <summary>Runs one item that stands before another.</summary>
    public void Step(WorkItem target)
    {
        if (!target.Done)
            _ = TryRunOne(Before(target));
    }

    /// <summary>Runs everything.</summary>
    public void WaitAll()
    {
        device.Counts.Waits++;
        while (_ready.Count > 0)
        {
            if (!TryRunOne(_ready))
                AwaitOutside();
        }
    }

    /// <summary>Counts bytes that the running work touched.</summary>
    public void Touched(long read, long written)
    {
        _read += read;
        _written += written;
    }

    /// <summary>Says how long the running work takes, microseconds.</summary>
    public void Takes(double time) => _takes = time;

    /// <summary>Lets other threads and processes go on, one of which has to do what all work waits for.</summary>
    private void AwaitOutside()
    {
        long begun = Environment.TickCount64;
        // Another thread may have run all that was ready.
        while (!device.IsPoisoned && _ready.Count > 0 && !_ready.Exists(MayBegin))
        {
            if (Environment.TickCount64 - begun > Patience)
            {
                device.Record(
                    FaultKind.BadArgument,
                    _ready[0].Name,
                    "semaphore",
                    0,
                    $"nothing outside the device has ended this wait in {Patience} ms"
                );
                device.Poison(CUresult.CUDA_ERROR_LAUNCH_TIMEOUT);
                return;
            }
            // Gives the gate away meanwhile.
            Monitor.Wait(device.Gate, 1);
        }
    }

    private bool MayBegin(WorkItem item) => item.Until is null || device.IsPoisoned || item.Until();

    /// <summary>Runs one item; false if each waits for something outside the device.</summary>
    private bool TryRunOne(List<WorkItem> from)
    {
        if (from.Exists(i => i.Until is not null))
            from = from.FindAll(MayBegin);
        if (from.Count == 0)
            return false;
        WorkItem item = from[device.Random.Next(from.Count)];
        _ready.Remove(item);
        Pending--;
        // After a fault nothing runs any more; what waits must not wait for ever.
        if (item.Run is { } run && !device.IsPoisoned)
            Run(item, run);
        _ready.AddRange(item.Finish());
        return true;
    }

    private void Run(WorkItem item, Action run)
    {
        _running = item;
        (_read, _written, _takes) = (0, 0, null);
        try
        {
            if (device.Distorts(item))
                Distortion.Run(device.Memory, run);
            else
                run();
            Log?.Add(item.Name);
            device.Counts.Ran(item.Name, _read, _written);
            // What was said, or 1 microsecond, and 1 ns for 1000 bytes.
            Time += _takes is { } time
                ? (long)Math.Round(time * 1000)
                : 1000 + (_read + _written) / 1000;
        }
        catch (VirtualFaultException e)
        {
            device.Record(e.Fault);
            device.Poison(
                e.Fault.Kind == FaultKind.Misaligned
                    ? CUresult.CUDA_ERROR_MISALIGNED_ADDRESS
                    : CUresult.CUDA_ERROR_ILLEGAL_ADDRESS
            );
        }
#pragma warning disable CA1031 // whatever it was, it may not cross into native code
        catch (Exception e)
        {
            device.Record(FaultKind.Internal, item.Name, "", 0, e.ToString());
            device.Poison(CUresult.CUDA_ERROR_LAUNCH_FAILED);
        }
#pragma warning restore CA1031
        finally
        {
            _running = null;
        }
    }

    /// <summary>Ready items that an item waits for, or itself.</summary>
    private static List<WorkItem> Before(WorkItem target)
    {
        List<WorkItem> ready = [];
        HashSet<WorkItem> seen = [target];
        Stack<WorkItem> open = new([target]);
        while (open.TryPop(out WorkItem? item))
        {
            if (item.Blockers == 0)
                ready.Add(item);
            foreach (WorkItem before in item.After)
                if (!before.Done && seen.Add(before))
                    open.Push(before);
        }
        return ready;
    }
}
