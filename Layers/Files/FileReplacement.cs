using Microsoft.Win32.SafeHandles;

namespace Sequor.Layers;

/// <summary>
/// Puts new content in a file's place, whole or not at all: it is written to a new file in the same folder, flushed to the
/// disk, and renamed; then the folder is flushed. Whatever fails before the end, the old file is what it was.
/// </summary>
/// <remarks>
/// Mode, and owner where the system allows it, are kept. A link stays a link. A file that cannot be renamed over, such as one
/// mounted into a container, is overwritten, and the new content stays beside it if that fails. FIFOs, devices and open
/// descriptors are written to.
/// </remarks>
internal static class FileReplacement
{
    private const uint GroupBits = 0x38;
    private const int GroupShift = 3;
    private const uint OtherBits = 7;

    /// <summary>Fails where writing would, as far as can be told without changing anything.</summary>
    /// <exception cref="IOException">The file cannot be written; the message says why.</exception>
    public static void Try(FilePlace place, FileCalls? given = null)
    {
        FileCalls calls = given ?? FileCalls.System;
        RequireWritable(place);
        if (place.Descriptor is not null)
            return;
        if (!place.IsFile)
        {
            // Opening a FIFO would wait for its reader, and end what that reads.
            Require(calls.TryAccess(place.Path), "opening it");
            return;
        }
        if (place.Kind == FileKind.Regular)
            calls.Open(place.Path).Dispose();
        Require(FileCalls.Retry(() => calls.SyncFolder(place.Folder!)), "flushing its folder");
        TemporaryFiles.RemoveAbandoned(place.Folder!, calls);
        string temporary = TemporaryFiles.NewIn(place.Folder!);
        calls.Create(temporary, ownerOnly: true).Dispose();
        _ = calls.Delete(temporary);
    }

    /// <summary>Writes a file.</summary>
    /// <param name="path">The file; it may exist, its folder has to.</param>
    /// <param name="write">Writes the content; may be given a stream that cannot seek.</param>
    /// <param name="given">The system's calls, or those of a test.</param>
    /// <param name="keep">How many files that were replaced are kept: <see cref="KeptFiles"/>.</param>
    /// <exception cref="IOException">
    /// The file cannot be written; the message says why, and what became of the old file where it is not what it was.
    /// </exception>
    public static void Write(
        string path,
        Action<Stream> write,
        FileCalls? given = null,
        int keep = 0
    ) => Write(FilePlace.Find(path, given), write, given, keep);

    /// <summary>The same of a place that is found.</summary>
    public static void Write(
        FilePlace place,
        Action<Stream> write,
        FileCalls? given = null,
        int keep = 0
    )
    {
        FileCalls calls = given ?? FileCalls.System;
        RequireWritable(place);
        if (place.IsFile)
        {
            Replace(place, place.Folder!, write, calls, keep);
            return;
        }
        using Stream stream = place.Descriptor is { } number
            ? OpenDescriptor(number)
            : calls.Open(place.Path);
        write(stream);
        stream.Flush();
    }

    private static Stream OpenDescriptor(int number) =>
        OperatingSystem.IsWindows() ? Console.OpenStandardOutput() : new DescriptorStream(number);

    private static void Replace(
        FilePlace place,
        string folder,
        Action<Stream> write,
        FileCalls calls,
        int keep
    )
    {
        TemporaryFiles.RemoveAbandoned(folder, calls);
        string temporary = TemporaryFiles.NewIn(folder);
        bool exists = place.Kind == FileKind.Regular;
        // The new file may be read by those who may read the old one; until that is known, by its owner alone.
        FileStream stream = calls.Create(temporary, ownerOnly: exists);
        try
        {
            using (stream)
            {
                write(stream);
                stream.Flush();
                if (exists)
                    KeepOwnerAndMode(stream.SafeFileHandle, place.Facts, calls);
                Require(
                    FileCalls.Retry(() => calls.Sync(stream.SafeFileHandle)),
                    "flushing it to the disk"
                );
                // Windows renames no file that is open; elsewhere it stays locked until it has its name.
                if (!OperatingSystem.IsWindows())
                    Rename(temporary, place, folder, calls, keep);
            }
            if (OperatingSystem.IsWindows())
                Rename(temporary, place, folder, calls, keep);
        }
        catch
        {
            // Of a file that has its name, or is kept under another one, this finds nothing.
            _ = calls.Delete(temporary);
            throw;
        }
    }

