namespace Sequor.Layers;

/// <summary>
/// The right to save to a checkpoint, which only one program has at a time. It is an operating system's lock on FILE.lock, beside
/// the file that the path leads to after links are followed. The lock ends with its process at the latest, however the process
/// ends; an empty FILE.lock may then be left behind, which keeps nobody from taking the lock.
/// </summary>
/// <remarks>Reading a checkpoint needs no lock, as a save replaces the old file by a complete new one.</remarks>
public sealed class CheckpointLock : IDisposable
{
    private const string Suffix = ".lock";

    // The errors by which .NET reports a lock that someone else holds: errno, and on Windows the HResult of opening the file.
    private const int HeldOnLinux = 11;
    private const int HeldOnMac = 35;
    private const int HeldOnWindows = unchecked((int)0x80070020);

    private readonly FileStream _file;

    private CheckpointLock(string path, FileStream file)
    {
        Path = path;
        _file = file;
    }

    /// <summary>The locked file.</summary>
    public string Path { get; }

    /// <summary>
    /// Whether other programs are kept out. Some network and user-space file systems have no locks; there the caller has to make sure
    /// that no two programs save to one checkpoint.
    /// </summary>
    public bool KeepsOthersOut { get; private init; }

    /// <summary>Takes the lock without waiting.</summary>
    /// <param name="path">The checkpoint, which need not exist yet.</param>
    /// <returns>The lock, or null if it is taken, by this process or another.</returns>
    /// <exception cref="IOException">FILE.lock cannot be made or opened, or is a file of another program.</exception>
    public static CheckpointLock? TryTake(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        FilePlace place = FilePlace.Find(path);
        string name = place.Path + Suffix;
        try
        {
            while (true)
            {
                FileStream? file = Open(name);
                if (file is null)
                    return null;
                // The file may have been removed by its owner after it was opened here; its lock then keeps nobody out.
                if (IsAt(file, name))
                    return Take(name, file);
                file.Dispose();
            }
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    private static CheckpointLock Take(string name, FileStream file)
    {
        try
        {
            if (file.Length > 0)
                throw new IOException(
                    $"'{name}' is no lock of Sequor: it is not empty; the checkpoint needs another name"
                );
            using FileStream? second = Open(name);
            return new CheckpointLock(name, file) { KeepsOthersOut = second is null };
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    // Opening the file without sharing locks it: on Windows by itself, elsewhere with flock, which ends with the process.
    private static FileStream? Open(string name)
    {
        try
        {
            return new FileStream(
                name,
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                FileShare.None,
                bufferSize: 0,
                OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None
            );
        }
        catch (IOException e) when (e.HResult == Held)
        {
            return null;
        }
    }

    private static int Held =>
        OperatingSystem.IsWindows() ? HeldOnWindows
        : OperatingSystem.IsMacOS() ? HeldOnMac
        : HeldOnLinux;

    private static bool IsAt(FileStream file, string name)
    {
        // On Windows nobody can remove a file that someone else has open.
        if (OperatingSystem.IsWindows())
            return true;
        FileFacts named = default;
        int error = FileCalls.System.Examine(file.SafeFileHandle, out FileFacts opened);
        if (error == 0)
            error = FileCalls.System.Examine(name, follow: false, out named);
        return error == 0
            ? named.Kind != FileKind.None && named.Identity == opened.Identity
            : throw new IOException($"'{name}': {FileCalls.Text(error)}");
    }

    /// <summary>Removes FILE.lock and releases the lock.</summary>
    public void Dispose()
    {
        // The file is removed while it is still locked, as afterwards it could be another program's lock.
        if (!OperatingSystem.IsWindows() && !_file.SafeFileHandle.IsClosed)
            _ = FileCalls.System.Delete(Path);
        _file.Dispose();
    }
}
