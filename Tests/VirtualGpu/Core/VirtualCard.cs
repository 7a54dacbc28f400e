using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>What each device of the machine has for itself: its primary context, and the pools that its memory comes from.</summary>
internal sealed class VirtualCard
{
    public VirtualCard(VirtualDevice device, int ordinal)
    {
        Ordinal = ordinal;
        DefaultPool = Pool = new VirtualPool(isDefault: true, maximum: 0, ordinal);
        DefaultPool.Handle = device.Pools.AddExempt(DefaultPool);
    }

    /// <summary>Its number, from 0.</summary>
    public int Ordinal { get; }

    /// <summary>The pool that the device has by itself.</summary>
    public VirtualPool DefaultPool { get; }

    /// <summary>The pool that allocations come from.</summary>
    public VirtualPool Pool { get; set; }

    /// <summary>The primary context; null while no one holds it.</summary>
    public VirtualContext? Primary { get; set; }

    /// <summary>How often the primary context is held.</summary>
    public int PrimaryHolds { get; set; }

    public uint PrimaryFlags { get; set; }

    /// <summary>The device's PCI address, as far as one can say so.</summary>
    public static string PciBusId(int ordinal) => $"0000:{10 + ordinal:X2}:00.0";

    /// <summary>The device's identity: the letters of its name.</summary>
    public static byte[] Uuid(int ordinal) => [.. "Sequor virtual "u8, (byte)('0' + ordinal)];
}