    private static void KeepOwnerAndMode(SafeFileHandle file, FileFacts old, FileCalls calls)
    {
        Require(calls.Examine(file, out FileFacts made), "asking for its owner");
        uint mode = old.Mode;
        if ((made.Owner, made.Group) != (old.Owner, old.Group))
        {
            int error = FileCalls.Retry(() => calls.SetOwner(file, old.Owner, old.Group));
            if (error != 0 && made.Group != old.Group)
                error = FileCalls.Retry(() => calls.SetOwner(file, null, old.Group));
            else
                error = 0;
            // What the old file's group might do is nothing for another group.
            if (error != 0)
                mode = (mode & ~GroupBits) | ((mode & OtherBits) << GroupShift);
        }
        if (mode == made.Mode)
            return;
        int refused = FileCalls.Retry(() => calls.SetMode(file, mode));
        // Where the file system keeps no modes, all its files have the same.
        if (!FileCalls.IsUnsupported(refused))
            Require(refused, "keeping its mode");
    }

    private static void Rename(
        string temporary,
        FilePlace place,
        string folder,
        FileCalls calls,
        int keep
    )
    {
        string? old =
            place.Kind == FileKind.Regular ? SecondName(place, folder, calls, keep > 0) : null;
        int error = FileCalls.Retry(() => calls.Rename(temporary, place.Path));
        bool renamed = error == 0;
        bool mounted = error is FileCalls.Busy or FileCalls.OtherDevice;
        if (renamed)
            error = FileCalls.Retry(() => calls.SyncFolder(folder));
        // A name that may be lost with the power is no name: the old file gets its own back.
        bool undone =
            renamed
            && error != 0
            && (
                old is not null
                    ? calls.Rename(old, place.Path) == 0
                    : place.Kind == FileKind.None && calls.Delete(place.Path) == 0
            );
        int unkept = 0;
        try
        {
            if (mounted)
                Overwrite(temporary, place, folder, calls);
            else if (!renamed)
                Require(error, "putting it in its place");
            else
                Require(
                    error,
                    "flushing its folder",
                    undone ? "" : "; the new file is there, but may not outlast a crash"
                );
        }
        finally
        {
            // What is not in its place any more, or may not be, is kept; nothing else takes the place of an older one.
            if (old is not null && !undone && keep > 0 && (renamed || mounted))
                unkept = KeptFiles.Add(place.Path, old, keep, calls);
            else if (old is not null && !undone)
                _ = calls.Delete(old);
        }
        if (unkept != 0)
            _ = calls.Delete(old!);
        Require(unkept, "keeping the old file", "; the new one is in its place");
    }

    /// <summary>A second name for the old file, or where so asked a copy if the file system gives none; null for neither.</summary>
    private static string? SecondName(FilePlace place, string folder, FileCalls calls, bool copies)
    {
        string old = TemporaryFiles.OldIn(folder);
        if (FileCalls.Retry(() => calls.Link(place.Path, old)) == 0)
            return old;
        if (!copies)
            return null;
        FileStream copy = calls.Create(old, ownerOnly: true);
        try
        {
            using (copy)
            {
                using var source = new FileStream(
                    place.Path,
                    FileMode.Open,
                    FileAccess.Read,
                    FileShare.ReadWrite
                );
                source.CopyTo(copy);
                KeepOwnerAndMode(copy.SafeFileHandle, place.Facts, calls);
                Require(
                    FileCalls.Retry(() => calls.Sync(copy.SafeFileHandle)),
                    "flushing the old file's copy to the disk"
                );
            }
            return old;
        }
        catch
        {
            _ = calls.Delete(old);
            throw;
        }
    }

    // The file is a mount point, which has to stay. A reader may see it half written; what is written lies beside it whole.
    private static void Overwrite(string temporary, FilePlace place, string folder, FileCalls calls)
    {
        FileStream target = calls.Open(place.Path);
        string kept = TemporaryFiles.KeptIn(folder);
        using (target)
        {
            Require(FileCalls.Retry(() => calls.Rename(temporary, kept)), "keeping it");
            int error = FileCalls.Retry(() => calls.SyncFolder(folder));
            if (error != 0)
                _ = calls.Delete(kept);
            Require(error, "flushing its folder");
            try
            {
                using var source = new FileStream(
                    kept,
                    FileMode.Open,
                    FileAccess.Read,
                    FileShare.ReadWrite
                );
                source.CopyTo(target);
                target.SetLength(source.Length);
                Require(
                    FileCalls.Retry(() => calls.Sync(target.SafeFileHandle)),
                    "flushing it to the disk"
                );
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new IOException(
                    $"{e.Message}; it could not be replaced and may be half written, and '{kept}' has what was to be in it",
                    e
                );
            }
        }
        _ = calls.Delete(kept);
    }

    private static void RequireWritable(FilePlace place)
    {
        if (place.Kind == FileKind.Folder)
            throw new IOException("it is a folder");
        if (place.Kind == FileKind.BlockDevice)
            throw new IOException("it is a disk");
    }

    private static void Require(int error, string doing, string then = "")
    {
        if (error != 0)
            throw new IOException($"{doing}: {FileCalls.Text(error)}{then}") { HResult = error };
    }
}
