namespace Sequor.Interop;

/// <summary>
/// Counts bytes of device memory by category. Every allocation and every release is counted, so the numbers are exact. May be
/// read from any thread.
/// </summary>
public sealed class DeviceMemoryLedger
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = [];
    private long _current;
    private long _peak;
    private long _allocations;

    internal DeviceMemoryLedger() { }

    /// <summary>The bytes that are allocated now.</summary>
    public long CurrentBytes
    {
        get
        {
            lock (_lock)
                return _current;
        }
    }

    /// <summary>The most bytes that were allocated at one time since the last <see cref="ResetPeak"/>.</summary>
    public long PeakBytes
    {
        get
        {
            lock (_lock)
                return _peak;
        }
    }

    /// <summary>The number of allocations so far, which never decreases.</summary>
    public long Allocations
    {
        get
        {
            lock (_lock)
                return _allocations;
        }
    }

    /// <summary>The categories that have been used so far.</summary>
    public IReadOnlyList<string> Categories
    {
        get
        {
            lock (_lock)
                return [.. _entries.Keys.Order(StringComparer.Ordinal)];
        }
    }

    /// <summary>The bytes of a category now.</summary>
    public long Current(string category)
    {
        lock (_lock)
            return _entries.GetValueOrDefault(category)?.Current ?? 0;
    }

    /// <summary>The bytes of a category at the moment of the peak; all categories together sum to <see cref="PeakBytes"/>.</summary>
    public long AtPeak(string category)
    {
        lock (_lock)
            return _entries.GetValueOrDefault(category)?.AtPeak ?? 0;
    }

    /// <summary>Sets the peak to the bytes that are allocated now.</summary>
    public void ResetPeak()
    {
        lock (_lock)
            SetPeak();
    }

    /// <summary>The bytes that are allocated now, by category, in one line.</summary>
    public override string ToString()
    {
        lock (_lock)
            return string.Join(
                ", ",
                _entries
                    .Where(e => e.Value.Current > 0)
                    .OrderBy(e => e.Key, StringComparer.Ordinal)
                    .Select(e => $"{e.Key} {e.Value.Current}")
            );
    }

    internal void Add(string category, long bytes)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(category, out Entry? entry))
                _entries.Add(category, entry = new());
            entry.Current += bytes;
            _current += bytes;
            _allocations++;
            if (_current > _peak)
                SetPeak();
        }
    }

    internal void Remove(string category, long bytes)
    {
        lock (_lock)
        {
            _entries[category].Current -= bytes;
            _current -= bytes;
        }
    }

    private void SetPeak()
    {
        _peak = _current;
        foreach (Entry entry in _entries.Values)
            entry.AtPeak = entry.Current;
    }

    private sealed class Entry
    {
        public long Current { get; set; }
        public long AtPeak { get; set; }
    }
}
