using Microsoft.Win32.SafeHandles;

namespace Sequor.Layers;

/// <summary>
/// Replaces a file's content as a whole or not at all. The new content is written to a new file in the same folder and flushed to the disk;
/// the new file is renamed over the old one, and then the folder is flushed. If anything fails before the end, the old file is unchanged.
/// </summary>
/// <remarks>
/// The mode is kept, and the owner where the system allows it. A link stays a link. A file that cannot be renamed over, such as one mounted
/// into a container, is overwritten in place, and if that fails the new content remains beside it. FIFOs, devices and open descriptors are
/// written to.
/// </remarks>
internal static class FileReplacement
{
    private const uint GroupBits = 0x38;
    private const int GroupShift = 3;
    private const uint OtherBits = 7;

    /// <summary>Fails wherever writing would fail, as far as can be told without changing anything.</summary>
    /// <exception cref="IOException">The file cannot be written; the message says why.</exception>
    public static void Try(FilePlace place, FileCalls? given = null)
    {
        FileCalls calls = given ?? FileCalls.System;
        RequireWritable(place);
        if (place.Descriptor is not null)
            return;
        if (!place.IsFile)
        {
            // Opening a FIFO would wait for its reader, and closing it again would end the reader's input.
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
    /// <param name="path">The file. It may exist, and its folder must.</param>
    /// <param name="write">Writes the content. It may be given a stream that cannot seek.</param>
    /// <param name="given">The system's calls, or those of a test.</param>
    /// <param name="keep">How many of the replaced files are kept: see <see cref="KeptFiles"/>.</param>
    /// <exception cref="IOException">
    /// The file cannot be written. The message says why, and, where the old file is not unchanged, what became of it.
    /// </exception>
    public static void Write(
        string path,
        Action<Stream> write,
        FileCalls? given = null,
        int keep = 0
    ) => Write(FilePlace.Find(path, given), write, given, keep);

    /// <summary>Writes to a place that has already been found.</summary>
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
        // The new file will be readable by those who may read the old one. Until its mode is set, only its owner may read it.
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
                // Windows cannot rename an open file. Elsewhere the file stays open, and so locked, until it has its final name.
                if (!OperatingSystem.IsWindows())
                    Rename(temporary, place, folder, calls, keep);
            }
            if (OperatingSystem.IsWindows())
                Rename(temporary, place, folder, calls, keep);
        }
        catch
        {
            // If the file already has its final name, or is kept under another one, there is nothing to delete.
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
            // The permissions of the old file's group are not for another group.
            if (error != 0)
                mode = (mode & ~GroupBits) | ((mode & OtherBits) << GroupShift);
        }
        if (mode == made.Mode)
            return;
        int refused = FileCalls.Retry(() => calls.SetMode(file, mode));
        // A file system that cannot store modes gives all its files the same one, so nothing is lost.
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
        // If the folder cannot be flushed, a crash may undo the renaming. Then the old file gets its name back.
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
            // The old file is kept if it has lost its place, or may have. Only then does it push out the oldest kept file.
            if (old is not null && !undone && keep > 0 && (renamed || mounted))
                unkept = KeptFiles.Add(place.Path, old, keep, calls);
            else if (old is not null && !undone)
                _ = calls.Delete(old);
        }
        if (unkept != 0)
            _ = calls.Delete(old!);
        Require(unkept, "keeping the old file", "; the new one is in its place");
    }

    /// <summary>
    /// Gives the old file a second name, or, if the file system supports no links, copies it where <paramref name="copies"/> is true; null
    /// for neither.
    /// </summary>
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

    // The file is a mount point and cannot be renamed over. A reader may see it half written, so the whole content stays beside it until
    // then.
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
