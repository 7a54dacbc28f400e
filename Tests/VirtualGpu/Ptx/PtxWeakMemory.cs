namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// A block's view of global memory. Its stores wait in a buffer, from where they reach memory in any order, and its
/// weak loads may find again what they found before, until a fence, a release or an acquire. Threads of a block
/// share it, so a barrier is all they need among themselves. A strong store of 64 bits reaches memory as a whole, as do those
/// of a vector each (PTX ISA, Memory Consistency Model: single-copy atomicity is of scalars); a weak one may do so by halves.
/// </summary>
internal sealed unsafe class PtxWeakMemory(bool enabled, PtxRandom random)
{
    private const int Slots = 64;

    // Each word has one slot that it can wait in; 0 is no address of a word.
    private readonly ulong[] _keys = new ulong[Slots];
    private readonly uint[] _values = new uint[Slots];
    private readonly nint[] _targets = new nint[Slots];
    private readonly nint[] _bits = new nint[Slots];
    private readonly int[] _shifts = new int[Slots];

    // The slot of the other half of a store of 64 bits, or the slot itself.
    private readonly int[] _halves = [.. Enumerable.Range(0, Slots)];
    private readonly ulong[] _staleKeys = new ulong[Slots];
    private readonly uint[] _staleValues = new uint[Slots];
    private int _waiting;
    private int _stale;
    private uint _turn;

    public bool Enabled => enabled;

    public bool Empty => _waiting == 0;

    public void Fence()
    {
        Flush();
        Acquire();
    }

    /// <summary>Forgets what was loaded before.</summary>
    public void Acquire()
    {
        if (_stale == 0)
            return;
        Array.Clear(_staleKeys);
        _stale = 0;
    }

    /// <summary>All stores reach memory.</summary>
    public void Flush()
    {
        for (int slot = 0; _waiting > 0; slot++)
            if (_keys[slot] != 0)
                Drain(slot);
    }

    /// <summary>Perhaps some store reaches memory.</summary>
    public void Trickle()
    {
        if (_waiting == 0)
            return;
        ulong slots = random.Next();
        for (int i = 0; i < 4; i++, slots >>= 6)
            if (_keys[slots & (Slots - 1)] != 0)
                Drain((int)(slots & (Slots - 1)));
    }

    /// <summary>Words that are going to be changed in memory itself.</summary>
    public void Forget(ulong address, int bytes)
    {
        for (ulong word = address & ~3UL; word < address + (ulong)bytes; word += 4)
        {
            int slot = Slot(word);
            if (_keys[slot] == word)
                Drain(slot);
            if (_staleKeys[slot] == word)
                _staleKeys[slot] = 0;
        }
    }

    public void Store(byte* from, ulong address, PtxPlace place, PtxAccess access)
    {
        int bytes = access.Bytes;
        if (bytes < 4)
        {
            // Part of a word goes to memory at once.
            Forget(address, bytes);
            Buffer.MemoryCopy(from, place.Data, bytes, bytes);
            PtxGlobalMemory.MarkWritten(place, bytes);
            return;
        }
        for (int i = 0; i < bytes; i += 4)
        {
            ulong word = address + (ulong)i;
            int slot = Slot(word);
            if (_keys[slot] != word)
            {
                if (_keys[slot] != 0)
                    Drain(slot);
                _waiting++;
                _keys[slot] = word;
                _targets[slot] = (nint)(place.Data + i);
                ulong index = (place.Offset + (ulong)i) >> 2;
                _bits[slot] =
                    place.Initialised == null ? 0 : (nint)(place.Initialised + (index >> 6));
                _shifts[slot] = (int)(index & 63);
            }
            _values[slot] = *(uint*)(from + i);
            if (_staleKeys[slot] == word)
                _staleKeys[slot] = 0;
        }
        if (!access.Strong || access.Type.Bytes() < 8)
            return;
        // Neighbouring words never have one slot.
        for (int i = 0; i < bytes; i += 8)
        {
            int low = Slot(address + (ulong)i);
            int high = Slot(address + (ulong)i + 4);
            (_halves[low], _halves[high]) = (high, low);
        }
    }

    /// <summary>Where a thread of the block finds the bytes of a load.</summary>
    public byte* Load(PtxLane lane, ulong address, int site, PtxPlace place, PtxAccess access)
    {
        int bytes = access.Bytes;
        bool own = _waiting > 0 && Waits(address, bytes);
        bool weak = access.Order == PtxOrder.Weak && bytes >= 4;
        // Of each few loads one is remembered.
        bool remembers = weak && (++_turn & 7) == 0;
        if (!own)
        {
            PtxGlobalMemory.CheckWritten(lane, address, site, place, bytes);
            if (!weak || (_stale == 0 && !remembers))
                return place.Data;
        }
        byte* seen = (byte*)lane.Scratch;
        if (bytes < 4)
        {
            *(uint*)seen = _values[Slot(address & ~3UL)];
            return seen + (address & 3);
        }
        for (int i = 0; i < bytes; i += 4)
            *(uint*)(seen + i) = Word(lane, address, site, place, i, weak, remembers);
        return seen;
    }

    /// <summary>Starts another block's view.</summary>
    public void Clear()
    {
        Flush();
        Acquire();
    }

    private uint Word(
        PtxLane lane,
        ulong address,
        int site,
        PtxPlace place,
        int at,
        bool weak,
        bool remembers
    )
    {
        ulong word = address + (ulong)at;
        int slot = Slot(word);
        if (_keys[slot] == word)
            return _values[slot];
        if (weak && _staleKeys[slot] == word)
            return _staleValues[slot];
        ulong index = (place.Offset + (ulong)at) >> 2;
        if (
            place.Initialised != null
            && (place.Initialised[index >> 6] >> (int)(index & 63) & 1) == 0
        )
            throw PtxGlobalMemory.Unwritten(lane, address, site);
        uint value = *(uint*)(place.Data + at);
        if (remembers)
        {
            _stale++;
            _staleKeys[slot] = word;
            _staleValues[slot] = value;
        }
        return value;
    }

    private bool Waits(ulong address, int bytes)
    {
        for (ulong word = address & ~3UL; word < address + (ulong)bytes; word += 4)
            if (_keys[Slot(word)] == word)
                return true;
        return false;
    }

    private void Drain(int slot)
    {
        *(uint*)_targets[slot] = _values[slot];
        if (_bits[slot] != 0)
            *(ulong*)_bits[slot] |= 1UL << _shifts[slot];
        _keys[slot] = 0;
        _waiting--;
        int half = _halves[slot];
        if (half == slot)
            return;
        (_halves[slot], _halves[half]) = (slot, half);
        Drain(half);
    }

    private static int Slot(ulong word) => (int)((word * 0x9E37_79B9_7F4A_7C15) >> 58);
}
