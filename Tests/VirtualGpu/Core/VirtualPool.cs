using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A pool that stream-ordered allocations come from.</summary>
internal sealed class VirtualPool(bool isDefault, long maximum)
{
    public bool IsDefault => isDefault;

    /// <summary>The most that it may hold, bytes; 0 for no limit of its own.</summary>
    public long Maximum => maximum;

    public nint Handle { get; set; }

    public Dictionary<CUmemPool_attribute, ulong> Settings { get; } =
        new()
        {
            [CUmemPool_attribute.CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES] = 1,
            [CUmemPool_attribute.CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC] = 1,
            [CUmemPool_attribute.CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES] = 1,
            [CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD] = 0,
        };

    /// <summary>Bytes in use.</summary>
    public long Used { get; private set; }

    public long UsedHigh { get; set; }

    /// <summary>Bytes that it holds, used or not.</summary>
    public long Reserved { get; private set; }

    public long ReservedHigh { get; set; }

    /// <summary>Bytes by which taking so many would make it grow.</summary>
    public long Growth(long bytes) => Math.Max(0, Used + bytes - Reserved);

    public void Take(long bytes)
    {
        Reserved += Growth(bytes);
        Used += bytes;
        UsedHigh = Math.Max(UsedHigh, Used);
        ReservedHigh = Math.Max(ReservedHigh, Reserved);
    }

    public void Give(long bytes) => Used -= bytes;

    /// <summary>Gives what is not in use back to the system, down to a number of bytes.</summary>
    public void Trim(long keep) => Reserved = Math.Max(Used, Math.Min(Reserved, keep));
}
