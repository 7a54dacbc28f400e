namespace Sequor.Layers;

/// <summary>Counts every byte that a backend allocates for tensors, by category. Exact: nothing is sampled.</summary>
public sealed class MemoryLedger
{
    private static readonly int Categories = Enum.GetValues<MemoryCategory>().Length;
    private readonly long[] _current = new long[Categories];
    private readonly long[] _atPeak = new long[Categories];

    /// <summary>Bytes allocated now.</summary>
    public long CurrentBytes { get; private set; }

    /// <summary>The most bytes that were allocated at one time since the last <see cref="ResetPeak"/>.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>Allocations made since the backend was created; never decreases.</summary>
    public long Allocations { get; private set; }

    /// <summary>Bytes of a category now.</summary>
    public long Current(MemoryCategory category) => _current[(int)category];

    /// <summary>Bytes of a category at the moment of the peak: they sum to <see cref="PeakBytes"/>.</summary>
    public long AtPeak(MemoryCategory category) => _atPeak[(int)category];

    /// <summary>Lets the peak begin anew from what is allocated now.</summary>
    public void ResetPeak()
    {
        lock (_current)
        {
            PeakBytes = CurrentBytes;
            _current.CopyTo(_atPeak, 0);
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

    internal void Add(MemoryCategory category, long bytes)
    {
        lock (_current)
        {
            Allocations++;
            _current[(int)category] += bytes;
            CurrentBytes += bytes;
            NotePeak();
        }
    }

    internal void Remove(MemoryCategory category, long bytes)
    {
        lock (_current)
        {
            _current[(int)category] -= bytes;
            CurrentBytes -= bytes;
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
