namespace Sequor.Tool;

/// <summary>Files of JSON that commands are given to read.</summary>
internal static class JsonInput
{
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>All bytes of a file but a mark of byte order, which JSON does not have and some programs write.</summary>
    /// <param name="path">The file.</param>
    /// <param name="side">What messages begin with.</param>
    /// <exception cref="UsageException">It is not there or cannot be read.</exception>
    public static byte[] Read(string path, string side = "")
    {
        RequireName(path, side);
        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            return bytes.AsSpan().StartsWith(ByteOrderMark) ? bytes[ByteOrderMark.Length..] : bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UsageException($"{side}there is no file or folder '{path}'");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{side}'{path}' cannot be read: {e.Message}");
        }
    }

    /// <summary>Refuses an empty name, as a variable of a script that is not set gives it.</summary>
    /// <param name="path">The name.</param>
    /// <param name="side">What messages begin with.</param>
    /// <exception cref="UsageException">It is empty.</exception>
    public static void RequireName(string path, string side = "")
    {
        if (path.Length == 0)
            throw new UsageException($"{side}the name of a file must not be empty");
    }
}
