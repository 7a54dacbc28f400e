using System.Runtime.InteropServices;

namespace Sequor.C;

/// <summary>
/// Knows whether this process was forked after the library had begun. The child has neither the runtime's threads nor the backends', and a
/// driver that refuses it, so every call there is refused before anything is allocated.
/// </summary>
/// <remarks>
/// On Linux it is a page of memory that the kernel clears in a child (MADV_WIPEONFORK, Linux 4.14); looking at it costs a load. Where there
/// is no such page the number of the process is asked for.
/// </remarks>
internal static unsafe partial class Fork
{
    private const string C = "libc";
    private const int Mark = 0x53455155;
    private const int ReadAndWrite = 3;
    private const int PrivateAnonymous = 0x22;
    private const int WipeOnFork = 18;

    private static readonly byte* Words = LastError.Literal(
        "This process was forked after libsequor had begun in its parent. Threads, locks and the GPU did not come along: begin libsequor "
            + "in the child alone, or start a new program."
    );

    private static readonly int Began = OperatingSystem.IsWindows() ? 0 : getpid();

    // Null where the kernel clears no page.
    private static readonly int* Page = MakePage();

    /// <summary>Whether calls are refused.</summary>
    public static bool Happened =>
        Page is not null ? *Page != Mark : !OperatingSystem.IsWindows() && getpid() != Began;

    /// <summary>Sets the error's text, which is there already, and returns the code.</summary>
    public static int Refuse()
    {
        LastError.Set(Words);
        return (int)Status.Forked;
    }

    private static int* MakePage()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        nuint size = (nuint)Environment.SystemPageSize;
        nint page = mmap(0, size, ReadAndWrite, PrivateAnonymous, -1, 0);
        if (page == -1 || madvise(page, size, WipeOnFork) != 0)
            return null;
        *(int*)page = Mark;
        return (int*)page;
    }

    [LibraryImport(C)]
    private static partial int getpid();

    [LibraryImport(C)]
    private static partial nint mmap(
        nint address,
        nuint length,
        int protection,
        int flags,
        int descriptor,
        nint offset
    );

    [LibraryImport(C)]
    private static partial int madvise(nint address, nuint length, int advice);
}
