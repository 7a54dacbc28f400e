using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A pool that stream-ordered allocations come from.</summary>
internal sealed class VirtualPool(bool isDefault, long maximum, int ordinal)
{
    /// <summary>The number of its device.</summary>
    public int Ordinal => ordinal;

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

    public long UsedHigh { get; private set; }

    /// <summary>Bytes that it holds, used or not.</summary>
    public long Reserved { get; private set; }

    public long ReservedHigh { get; private set; }

    /// <summary>Whether an attribute is an int, and not 64 bits.</summary>
    public static bool IsInt(CUmemPool_attribute attribute) =>
        attribute
            is CUmemPool_attribute.CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES
                or CUmemPool_attribute.CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC
                or CUmemPool_attribute.CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES;

    /// <summary>An attribute's value; null for one that there is not.</summary>
    public ulong? Get(CUmemPool_attribute attribute) =>
        attribute switch
        {
            CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT => (ulong)Reserved,
            CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH => (ulong)ReservedHigh,
            CUmemPool_attribute.CU_MEMPOOL_ATTR_USED_MEM_CURRENT => (ulong)Used,
            CUmemPool_attribute.CU_MEMPOOL_ATTR_USED_MEM_HIGH => (ulong)UsedHigh,
            _ => Settings.TryGetValue(attribute, out ulong value) ? value : null,
        };

    /// <summary>Sets an attribute; false for one that cannot be set so.</summary>
    public bool Set(CUmemPool_attribute attribute, ulong value)
    {
        if (Settings.ContainsKey(attribute))
            Settings[attribute] = value;
        else if (attribute == CUmemPool_attribute.CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH && value == 0)
            ReservedHigh = Reserved;
        else if (attribute == CUmemPool_attribute.CU_MEMPOOL_ATTR_USED_MEM_HIGH && value == 0)
            UsedHigh = Used;
        else
            return false;
        return true;
    }

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
