using System.Numerics;
using System.Runtime.InteropServices;

namespace Sequor.VirtualGpu;

/// <summary>A bit for each 4 bytes of an allocation: whether they were written.</summary>
internal sealed unsafe class InitialisedWords : IDisposable
{
    // 64 words a block; native, so that the system gives pages when they are used.
    private ulong* _blocks;

    public InitialisedWords(long bytes)
    {
        Count = (bytes + 3) / 4;
        _blocks = (ulong*)NativeMemory.AllocZeroed((nuint)((Count + 63) / 64), sizeof(ulong));
    }

    /// <summary>Words.</summary>
    public long Count { get; }

    /// <summary>The bits themselves, 64 words a block.</summary>
    public ulong* Blocks => _blocks;

    public bool this[long word] => (_blocks[word >> 6] >> (int)(word & 63) & 1) != 0;

    /// <summary>Sets or clears words.</summary>
    public void Fill(long start, long count, bool value)
    {
        for (long end = start + count; start < end; )
        {
            long next = Math.Min(end, (start | 63) + 1);
            ulong mask = Mask(start, next);
            if (value)
                _blocks[start >> 6] |= mask;
            else
                _blocks[start >> 6] &= ~mask;
            start = next;
        }
    }

    /// <summary>The first word that was not written, or -1.</summary>
    public long FirstClear(long start, long count)
    {
        for (long end = start + count; start < end; )
        {
            long next = Math.Min(end, (start | 63) + 1);
            ulong clear = ~_blocks[start >> 6] & Mask(start, next);
            if (clear != 0)
                return (start & ~63L) + BitOperations.TrailingZeroCount(clear);
            start = next;
        }
        return -1;
    }

    /// <summary>Takes the bits of other words over.</summary>
    public void Copy(InitialisedWords from, long fromStart, long start, long count)
    {
        if (from.FirstClear(fromStart, count) < 0)
        {
            Fill(start, count, true);
            return;
        }
        bool backwards = from == this && fromStart < start;
        for (long i = 0; i < count; i++)
        {
            long at = backwards ? count - 1 - i : i;
            Fill(start + at, 1, from[fromStart + at]);
        }
    }

    public void Dispose()
    {
        NativeMemory.Free(_blocks);
        _blocks = null;
    }

    /// <summary>The bits of words from start to end, which lie in one block.</summary>
    private static ulong Mask(long start, long end)
    {
        int count = (int)(end - start);
        ulong ones = count == 64 ? ulong.MaxValue : (1UL << count) - 1;
        return ones << (int)(start & 63);
    }
}
