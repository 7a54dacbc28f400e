using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// The files that were replaced and are kept beside their successor: FILE.1 is the newest of them, FILE.2 the one before it, and
/// so on.
/// </summary>
internal static class KeptFiles
{
    /// <summary>Those that are there of the file that a path leads to, the newest first.</summary>
    /// <param name="path">The file.</param>
    /// <param name="most">The highest number to look for.</param>
    /// <exception cref="IOException">The path leads nowhere.</exception>
    public static string[] Of(string path, int most)
    {
        string file = FilePlace.Find(path).Path;
        return [.. Enumerable.Range(1, most).Select(i => Name(file, i)).Where(File.Exists)];
    }

    /// <summary>
    /// Makes a file that has been replaced the newest one, once its successor is safe. At every moment each file that is kept
    /// has one name or the next one.
    /// </summary>
    /// <param name="path">The successor.</param>
    /// <param name="old">The name that the replaced file has meanwhile.</param>
    /// <param name="keep">The highest number to be, at least 1; what had it is gone.</param>
    /// <param name="calls">The system's calls.</param>
    /// <returns>0, or what the system said.</returns>
    public static int Add(string path, string old, int keep, FileCalls calls)
    {
        // A number that is free, as after a crash, takes the one before it, and none has to go.
        int last = 1;
        while (last < keep && IsThere(Name(path, last), calls))
            last++;
        int error = 0;
        for (int i = last; i > 1 && error == 0; i--)
            error = FileCalls.Retry(() => calls.Rename(Name(path, i - 1), Name(path, i)));
        if (error == 0)
            error = FileCalls.Retry(() => calls.Rename(old, Name(path, 1)));
        return error;
    }

    private static bool IsThere(string path, FileCalls calls) =>
        calls.Examine(path, follow: false, out FileFacts facts) == 0 && facts.Kind != FileKind.None;

    private static string Name(string path, int number) =>
        string.Create(CultureInfo.InvariantCulture, $"{path}.{number}");
}
