namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// Counts what a launch's warps ask of memory: requests, sectors and bank conflicts. A request is what one instruction asks for
/// the lanes of a warp together. Lanes run on their own here, so those that hardware would serve together are found again by
/// counting: the same instruction, the same time around.
/// </summary>
internal sealed class PtxTraffic
{
    private readonly int[] _slots;

    public PtxTraffic(PtxCode code)
    {
        _slots = new int[code.Accesses.Length];
        foreach ((int site, PtxAccess? access) in code.Accesses.Index())
            _slots[site] = access
                is { Space: PtxSpace.Global or PtxSpace.Shared or PtxSpace.Generic }
                ? Slots++
                : -1;
    }

    /// <summary>Instructions that go to global or shared memory.</summary>
    public int Slots { get; }

    /// <summary>Of global memory.</summary>
    public long Requests { get; private set; }

    /// <summary>Of 32 bytes, counted in each request that touches them.</summary>
    public long Sectors { get; private set; }

    public long SharedRequests { get; private set; }

    /// <summary>Times that a request of shared memory has to be served more often than its width alone demands.</summary>
    public long BankConflicts { get; private set; }

    /// <summary>Sectors of global memory of which anything was read, or written.</summary>
    public PtxTouched Read { get; } = new();

    /// <inheritdoc cref="Read"/>
    public PtxTouched Written { get; } = new();

    /// <summary>The place of an instruction among those counted; -1 for one that is not.</summary>
    public int SlotOf(int site) => _slots[site];

    /// <summary>Counts a request of global memory.</summary>
    /// <param name="access">What its instruction does.</param>
    /// <param name="addresses">Of each lane; an access lies in one sector, since it is aligned to its size.</param>
    /// <param name="lanes">A bit for each lane that takes part.</param>
    public void CountGlobal(PtxAccess access, ReadOnlySpan<ulong> addresses, uint lanes)
    {
        Requests++;
        Span<ulong> seen = stackalloc ulong[32];
        int count = 0;
        foreach (int lane in PtxWarp.Lanes(lanes))
        {
            ulong sector = addresses[lane] / PtxTouched.SectorBytes;
            if (seen[..count].LastIndexOf(sector) < 0)
                seen[count++] = sector;
        }
        Sectors += count;
        foreach (ulong sector in seen[..count])
        {
            if (access.Reads || access.Atomic != PtxAtomic.None || access.Asynchronous)
                Read.Add(sector);
            if (access.Writes || access.Atomic != PtxAtomic.None)
                Written.Add(sector);
        }
    }

    /// <summary>
    /// Counts a request of shared memory, which has 32 banks of 4 bytes. Lanes that read one word are served together; 8 bytes a
    /// lane are served by half warps, 16 by quarters; atomic operations one after another wherever they meet.
    /// </summary>
    /// <inheritdoc cref="CountGlobal"/>
    public void CountShared(PtxAccess access, ReadOnlySpan<ulong> addresses, uint lanes)
    {
        SharedRequests++;
        int words = Math.Max(1, access.Bytes / 4);
        int together = 32 / words;
        Span<ulong> seen = stackalloc ulong[32];
        Span<int> banks = stackalloc int[32];
        for (int first = 0; first < 32; first += together)
        {
            uint group = lanes & (uint)(((1UL << together) - 1) << first);
            if (group == 0)
                continue;
            banks.Clear();
            int count = 0;
            foreach (int lane in PtxWarp.Lanes(group))
                for (int i = 0; i < words; i++)
                {
                    ulong word = addresses[lane] / 4 + (ulong)i;
                    if (access.Atomic == PtxAtomic.None && seen[..count].Contains(word))
                        continue;
                    seen[count++] = word;
                    banks[(int)(word % 32)]++;
                }
            int most = 0;
            foreach (int times in banks)
                most = Math.Max(most, times);
            BankConflicts += most - 1;
        }
    }
}

/// <summary>A set of sectors of 32 bytes.</summary>
internal sealed class PtxTouched
{
    public const ulong SectorBytes = 32;

    private const int PageBits = 10;

