using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Sequor.Layers;

/// <summary>
/// The calls on Windows, through .NET, whose flush to the disk is FlushFileBuffers there. Folders need no flush, and files have no mode to
/// keep.
/// </summary>
internal sealed class WindowsFileCalls : FileCalls
{
    public override int Examine(string path, bool follow, out FileFacts facts)
    {
        FileSystemInfo? file = new FileInfo(path);
        if (follow && file.LinkTarget is not null)
            file = file.ResolveLinkTarget(returnFinalTarget: true);
        bool folder = Directory.Exists(file?.FullName);
        facts = new FileFacts
        {
            Kind =
                file is null ? FileKind.None
                : file.LinkTarget is not null ? FileKind.Link
                : folder ? FileKind.Folder
                : file.Exists ? FileKind.Regular
                : FileKind.None,
        };
        return 0;
    }

    public override int Examine(SafeFileHandle file, out FileFacts facts)
    {
        facts = new FileFacts { Kind = FileKind.Stream };
        return 0;
    }

    public override bool IsGiven(int descriptor) => descriptor is >= 0 and <= 2;

    public override int Resolve(string folder, out string resolved)
    {
        resolved = Path.GetFullPath(folder);
        return Directory.Exists(resolved) ? 0 : NotFound;
    }

    public override int TryAccess(string path) => 0;

    public override FileStream Create(string path, bool ownerOnly) =>
        new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);

    public override int SetOwner(SafeFileHandle file, uint? owner, uint group) => 0;

    public override int SetMode(SafeFileHandle file, uint mode) => 0;

    public override int Sync(SafeFileHandle file) => Call(() => RandomAccess.FlushToDisk(file));

    public override int SyncFolder(string folder) => 0;

    public override int Link(string path, string second) => Invalid;

    public override int Rename(string from, string to) =>
        Call(() => File.Move(from, to, overwrite: true));

    public override int Delete(string path) => Call(() => File.Delete(path));

    // An open file cannot be deleted, so this only removes abandoned ones.
    public override void DeleteAbandoned(string path) => _ = Delete(path);

    // The lower 16 bits of the HResult that .NET reports are the Windows error.
    private static int Call(Action action)
    {
        try
        {
            action();
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return -(Marshal.GetHRForException(e) & 0xffff);
        }
    }
}
