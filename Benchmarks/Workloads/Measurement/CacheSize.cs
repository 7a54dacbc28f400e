using System.Globalization;

namespace Sequor.Workloads;

/// <summary>The caches of one level of a processor, all that hold data.</summary>
/// <param name="Level">1 is the nearest.</param>
/// <param name="Bytes">Of all of them together.</param>
public sealed record CacheLevel(int Level, long Bytes);

/// <summary>How large a processor's caches are, where the system tells.</summary>
internal static class CacheSize
{
    private const string Processors = "/sys/devices/system/cpu";

    /// <summary>Bytes of all caches of the last level together; 0 where they are not known.</summary>
    public static long LastLevel() => LastLevel(Processors);

    /// <summary>The same by a folder that has Linux's files.</summary>
    /// <param name="folder">With a folder a processor, cpu0 and so on.</param>
    public static long LastLevel(string folder) =>
        Levels(folder) is [.., var last] ? last.Bytes : 0;

    /// <summary>The levels, the nearest first; none where they are not known.</summary>
    public static IReadOnlyList<CacheLevel> Levels() => Levels(Processors);

    /// <summary>The same by a folder that has Linux's files.</summary>
    /// <param name="folder">With a folder a processor, cpu0 and so on.</param>
    public static IReadOnlyList<CacheLevel> Levels(string folder)
    {
        try
        {
            if (!Directory.Exists(folder))
                return [];
            // Processors that share a cache name the same processors.
            var caches = new Dictionary<(int Level, string SharedBy), long>();
            foreach (string cache in Directory.EnumerateDirectories(folder, "cpu*").SelectMany(Of))
            {
                if (
                    Text(cache, "type") != "Instruction"
                    && int.TryParse(
                        Text(cache, "level"),
                        CultureInfo.InvariantCulture,
                        out int level
                    )
                    && Bytes(Text(cache, "size")) is { } bytes
                )
                    caches[(level, Text(cache, "shared_cpu_list"))] = bytes;
            }
            return
            [
                .. caches
                    .GroupBy(pair => pair.Key.Level)
                    .OrderBy(level => level.Key)
                    .Select(level => new CacheLevel(level.Key, level.Sum(pair => pair.Value))),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static IEnumerable<string> Of(string processor)
    {
        string caches = Path.Combine(processor, "cache");
        return Directory.Exists(caches) ? Directory.EnumerateDirectories(caches, "index*") : [];
    }

    private static string Text(string folder, string file)
    {
        string path = Path.Combine(folder, file);
        return File.Exists(path) ? File.ReadAllText(path).Trim() : "";
    }

    // As in 32768K.
    private static long? Bytes(string text) =>
        text.EndsWith('K')
        && long.TryParse(text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out long kib)
        && kib < long.MaxValue >> 10
            ? kib << 10
            : null;
}