    private readonly Dictionary<ulong, ulong[]> _pages = [];
    private ulong _last = ulong.MaxValue;
    private ulong[] _page = [];

    /// <summary>Bytes of all sectors in it.</summary>
    public long Bytes { get; private set; }

    public void Add(ulong sector)
    {
        if (sector >> PageBits != _last)
        {
            _last = sector >> PageBits;
            if (!_pages.TryGetValue(_last, out ulong[]? page))
                _pages.Add(_last, page = new ulong[(1 << PageBits) / 64]);
            _page = page;
        }
        ref ulong bits = ref _page[sector % (1 << PageBits) / 64];
        ulong bit = 1UL << (int)(sector % 64);
        if ((bits & bit) != 0)
            return;
        bits |= bit;
        Bytes += (long)SectorBytes;
    }
}

/// <summary>The requests of a running block that lanes have yet to join.</summary>
internal sealed class PtxBlockTraffic(PtxTraffic all, PtxExecution execution, int threads)
{
    private readonly int[] _times = new int[threads * all.Slots * 2];
    private readonly Open?[] _open = new Open?[(threads + 31) / 32 * all.Slots * 2];

    /// <summary>A lane goes to global memory.</summary>
    public void Global(PtxLane lane, ulong address, int site) => Add(lane, address, site, 0);

    /// <summary>A lane goes to shared memory.</summary>
    public void Shared(PtxLane lane, ulong address, int site) => Add(lane, address, site, 1);

    /// <summary>A warp goes to shared memory by one instruction, with the address of each lane of a mask.</summary>
    public void SharedTogether(int site, ReadOnlySpan<ulong> addresses, uint lanes) =>
        all.CountShared(execution.Code.Accesses[site]!, addresses, lanes);

    /// <summary>The block has ended: what lanes have not joined they never will.</summary>
    public void End()
    {
        foreach (Open? open in _open)
            open?.Count(all, 0);
        Array.Clear(_times);
    }

    // A copy from global to shared memory is a request of both.
    private void Add(PtxLane lane, ulong address, int site, int shared)
    {
        int slot = all.SlotOf(site);
        if (slot < 0)
            return;
        slot = slot * 2 + shared;
        int time = _times[lane.Thread * all.Slots * 2 + slot]++;
        ref Open? open = ref _open[lane.WarpId * all.Slots * 2 + slot];
        open ??= new Open(execution.Code.Accesses[site]!, shared == 1);
        open.Join(time, lane.LaneId, address);
        int lanes = Math.Min(32, threads - 32 * lane.WarpId);
        open.Count(all, (uint)((1UL << lanes) - 1), whole: true);
    }

    /// <summary>The requests of one instruction and warp, from the first that is not whole.</summary>
    private sealed class Open(PtxAccess access, bool shared)
    {
        private readonly Queue<Request> _spare = new();
        private readonly List<Request> _requests = [];
        private int _head;
        private int _first;

        public void Join(int time, int lane, ulong address)
        {
            int at = _head + time - _first;
            while (_requests.Count <= at)
                _requests.Add(_spare.TryDequeue(out Request? spare) ? spare : new Request());
            _requests[at].Addresses[lane] = address;
            _requests[at].Lanes |= 1u << lane;
        }

        /// <summary>Counts the requests that all lanes have joined, or all there are.</summary>
        public void Count(PtxTraffic all, uint lanes, bool whole = false)
        {
            while (_head < _requests.Count && (!whole || _requests[_head].Lanes == lanes))
            {
                Request request = _requests[_head++];
                _first++;
                if (shared)
                    all.CountShared(access, request.Addresses, request.Lanes);
                else
                    all.CountGlobal(access, request.Addresses, request.Lanes);
                request.Lanes = 0;
                _spare.Enqueue(request);
            }
            if (_head == _requests.Count || _head > 256)
            {
                _requests.RemoveRange(0, _head);
                _head = 0;
            }
            if (!whole)
                _first = 0;
        }
    }

    private sealed class Request
    {
        public ulong[] Addresses { get; } = new ulong[32];

        public uint Lanes { get; set; }
    }
}
