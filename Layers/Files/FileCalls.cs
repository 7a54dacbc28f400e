using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Sequor.Layers;

/// <summary>
/// The calls to the operating system that replacing a file needs. Tests make each of them fail. Those that return an int return 0 or an
/// errno. A call that a signal interrupted may return <see cref="Interrupted"/>, and is then made again.
/// </summary>
internal abstract class FileCalls
{
    // These errno values are the same on Linux and macOS.
    public const int NotFound = 2;
    public const int Interrupted = 4;
    public const int Exists = 17;
    public const int Busy = 16;
    public const int OtherDevice = 18;
    public const int NotAFolder = 20;
    public const int Invalid = 22;

    public static FileCalls System { get; } =
        OperatingSystem.IsWindows() ? new WindowsFileCalls() : new UnixFileCalls();

    /// <summary>Whether an error means "not supported", for which two numbers are in use.</summary>
    public static bool IsUnsupported(int error) =>
        error == Invalid || (OperatingSystem.IsLinux() ? error is 95 : error is 45 or 102);

    /// <summary>Repeats a call until no signal interrupts it.</summary>
    public static int Retry(Func<int> call)
    {
        int error;
        do error = call();
        while (error == Interrupted);
        return error;
    }

    /// <summary>The meaning of an error's number in words. Numbers of Windows errors are negative, so that they are no errno.</summary>
    public static string Text(int error) => Marshal.GetPInvokeErrorMessage(Math.Abs(error));

    /// <summary>Finds out what a path leads to; <see cref="FileKind.None"/> where there is nothing.</summary>
    /// <param name="path">The path.</param>
    /// <param name="follow">Whether a link at its end is followed.</param>
    /// <param name="facts">What is there.</param>
    public abstract int Examine(string path, bool follow, out FileFacts facts);

    /// <summary>Finds out the same about an open file.</summary>
    public abstract int Examine(SafeFileHandle file, out FileFacts facts);

    /// <summary>
    /// Whether this process was started with an open file of that number. Otherwise the runtime may have opened a file of its own under it,
    /// which must not be written to.
    /// </summary>
    public abstract bool IsGiven(int descriptor);

    /// <summary>Finds the path of a folder that contains no links.</summary>
    public abstract int Resolve(string folder, out string resolved);

    /// <summary>Asks whether a file may be written, without opening it.</summary>
    public abstract int TryAccess(string path);

    /// <summary>
    /// Makes a new file, readable by its owner only if so asked. While it is open, under whatever name, <see cref="DeleteAbandoned"/>
    /// leaves it alone.
    /// </summary>
    /// <exception cref="IOException">It cannot be made, or the name is in use.</exception>
    public abstract FileStream Create(string path, bool ownerOnly);

    /// <summary>Opens an existing file, FIFO or device for writing.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public virtual FileStream Open(string path) =>
        new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);

    /// <summary>Changes a file's group, and its owner where one is given.</summary>
    public abstract int SetOwner(SafeFileHandle file, uint? owner, uint group);

    public abstract int SetMode(SafeFileHandle file, uint mode);

    /// <summary>Waits until a file's content is on the disk.</summary>
    public abstract int Sync(SafeFileHandle file);

    /// <summary>Waits until a folder's entries are on the disk.</summary>
    public abstract int SyncFolder(string folder);

    /// <summary>Gives a file a second name.</summary>
    public abstract int Link(string path, string second);

    /// <summary>Renames a file, replacing any file that has the new name.</summary>
    public abstract int Rename(string from, string to);

    public abstract int Delete(string path);

    /// <summary>Deletes a file that <see cref="Create"/> made, unless its maker still has it open.</summary>
    public abstract void DeleteAbandoned(string path);
}
