using System.Security.Cryptography;

namespace Sequor.Layers;

/// <summary>
/// The names of files that are there while another one is replaced. A name is random: a process's number would tell nothing
/// apart, as that of every container's first process is 1. What a process leaves when it is killed is removed by the next one
/// that writes to the folder.
/// </summary>
internal static class TemporaryFiles
{
    private const int RandomDigits = 16;
    private const string Prefix = ".sequor-";
    private const string New = ".tmp";
    private const string Old = ".old";

    // An old file's second name has no lock; it is needed for no longer than a folder takes to be flushed.
    private static readonly TimeSpan OldNeeded = TimeSpan.FromMinutes(1);

    /// <summary>A name for content that is being written.</summary>
    public static string NewIn(string folder) => Random(folder, Prefix, New);

    /// <summary>A name that keeps an old file until its successor is safe.</summary>
    public static string OldIn(string folder) => Random(folder, Prefix, Old);

    /// <summary>A name for content that must not be lost; nothing removes it but who is done with it.</summary>
    public static string KeptIn(string folder) => Random(folder, Prefix[1..], ".kept");

    /// <summary>Removes what dead processes left. What cannot be removed stays.</summary>
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
