using System.Diagnostics;

namespace Sequor.Tool;

/// <summary>
/// A history: a file of lines, one a run, that runs append to. Whoever appends has the file locked meanwhile and writes a whole
/// line or none, so that two runs at a time lose nothing, and a disk that is full damages nothing.
/// </summary>
internal static class HistoryFile
{
    // Whoever has the lock writes a line or reads a file of lines.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Appends a line.</summary>
    /// <param name="option">The option that names the file.</param>
    /// <param name="path">The file, which need not be there.</param>
    /// <param name="line">The line, without its end.</param>
    /// <param name="write">Writes to the file; null for as it is done.</param>
    /// <exception cref="FailureException">It cannot be written, and is as it was.</exception>
    public static void Append(
        string option,
        string path,
        ReadOnlySpan<byte> line,
        Action<FileStream, byte[]>? write = null
    )
    {
        try
        {
            using FileStream file = Open(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
            long end = file.Length;
            // A line that something else cut off is left to itself.
            byte[] text = [.. HasOpenEnd(file) ? "\n"u8 : [], .. line, (byte)'\n'];
            file.Position = end;
            try
            {
                (write ?? Write)(file, text);
            }
            catch
            {
                file.SetLength(end);
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FailureException(
                $"{option}: '{path}' cannot be written, so this run is not in it: {e.Message}",
                e
            );
        }
    }

    /// <summary>All of it.</summary>
    /// <exception cref="UsageException">It cannot be read.</exception>
    public static byte[] Read(string path)
    {
        JsonInput.RequireName(path);
        try
        {
            using FileStream file = Open(path, FileMode.Open, FileAccess.Read);
            byte[] bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UsageException($"there is no file '{path}'");
        }
        catch (Exception e)
            when (e
                    is IOException
                        or UnauthorizedAccessException
                        or NotSupportedException
                        or OverflowException
            )
        {
            throw new UsageException($"'{path}' cannot be read: {e.Message}");
        }
    }

    private static void Write(FileStream file, byte[] text)
    {
        file.Write(text);
        file.Flush(flushToDisk: true);
    }

    private static bool HasOpenEnd(FileStream file)
    {
        if (file.Length == 0)
            return false;
        file.Position = file.Length - 1;
        return file.ReadByte() != '\n';
    }

    // A file that is shared with readers alone is locked for writers, and the other way round.
    private static FileStream Open(string path, FileMode mode, FileAccess access)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return new FileStream(
                    path,
                    mode,
                    access,
                    access == FileAccess.Read ? FileShare.Read : FileShare.None,
                    bufferSize: 0
                );
            }
            catch (IOException e)
                when (e.GetType() == typeof(IOException) && clock.Elapsed < Patience && IsHeld(e))
            {
                Thread.Sleep(Pause);
            }
        }
    }

    // The errors by which .NET reports a lock that someone else holds.
    private static bool IsHeld(IOException e) =>
        e.HResult
        == (
            OperatingSystem.IsWindows() ? unchecked((int)0x80070020)
            : OperatingSystem.IsMacOS() ? 35
            : 11
        );
}
