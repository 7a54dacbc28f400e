using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Sequor.Layers;

/// <summary>
/// The calls on Linux and macOS. They go to libc, since .NET's own flush to the disk takes some failures for success, and its move copies a
/// file where it cannot rename it.
/// </summary>
[UnsupportedOSPlatform("windows")]
internal unsafe partial class UnixFileCalls : FileCalls
{
    private const string C = "libc";
    private const int FullSync = 51;
    private const int DescriptorFlags = 1;
    private const int ClosedOnStart = 1;
    private const int LockShared = 1;
    private const int LockExclusive = 2;
    private const int LockWithoutWaiting = 4;
    private const int WriteAccess = 2;

    // O_WRONLY, O_CREAT, O_EXCL and O_CLOEXEC of Linux. With O_EXCL no link is followed.
    private const int NewFile = 0x1 | 0x40 | 0x80 | 0x80000;
    private const uint OwnerMode = 0x180;

    // As for every new file, the process's umask takes away some of these permissions.
    private const uint AnyMode = 0x1b6;
    private const int NonBlocking = 0x800;
    private const int NonBlockingOnMac = 4;

    public override int Examine(string path, bool follow, out FileFacts facts)
    {
        int error = FileStatus.Of(path, follow, out facts);
        return error is NotFound or NotAFolder ? 0 : error;
    }

    public override int Examine(SafeFileHandle file, out FileFacts facts) =>
        FileStatus.Of(Number(file), out facts);

    public override bool IsGiven(int descriptor)
    {
        // A descriptor that is closed when a program is started cannot have been open when this process was started.
        int flags = fcntl(descriptor, DescriptorFlags);
        return flags >= 0 && (flags & ClosedOnStart) == 0;
    }

    public override int Resolve(string folder, out string resolved)
    {
        byte* path = realpath(folder, null);
        int error = path is null ? Marshal.GetLastPInvokeError() : 0;
        resolved = Marshal.PtrToStringUTF8((nint)path) ?? folder;
        NativeMemory.Free(path);
        return error;
    }

    public override int TryAccess(string path) => Answer(access(path, WriteAccess));

    public override FileStream Create(string path, bool ownerOnly)
    {
        while (true)
        {
            FileStream file = OperatingSystem.IsMacOS()
                ? CreateOnMac(path, ownerOnly)
                : CreateOnLinux(path, ownerOnly);
            // A shared lock ends with the process, and hinders no reader once the file has its final name. Whoever removes abandoned files
            // takes an exclusive lock first; if that was earlier than this one, the file no longer has a name, and another is made.
            SafeFileHandle handle = file.SafeFileHandle;
            bool locked = Retry(() => Answer(flock(Number(handle), LockShared))) == 0;
            if (!locked || Examine(handle, out FileFacts facts) != 0 || facts.Links > 0)
                return file;
            file.Dispose();
        }
    }

    // .NET would try the lock once and fail where another process is about to remove the file.
    private static FileStream CreateOnLinux(string path, bool ownerOnly)
    {
        int descriptor;
        int error;
        do
        {
            descriptor = open(path, NewFile, ownerOnly ? OwnerMode : AnyMode);
            error = Answer(descriptor);
        } while (error == Interrupted);
        return error == 0
            ? new FileStream(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Write, 0)
            : throw new IOException($"making '{path}': {Text(error)}") { HResult = error };
    }

    // On macOS, open takes its variadic last argument otherwise than LibraryImport passes it, so .NET makes the file.
    private static FileStream CreateOnMac(string path, bool ownerOnly) =>
        new(
            path,
            new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Share = FileShare.ReadWrite,
                BufferSize = 0,
                UnixCreateMode = (UnixFileMode)(ownerOnly ? OwnerMode : AnyMode),
            }
        );

    public override int SetOwner(SafeFileHandle file, uint? owner, uint group) =>
        Answer(fchown(Number(file), owner ?? uint.MaxValue, group));

    public override int SetMode(SafeFileHandle file, uint mode) =>
        // On Linux mode_t is as wide as the argument; macOS reads the lower half.
        Answer(fchmod(Number(file), mode));

    public override int Sync(SafeFileHandle file) => Sync(Number(file));

    // On macOS fsync leaves the data in the drive's cache, and F_FULLFSYNC does not exist on every file system.
    private static int Sync(int file) =>
        OperatingSystem.IsMacOS() && fcntl(file, FullSync) == 0 ? 0 : Answer(fsync(file));

    public override int SyncFolder(string folder)
    {
        int descriptor;
        int error;
        do
        {
            descriptor = open(folder, 0);
            error = Answer(descriptor);
        } while (error == Interrupted);
        if (error != 0)
            return error;
        error = Retry(() => Sync(descriptor));
        _ = close(descriptor);
        // On some file systems folders need no flush and do not support it.
        return IsUnsupported(error) ? 0 : error;
    }

    public override int Link(string path, string second) => Answer(link(path, second));

    public override int Rename(string from, string to) => Answer(rename(from, to));

    public override int Delete(string path) => Answer(unlink(path));

    public override void DeleteAbandoned(string path)
    {
        if (Examine(path, follow: false, out FileFacts named) != 0 || !MayBeOurs(named))
            return;
        // Opened without blocking, as the name may meanwhile belong to a FIFO.
        int descriptor = open(path, OperatingSystem.IsMacOS() ? NonBlockingOnMac : NonBlocking);
        if (descriptor < 0)
            return;
        // Once it is locked, either the file keeps its name, or it had been removed before and its name may be another file's.
        bool abandoned =
            flock(descriptor, LockExclusive | LockWithoutWaiting) == 0
            && FileStatus.Of(descriptor, out FileFacts opened) == 0
            && opened.Identity == named.Identity
            && opened.Links > 0;
        if (abandoned)
            _ = unlink(path);
        _ = close(descriptor);
    }

    private static bool MayBeOurs(FileFacts facts) =>
        facts.Kind == FileKind.Regular && facts.Owner == geteuid();

    private static int Number(SafeFileHandle file) => (int)file.DangerousGetHandle();

    private static int Answer(int result) => result >= 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial byte* realpath(string path, byte* buffer);

    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int access(string path, int mode);

    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, uint mode);

    [LibraryImport(C)]
    private static partial int close(int file);

    [LibraryImport(C, SetLastError = true)]
    private static partial int fsync(int file);

    [LibraryImport(C, SetLastError = true)]
    private static partial int fcntl(int file, int command);

    [LibraryImport(C, SetLastError = true)]
    private static partial int flock(int file, int operation);

    [LibraryImport(C, SetLastError = true)]
    private static partial int fchown(int file, uint owner, uint group);

    [LibraryImport(C, SetLastError = true)]
    private static partial int fchmod(int file, uint mode);

    [LibraryImport(C)]
    private static partial uint geteuid();

    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int link(string path, string second);

    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rename(string from, string to);

    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unlink(string path);
}
