using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Reads files whole, with the same words where that cannot be.</summary>
internal static class WholeFile
{
    /// <summary>All bytes of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="largest">The most bytes that it may have.</param>
    /// <param name="refusal">Makes the exception for a file that has more, from the message.</param>
    /// <exception cref="IOException">It is not there, cannot be read, or is something else, such as a pipe.</exception>
    public static byte[] Read(string path, long largest, Func<string, Exception> refusal)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using FileStream stream = File.OpenRead(path);
            if (!stream.CanSeek)
                throw new IOException($"Cannot read '{path}': it is no file.");
            if (stream.Length > largest)
                throw refusal(
                    $"'{path}' has {Amount.Of(stream.Length, "byte")}; at most {largest} are read."
                );
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"Cannot read '{path}': {e.Message}", e);
        }
    }
}
