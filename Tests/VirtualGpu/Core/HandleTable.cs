namespace Sequor.VirtualGpu;

/// <summary>What the device asks of its tables of handles.</summary>
internal interface IHandleTable
{
    /// <summary>What messages call the objects: "stream".</summary>
    string Kind { get; }

    /// <summary>Whether one that is alive at the end is a leak.</summary>
    bool Owned { get; }

    int Count { get; }

    /// <summary>Forgets the objects that a context takes with it; how many were alive.</summary>
    int DropContext(VirtualContext context);
}

/// <summary>An object that goes with its context.</summary>
internal interface IContextObject
{
    VirtualContext Context { get; }
}

/// <summary>Numbers handles so that no two of a process are the same, over all kinds and devices.</summary>
internal static class HandleNumbers
{
    // No address that a processor can have, so that reading through a handle stops the program.
    private const long Base = 0x0E00_0000_0000_0000;

    private static long s_last = Base;

    public static nint Next() => (nint)Interlocked.Add(ref s_last, 64);

    public static bool IsHandle(nint value) => value > Base && value <= Volatile.Read(ref s_last);

    public static nint Last => (nint)Volatile.Read(ref s_last);
}

/// <summary>The handles of one kind of object. Handles are never used again.</summary>
internal sealed class HandleTable<T> : IHandleTable
    where T : class
{
    private readonly VirtualDevice _device;
    private readonly Dictionary<nint, T> _objects = [];
    private readonly HashSet<nint> _destroyed = [];
    private readonly HashSet<nint> _exempt = [];

    internal HandleTable(VirtualDevice device, string kind, bool owned)
    {
        _device = device;
        Kind = kind;
        Owned = owned;
    }

    public string Kind { get; }

    public bool Owned { get; }

    public int Count => _objects.Count - _exempt.Count;

    public IEnumerable<T> Objects => _objects.Values;

    public nint Add(T value)
    {
        nint handle = HandleNumbers.Next();
        _objects.Add(handle, value);
        return handle;
    }

    /// <summary>Adds an object that the driver owns, and no one has to destroy.</summary>
    public nint AddExempt(T value)
    {
        nint handle = Add(value);
        _exempt.Add(handle);
        return handle;
    }

    /// <summary>The object; null, and a fault recorded, where there is none.</summary>
    public T? Find(nint handle, string call, string argument)
    {
        if (_objects.TryGetValue(handle, out T? value))
            return value;
        // A finalizer may come late with a handle of a device that is gone; that is not this device's fault.
        if (HandleNumbers.IsHandle(handle) && handle <= _device.FirstHandle)
            return null;
        bool destroyed = _destroyed.Contains(handle);
        _device.Record(
            destroyed ? FaultKind.DestroyedHandle : FaultKind.BadHandle,
            call,
            argument,
            handle,
            destroyed ? $"this {Kind} is destroyed" : $"this is no {Kind}"
        );
        return null;
    }

    /// <summary>Whether this is a live handle; records nothing.</summary>
    public bool Contains(nint handle) => _objects.ContainsKey(handle);

    /// <summary>Takes an object out; null, and a fault recorded, where there is none.</summary>
    public T? Remove(nint handle, string call, string argument)
    {
        T? value = Find(handle, call, argument);
        if (value is not null)
            Forget(handle);
        return value;
    }

    public int DropContext(VirtualContext context)
    {
        nint[] gone =
        [
            .. _objects
                .Where(o => o.Value is IContextObject c && c.Context == context)
                .Select(o => o.Key),
        ];
        foreach (nint handle in gone)
            Forget(handle);
        return gone.Length;
    }

    private void Forget(nint handle)
    {
        _objects.Remove(handle);
        _exempt.Remove(handle);
        _destroyed.Add(handle);
    }
}
