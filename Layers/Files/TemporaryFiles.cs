using System.Security.Cryptography;

namespace Sequor.Layers;

/// <summary>
/// Names the temporary files that exist while a file is replaced. The names are random rather than made of the process's number, since the
/// first process of every container has the number 1. Files that a killed process leaves are removed by the next process that writes to the
/// folder.
/// </summary>
internal static class TemporaryFiles
{
    private const int RandomDigits = 16;
    private const string Prefix = ".sequor-";
    private const string New = ".tmp";
    private const string Old = ".old";

    // An old file's second name has no lock. It is needed only as long as it takes to flush a folder.
    private static readonly TimeSpan OldNeeded = TimeSpan.FromMinutes(1);

    /// <summary>A name for content that is being written.</summary>
    public static string NewIn(string folder) => Random(folder, Prefix, New);

    /// <summary>A second name for an old file, until its successor is safe.</summary>
    public static string OldIn(string folder) => Random(folder, Prefix, Old);

    /// <summary>A name for content that must not be lost. Only the user removes such a file.</summary>
    public static string KeptIn(string folder) => Random(folder, Prefix[1..], ".kept");

    /// <summary>Removes the files that dead processes left. Those that cannot be removed stay.</summary>
    public static void RemoveAbandoned(string folder, FileCalls calls)
    {
        try
        {
            foreach (string path in Directory.EnumerateFiles(folder, $"{Prefix}*"))
            {
                if (path.EndsWith(New, StringComparison.Ordinal))
                    calls.DeleteAbandoned(path);
                else if (path.EndsWith(Old, StringComparison.Ordinal) && IsPast(path))
                    _ = calls.Delete(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A folder that cannot be listed can still be written to.
        }

        bool IsPast(string path) =>
            calls.Examine(path, follow: false, out FileFacts facts) == 0
            && facts.Changed < DateTime.UtcNow - OldNeeded;
    }

    private static string Random(string folder, string prefix, string suffix) =>
        Path.Join(
            folder,
            prefix + RandomNumberGenerator.GetHexString(RandomDigits, lowercase: true) + suffix
        );
}
