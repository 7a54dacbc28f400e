using System.Runtime.InteropServices;

namespace Sequor.Layers.Cpu;

/// <summary>
/// Asks Linux for pages of two mebibytes for large memory: what is walked through once a step, as the kept values of a recurrent layer
/// are, otherwise costs a walk through the page tables every 4 KiB, which in a virtual machine is as long as twenty reads.
/// </summary>
internal static unsafe partial class HugePages
{
    // MADV_HUGEPAGE of Linux's mman.h. It is no more than advice: where /sys/kernel/mm/transparent_hugepage/enabled says never, or the
    // kernel has none, nothing changes.
    private const int UseHugePages = 14;
    private const nuint Size = 2 << 20;

    // Of less memory most would lie in pages that are only partly its own.
    private const nuint Least = 2 * Size;

    /// <summary>Advises the system about new memory. Pages that it fills only in part are left as they are.</summary>
    /// <param name="memory">The first byte.</param>
    /// <param name="bytes">How many.</param>
    public static void Advise(void* memory, nuint bytes)
    {
        if (bytes < Least || !OperatingSystem.IsLinux())
            return;
        (nuint from, nuint to) = Whole((nuint)memory, bytes);
        // What it answers changes nothing.
        _ = madvise((nint)from, to - from, UseHugePages);
    }

    /// <summary>The addresses of the first huge page that lies within some memory, and of the end of the last.</summary>
    /// <param name="address">The memory's first byte.</param>
    /// <param name="bytes">At least two pages.</param>
    public static (nuint From, nuint To) Whole(nuint address, nuint bytes) =>
        ((address + Size - 1) / Size * Size, (address + bytes) / Size * Size);

    [LibraryImport("libc")]
    private static partial int madvise(nint address, nuint length, int advice);
}
