using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// The replaced files that are kept beside their successor FILE: FILE.1 is the newest of them, FILE.2 the one before it, and so on.
/// </summary>
internal static class KeptFiles
{
    /// <summary>The kept files of the file that a path leads to, newest first.</summary>
    /// <param name="path">The file that replaced them.</param>
    /// <param name="most">The highest number to look for.</param>
    /// <exception cref="IOException">The path leads nowhere.</exception>
    public static string[] Of(string path, int most)
    {
        string file = FilePlace.Find(path).Path;
        return [.. Enumerable.Range(1, most).Select(i => Name(file, i)).Where(File.Exists)];
    }

    /// <summary>
    /// Makes a replaced file the newest of the kept ones, once its successor is safe. At every moment each kept file has either its old
    /// name or its new one.
    /// </summary>
    /// <param name="path">The path of the successor.</param>
    /// <param name="old">The name that the replaced file has in the meantime.</param>
    /// <param name="keep">The highest number that remains, at least 1. The file that had it is gone.</param>
    /// <param name="calls">The system's calls.</param>
    /// <returns>0, or the error of the system.</returns>
    public static int Add(string path, string old, int keep, FileCalls calls)
    {
        // Files move up only to the first free number, such as a crash may have left, so that none has to go.
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
