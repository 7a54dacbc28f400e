namespace Sequor.Layers;

/// <summary>Counts every byte that a backend allocates for tensors, by category. The counts are exact; nothing is sampled.</summary>
public sealed class MemoryLedger
{
    private static readonly int Categories = Enum.GetValues<MemoryCategory>().Length;
    private readonly long[] _current = new long[Categories];
    private readonly long[] _atPeak = new long[Categories];
    private readonly Dictionary<(MemoryCategory Category, MemoryOwner Owner), long> _owned = [];

    /// <summary>The number of bytes that are allocated now.</summary>
    public long CurrentBytes { get; private set; }

    /// <summary>The largest number of bytes that were allocated at one time since the last <see cref="ResetPeak"/>.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>The number of allocations since the backend was created, which never decreases.</summary>
    public long Allocations { get; private set; }

    /// <summary>The bytes of a category now.</summary>
    public long Current(MemoryCategory category) => _current[(int)category];

    /// <summary>The bytes of a category at the moment of the peak; all categories together sum to <see cref="PeakBytes"/>.</summary>
    public long AtPeak(MemoryCategory category) => _atPeak[(int)category];

    /// <summary>Makes the peak begin anew from what is allocated now.</summary>
    public void ResetPeak()
    {
        lock (_current)
        {
            PeakBytes = CurrentBytes;
            _current.CopyTo(_atPeak, 0);
        }
    }

    /// <summary>
    /// Does work whose memory does not count for the peak: what is taken and given back before what is measured begins.
    /// </summary>
    internal void Aside(Action work)
    {
        long peak;
        long[] atPeak;
        lock (_current)
            (peak, atPeak) = (PeakBytes, [.. _atPeak]);
        try
        {
            work();
        }
        finally
        {
            lock (_current)
            {
                PeakBytes = peak;
                atPeak.CopyTo(_atPeak, 0);
                NotePeak();
            }
        }
    }

    /// <summary>Adds bytes that the backend did not allocate itself.</summary>
    internal void AddFound(MemoryCategory category, long bytes)
    {
        lock (_current)
        {
            _current[(int)category] += bytes;
            CurrentBytes += bytes;
            NotePeak();
        }
    }

    /// <summary>Adds an allocation.</summary>
    /// <param name="category">Its category.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="owner">Whom it is for; null for the backend itself, or a caller.</param>
    internal void Add(MemoryCategory category, long bytes, MemoryOwner? owner)
    {
        lock (_current)
        {
            Allocations++;
            if (owner is not null)
                _owned[(category, owner)] = _owned.GetValueOrDefault((category, owner)) + bytes;
            _current[(int)category] += bytes;
            CurrentBytes += bytes;
            NotePeak();
        }
    }

    internal void Remove(MemoryCategory category, long bytes, MemoryOwner? owner = null)
    {
        lock (_current)
        {
            if (owner is not null && (_owned[(category, owner)] -= bytes) == 0)
                _owned.Remove((category, owner));
            _current[(int)category] -= bytes;
            CurrentBytes -= bytes;
        }
    }

    /// <summary>
    /// What is allocated now, by category and owner. All of a category add up to <see cref="Current"/>; the owner is null for what
    /// nobody is known to own.
    /// </summary>
    internal IReadOnlyList<(MemoryCategory Category, MemoryOwner? Owner, long Bytes)> Owned()
    {
        lock (_current)
        {
            var all = new List<(MemoryCategory, MemoryOwner?, long)>();
            long[] rest = [.. _current];
            foreach (((MemoryCategory category, MemoryOwner owner), long bytes) in _owned)
            {
                all.Add((category, owner, bytes));
                rest[(int)category] -= bytes;
            }
            for (int i = 0; i < rest.Length; i++)
            {
                if (rest[i] != 0)
                    all.Add(((MemoryCategory)i, null, rest[i]));
            }
            return all;
        }
    }

    private void NotePeak()
    {
        if (CurrentBytes <= PeakBytes)
            return;
        PeakBytes = CurrentBytes;
        _current.CopyTo(_atPeak, 0);
    }
}
