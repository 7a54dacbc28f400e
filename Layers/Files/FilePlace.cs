using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Sequor.Layers;

/// <summary>
/// Where the content written to a path ends up. Links are followed, also those that lead to nothing yet, and /dev/stdout is the descriptor
/// that it stands for.
/// </summary>
internal sealed class FilePlace
{
    private const int MostLinks = 40;
    private const string Descriptors = "/proc/self/fd";

    // This is the only name that macOS has for descriptors.
    private const string DeviceDescriptors = "/dev/fd";

    private FilePlace(string path) => Path = path;

    /// <summary>The place of standard output.</summary>
    /// <exception cref="IOException">Standard output is closed.</exception>
    public static FilePlace StandardOutput() => OfDescriptor("-", 1, FileCalls.System);

    /// <summary>What this process was started with open under a number, or null.</summary>
    public static FilePlace? OfOpen(int descriptor)
    {
        try
        {
            return OfDescriptor("", descriptor, FileCalls.System);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>The path of the file itself, without links.</summary>
    public string Path { get; private init; }

    /// <summary>The file's folder; null for a descriptor.</summary>
    public string? Folder { get; private init; }

    /// <summary>What the system says about the file.</summary>
    public FileFacts Facts { get; private init; }

    public FileKind Kind => Facts.Kind;

    /// <summary>The number of an open file of this process, or null.</summary>
    public int? Descriptor { get; private init; }

    /// <summary>Whether there is a file that can be replaced, or none yet.</summary>
    public bool IsFile => Descriptor is null && Kind is FileKind.Regular or FileKind.None;

    // Null for devices, which may be used by two outputs.
    private (FileIdentity Identity, string Name)? Key { get; init; }

    /// <summary>Whether output to this place and to the other one would overwrite each other or be mixed.</summary>
    public bool IsSameAs(FilePlace other) => Key is { } key && key == other.Key;

    /// <summary>Finds out where a path leads.</summary>
    /// <exception cref="IOException">The folder does not exist or cannot be read, or the links form a circle.</exception>
    public static FilePlace Find(string path, FileCalls? given = null)
    {
        FileCalls calls = given ?? FileCalls.System;
        string current = System.IO.Path.Join(Directory.GetCurrentDirectory(), path);
        if (System.IO.Path.IsPathRooted(path))
            current = path;
        for (int links = 0; links <= MostLinks; links++)
        {
            string name = System.IO.Path.GetFileName(current);
            if (
                System.IO.Path.GetDirectoryName(current) is not { } folder
                || name is "" or "." or ".."
            )
            {
                Require(calls.Examine(current, follow: true, out FileFacts there), current);
                return there.Kind == FileKind.Folder
                    ? new FilePlace(current) { Folder = current, Facts = there }
                    : throw new IOException($"there is no folder '{current}'");
            }
            Require(calls.Resolve(folder, out string resolved), folder);
            if (Number(resolved, name, calls) is { } number)
                return OfDescriptor(path, number, calls);
            current = System.IO.Path.Join(resolved, name);
            Require(calls.Examine(current, follow: false, out FileFacts facts), current);
            if (facts.Kind != FileKind.Link)
                return OfFile(current, resolved, name, facts, calls);
            string target = new FileInfo(current).LinkTarget ?? "";
            current = System.IO.Path.IsPathRooted(target)
                ? target
                : System.IO.Path.Join(resolved, target);
        }
        throw new IOException($"its links go round, or there are more than {MostLinks}");
    }

    private static FilePlace OfFile(
        string path,
        string folder,
        string name,
        FileFacts facts,
        FileCalls calls
    )
    {
        Require(calls.Examine(folder, follow: true, out FileFacts around), folder);
        return new FilePlace(path)
        {
            Folder = folder,
            Facts = facts,
            Key =
                OperatingSystem.IsWindows() ? (default, path.ToUpperInvariant())
                : facts.Kind == FileKind.None ? (around.Identity, name)
                : facts.Kind == FileKind.Device ? null
                : (facts.Identity, ""),
        };
    }

    private static FilePlace OfDescriptor(string path, int number, FileCalls calls)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"descriptor {number}");
        if (!calls.IsGiven(number))
            throw new IOException($"{name} is not open");
        using var file = new SafeFileHandle(number, ownsHandle: false);
        int error = calls.Examine(file, out FileFacts facts);
        if (error != 0)
            throw new IOException($"{name}: {FileCalls.Text(error)}");
        bool terminal = OperatingSystem.IsWindows() || facts.Kind == FileKind.Device;
        return new FilePlace(path)
        {
            Facts = facts,
            Descriptor = number,
            Key = terminal ? (default, name) : (facts.Identity, ""),
        };
    }

    private static int? Number(string folder, string name, FileCalls calls)
    {
        if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            return null;
        bool open =
            folder == DeviceDescriptors
            || (calls.Resolve(Descriptors, out string own) == 0 && folder == own);
        return open ? number : null;
    }

    private static void Require(int error, string path)
    {
        if (error is FileCalls.NotFound or FileCalls.NotAFolder)
            throw new IOException($"there is no folder '{path}'");
        if (error != 0)
            throw new IOException($"'{path}': {FileCalls.Text(error)}");
    }
}
