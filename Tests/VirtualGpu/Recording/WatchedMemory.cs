using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Recording;

/// <summary>
/// Memory of a launch that remembers how each allocation was when the launch first came to it, and what of it was touched.
/// </summary>
/// <param name="memory">The memory itself.</param>
internal sealed unsafe class WatchedMemory(IPtxMemory memory) : IPtxMemory, IPtxWatch
{
    private readonly List<WatchedRegion> _regions = [];
    private readonly SortedSet<int> _sites = [];
    private WatchedRegion? _last;

    /// <summary>The allocations that were touched, by address.</summary>
    public IReadOnlyList<WatchedRegion> Regions => _regions;

    /// <summary>The instructions that were executed and access global memory.</summary>
    public IReadOnlyCollection<int> Sites => _sites;

    /// <summary>Memory that is no allocation of the device was touched, which cannot be recorded.</summary>
    public bool TouchedHost { get; private set; }

    public bool TryFind(
        ulong address,
        int bytes,
        out PtxRegion region,
        out PtxFaultKind kind,
        out string detail
    )
    {
        if (!memory.TryFind(address, bytes, out region, out kind, out detail))
            return false;
        Remember(region, address);
        return true;
    }

    /// <summary>The allocation that an address lies in or points behind; null where there is none.</summary>
    public WatchedRegion? Find(ulong address)
    {
        if (address == 0)
            return null;
        if (memory.TryFind(address, 1, out PtxRegion region, out _, out _))
            return Remember(region, address);
        // Behind the last byte, as of what has no elements.
        return memory.TryFind(address - 1, 1, out region, out _, out _)
            ? Remember(region, address - 1)
            : null;
    }

    public void Touch(ulong address, int bytes, int site, PtxAccess access)
    {
        _sites.Add(site);
        WatchedRegion? region = _last is { } last && last.Holds(address) ? last : At(address);
        if (region is null)
        {
            TouchedHost = true;
            return;
        }
        _last = region;
        region.Touch((long)(address - region.Address), bytes, access);
    }

    private WatchedRegion? Remember(PtxRegion region, ulong address)
    {
        // Pinned memory of the host comes access by access.
        if (region.Initialised == null)
        {
            TouchedHost = true;
            return null;
        }
        if (At(address) is { } known)
            return known;
        var added = new WatchedRegion(region);
        int index = _regions.FindIndex(r => r.Address > region.Address);
        _regions.Insert(index < 0 ? _regions.Count : index, added);
        return added;
    }

    private WatchedRegion? At(ulong address)
    {
        foreach (WatchedRegion region in _regions)
        {
            if (region.Holds(address))
                return region;
        }
        return null;
    }
}

/// <summary>An allocation as it was before the launch, and what the launch touched of it.</summary>
internal sealed unsafe class WatchedRegion
{
    private readonly uint[] _before;
    private readonly ulong[] _initialised;
    private readonly ulong[] _read;
    private readonly WordKind?[] _written;

    public WatchedRegion(PtxRegion region)
    {
        Address = region.Address;
        Bytes = region.Bytes;
        int words = checked((int)((Bytes + 3) / 4));
        _before = new uint[words];
        fixed (uint* to = _before)
            Buffer.MemoryCopy(region.Data, to, 4L * words, Bytes);
        _initialised = new ReadOnlySpan<ulong>(region.Initialised, (words + 63) / 64).ToArray();
        _read = new ulong[_initialised.Length];
        _written = new WordKind?[words];
    }

    public ulong Address { get; }

    public long Bytes { get; }

    public int Words => _before.Length;

    /// <summary>The first and the last word touched; none where the first is behind the last.</summary>
    public (int First, int Last) Touched { get; private set; } = (int.MaxValue, -1);

    /// <summary>First words of what was read as 8 bytes that may be an address.</summary>
    public SortedSet<int> Wide { get; } = [];

    public bool Holds(ulong address) => address - Address < (ulong)Bytes;

    /// <summary>What the word was before the launch, where the launch read it and it had been written.</summary>
    public uint? Before(int word) =>
        Bit(_read, word) && Bit(_initialised, word) ? _before[word] : null;

    /// <summary>What the launch wrote the word as; null where it did not.</summary>
    public WordKind? Written(int word) => _written[word];

    public void Touch(long offset, int bytes, PtxAccess access)
    {
        int first = (int)(offset / 4);
        int last = (int)((offset + bytes - 1) / 4);
        Touched = (Math.Min(Touched.First, first), Math.Max(Touched.Last, last));
        // Of a word that is written in part the rest stays.
        bool reads = access.Reads || access.Atomic != PtxAtomic.None || bytes < 4;
        bool writes = access.Writes || access.Atomic != PtxAtomic.None;
        if (reads && bytes == 8 && !access.Type.IsFloat() && access.Type.Bytes() == 8)
            Wide.Add(first);
        WordKind kind = access.Type switch
        {
            PtxType.F32 => WordKind.Single,
            PtxType.F64 => WordKind.Double,
            _ => WordKind.Bits,
        };
        for (int word = first; word <= last; word++)
        {
            if (reads)
                _read[word >> 6] |= 1UL << (word & 63);
            if (writes)
                _written[word] = kind;
        }
    }

    private static bool Bit(ulong[] bits, int word) => (bits[word >> 6] >> (word & 63) & 1) != 0;
}
