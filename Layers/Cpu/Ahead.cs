namespace Sequor.Layers.Cpu;

/// <summary>
/// Memory that is fetched into the second-level cache while a product runs, for what comes after it. The product's inner loop asks for a
/// few bytes at each step of depth, so that its multiplications hide what memory takes: asked for all at once, more lines would be on
/// their way than a core can wait for.
/// </summary>
internal unsafe struct Ahead
{
    private const int Most = 4;
    private const int Line = 64;

    private fixed ulong _from[Most];
    private fixed long _bytes[Most];
    private int _count;
    private int _current;
    private long _done;

    /// <summary>The bytes of each step of depth.</summary>
    public nint Step { get; private set; }

    /// <summary>Adds an array that follows those before it, at most four in all.</summary>
    public void Add(float* data, long count)
    {
        ArgumentOutOfRangeException.ThrowIfEqual(_count, Most);
        _from[_count] = (ulong)data;
        _bytes[_count++] = count * sizeof(float);
    }

    /// <summary>Spreads what was added over a product of so many steps of depth, at most a line of the cache each.</summary>
    public void Spread(long steps)
    {
        long bytes = 0;
        for (int i = 0; i < _count; i++)
            bytes += _bytes[i];
        Step = steps == 0 ? 0 : (nint)Math.Min(Line, (bytes + steps - 1) / steps);
    }

    /// <summary>What the next steps of depth fetch: where it begins.</summary>
    public byte* Next(long steps)
    {
        // Behind the last one are a few bytes that nobody needs; to fetch them faults nowhere.
        while (_current < _count - 1 && _done >= _bytes[_current])
            (_current, _done) = (_current + 1, 0);
        byte* next = (byte*)_from[_current] + _done;
        _done += steps * Step;
        return next;
    }
}
