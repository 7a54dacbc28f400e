namespace Sequor.Tool;

/// <summary>
/// A file that is to be written at the end of long work: whether it can be is tried at the beginning, and what was there
/// stays until the new one is whole.
/// </summary>
internal sealed class OutputFile
{
    private readonly string _option;
    private readonly string _path;

    private OutputFile(string option, string path)
    {
        _option = option;
        _path = path;
    }

    /// <summary>A place to write to, or null where none is asked for.</summary>
    /// <exception cref="FailureException">It cannot be written.</exception>
    public static OutputFile? For(string option, string? path)
    {
        if (path is null)
            return null;
        var file = new OutputFile(option, Target(path));
        file.Guard(file.Try);
        return file;
    }

    /// <summary>Two results in one file would be one.</summary>
    /// <exception cref="UsageException">Both are the same file.</exception>
    public static void RequireApart(OutputFile? a, OutputFile? b)
    {
        if (a is null || b is null || a.IsDevice || a._path != b._path)
            return;
        throw new UsageException(
            $"{a._option} and {b._option} must be different files, not both '{a._path}'"
        );
    }

    /// <summary>Puts a text and a line's end in place of what was there.</summary>
    public void Write(ReadOnlySpan<byte> text)
    {
        byte[] line = [.. text, (byte)'\n'];
        Guard(() =>
        {
            if (IsDevice)
            {
                using FileStream device = new(_path, FileMode.Open, FileAccess.Write);
                device.Write(line);
                return;
            }
            string temporary = Temporary();
            try
            {
                using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write))
                {
                    stream.Write(line);
                    stream.Flush(flushToDisk: true);
                }
                File.Move(temporary, _path, overwrite: true);
            }
            catch
            {
                File.Delete(temporary);
                throw;
            }
        });
    }

    // A link stays a link: what it points to is replaced.
    private static string Target(string path)
    {
        string full = Path.GetFullPath(path);
        if (full.StartsWith("/dev/", StringComparison.Ordinal))
            return full;
        return File.Exists(full) && File.ResolveLinkTarget(full, true) is { } target
            ? target.FullName
            : full;
    }

    private bool IsDevice => _path.StartsWith("/dev/", StringComparison.Ordinal);

    private string Temporary() => $"{_path}.{Environment.ProcessId}.tmp";

    private void Try()
    {
        if (Directory.Exists(_path))
            throw new IOException("it is a folder");
        if (IsDevice)
        {
            if (!File.Exists(_path))
                throw new IOException("there is no such device");
            return;
        }
        string folder = Path.GetDirectoryName(_path)!;
        if (!Directory.Exists(folder))
            throw new IOException($"there is no folder '{folder}'");
        if (File.Exists(_path))
        {
            // Opening for writing asks the file itself and changes nothing.
            using FileStream existing = new(
                _path,
                FileMode.Open,
                FileAccess.Write,
                FileShare.ReadWrite
            );
        }
        string temporary = Temporary();
        using (new FileStream(temporary, FileMode.CreateNew, FileAccess.Write)) { }
        File.Delete(temporary);
    }

    private void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"{_option}: '{_path}' cannot be written: {e.Message}", e);
        }
    }
}
