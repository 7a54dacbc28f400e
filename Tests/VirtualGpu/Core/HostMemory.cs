using System.Runtime.InteropServices;

namespace Sequor.VirtualGpu;

/// <summary>Pinned host memory: allocated, or the caller's own that is registered.</summary>
internal sealed class HostBlock(nint address, long bytes, uint flags, bool registered)
{
    public nint Address => address;

    public long Bytes => bytes;

    public uint Flags => flags;

    public bool Registered => registered;

    public bool Released { get; set; }
}

/// <summary>Which host memory is pinned.</summary>
internal sealed unsafe class HostMemory(VirtualDevice device) : IDisposable
{
    private readonly List<HostBlock> _blocks = [];
    private readonly List<HostBlock> _freed = [];

    public IReadOnlyList<HostBlock> Live => _blocks;

    public HostBlock? At(nint address) =>
        _blocks.Find(b => address >= b.Address && address - b.Address < b.Bytes);

    /// <summary>A block that a range shares bytes with, a registered one if there is one; null if there is none.</summary>
    public HostBlock? Overlaps(nint address, long bytes) =>
        _blocks
            .Where(b => address < b.Address + (nint)b.Bytes && b.Address < address + (nint)bytes)
            .OrderByDescending(b => b.Registered)
            .FirstOrDefault();

    public bool WasFreed(nint address) => _freed.Exists(b => b.Address == address);

    public HostBlock Allocate(long bytes, uint flags)
    {
        // Whole pages, as pinned memory is.
        nint address = (nint)NativeMemory.AlignedAlloc((nuint)bytes, 4096);
        NativeMemory.Fill((void*)address, (nuint)bytes, 0xFF);
        device.Counts.HostAllocations++;
        device.Counts.HostLiveBytes += bytes;
        var block = new HostBlock(address, bytes, flags, registered: false);
        _blocks.Add(block);
        return block;
    }

    public void Register(nint address, long bytes, uint flags) =>
        _blocks.Add(new HostBlock(address, bytes, flags, registered: true));

    /// <summary>Gives a block back. Its pages stay till the end, so that late work finds them and is found out.</summary>
    public void Release(HostBlock block)
    {
        block.Released = true;
        _blocks.Remove(block);
        if (block.Registered)
            return;
        _freed.Add(block);
        device.Counts.HostLiveBytes -= block.Bytes;
    }

    public void Dispose()
    {
        foreach (HostBlock block in _blocks.Concat(_freed).Where(b => !b.Registered))
            NativeMemory.AlignedFree((void*)block.Address);
        _blocks.Clear();
        _freed.Clear();
    }
}
