using System.Globalization;

namespace Sequor.Workloads;

/// <summary>How large a processor's caches are, where the system tells.</summary>
internal static class CacheSize
{
    private const string Processors = "/sys/devices/system/cpu";

    /// <summary>Bytes of all caches of the last level together; 0 where they are not known.</summary>
    public static long LastLevel() => LastLevel(Processors);

    /// <summary>The same by a folder that has Linux's files.</summary>
    /// <param name="folder">With a folder a processor, cpu0 and so on.</param>
    public static long LastLevel(string folder)
    {
        try
        {
            if (!Directory.Exists(folder))
                return 0;
            // Processors that share a cache name the same processors.
            var caches = new Dictionary<(int Level, string SharedBy), long>();
            foreach (string cache in Directory.EnumerateDirectories(folder, "cpu*").SelectMany(Of))
            {
                if (
                    int.TryParse(Text(cache, "level"), CultureInfo.InvariantCulture, out int level)
                    && Bytes(Text(cache, "size")) is { } bytes
                )
                    caches[(level, Text(cache, "shared_cpu_list"))] = bytes;
            }
            if (caches.Count == 0)
                return 0;
            int last = caches.Keys.Max(key => key.Level);
            return caches.Where(pair => pair.Key.Level == last).Sum(pair => pair.Value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
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
