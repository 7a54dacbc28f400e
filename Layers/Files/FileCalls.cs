using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Sequor.Layers;

/// <summary>
/// The calls to the operating system that replacing a file takes; tests make each of them fail. Those that give an int give
/// 0, or errno as they left it: one that a signal interrupted may give <see cref="Interrupted"/>, and is called again.
/// </summary>
internal abstract class FileCalls
{
    // The same numbers on Linux and macOS.
    public const int NotFound = 2;
    public const int Interrupted = 4;
    public const int Exists = 17;
    public const int Busy = 16;
    public const int OtherDevice = 18;
    public const int NotAFolder = 20;
    public const int Invalid = 22;

    public static FileCalls System { get; } =
        OperatingSystem.IsWindows() ? new WindowsFileCalls() : new UnixFileCalls();

    /// <summary>Not supported; two numbers are in use for it.</summary>
    public static bool IsUnsupported(int error) =>
        error == Invalid || (OperatingSystem.IsLinux() ? error is 95 : error is 45 or 102);

    /// <summary>Calls until no signal interrupts the call.</summary>
    public static int Retry(Func<int> call)
    {
        int error;
        do error = call();
        while (error == Interrupted);
        return error;
    }

    /// <summary>What an error's number means, in words. Those of Windows are below zero, to be no errno.</summary>
    public static string Text(int error) => Marshal.GetPInvokeErrorMessage(Math.Abs(error));

    /// <summary>What a path leads to; <see cref="FileKind.None"/> where there is nothing.</summary>
    /// <param name="path">The path.</param>
    /// <param name="follow">Whether a link at its end is followed.</param>
    /// <param name="facts">What is there.</param>
    public abstract int Examine(string path, bool follow, out FileFacts facts);

    /// <summary>The same of an open file.</summary>
    public abstract int Examine(SafeFileHandle file, out FileFacts facts);

    /// <summary>
    /// Whether this process was given an open file under a number. Where it was not, the runtime may have opened one of its
    /// own, which must not be written to.
    /// </summary>
    public abstract bool IsGiven(int descriptor);

    /// <summary>A folder's one path without links in it.</summary>
    public abstract int Resolve(string folder, out string resolved);

    /// <summary>Asks whether a file may be written to, without opening it.</summary>
    public abstract int TryAccess(string path);

    /// <summary>
    /// Makes a new file, for its owner alone where so asked. While it is open, by whatever name,
    /// <see cref="DeleteAbandoned"/> lets it be.
    /// </summary>
    /// <exception cref="IOException">It cannot be made, or something of that name is there.</exception>
    public abstract FileStream Create(string path, bool ownerOnly);

    /// <summary>Opens a file, FIFO or device that is there to write to it.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public virtual FileStream Open(string path) =>
        new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);

    /// <summary>Gives a file to a group, and to a user where one is named.</summary>
    public abstract int SetOwner(SafeFileHandle file, uint? owner, uint group);

    public abstract int SetMode(SafeFileHandle file, uint mode);

    /// <summary>Waits until a file's content is on the disk.</summary>
    public abstract int Sync(SafeFileHandle file);

    /// <summary>Waits until a folder's entries are on the disk.</summary>
    public abstract int SyncFolder(string folder);

    /// <summary>Gives a file a second name.</summary>
    public abstract int Link(string path, string second);

    /// <summary>Renames a file, over another one where there is one.</summary>
    public abstract int Rename(string from, string to);

    public abstract int Delete(string path);

    /// <summary>Deletes a file that <see cref="Create"/> made, unless its maker still has it open.</summary>
    public abstract void DeleteAbandoned(string path);
}
