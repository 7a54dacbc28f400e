using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>
/// A place that is to be written to at the end of long work: whether it can be is tried at the beginning, and what was there
/// stays until the new content is whole. A dash is standard output.
/// </summary>
internal sealed class OutputFile
{
    private const string Dash = "-";
    private const int Output = 1;
    private const int Error = 2;

    private readonly string _option;
    private readonly string _path;
    private readonly FilePlace _place;

    private OutputFile(string option, string path)
    {
        _option = option;
        _path = path;
        _place = Find();
    }

    /// <summary>A place to write to, or null where none is asked for.</summary>
    /// <exception cref="FailureException">It cannot be written.</exception>
    public static OutputFile? For(string option, string? path)
    {
        if (path is null)
            return null;
        var file = new OutputFile(option, path);
        file.Guard(() => FileReplacement.Try(file._place));
        return file;
    }

    /// <summary>The same of what is read again later, which only a file can be.</summary>
    /// <exception cref="UsageException">It is standard output, a FIFO or a device.</exception>
    /// <exception cref="FailureException">It cannot be written.</exception>
    public static OutputFile? ForCheckpoint(string option, string? path)
    {
        if (path is null)
            return null;
        var file = new OutputFile(option, path);
        if (!file._place.IsFile && file._place.Kind != FileKind.Folder)
        {
            string what = file._place.Kind == FileKind.Stream ? "FIFO" : "device";
            throw new UsageException(
                file._place.Descriptor is null
                    ? $"{option} must be a file, not the {what} '{path}'"
                    : $"{option} must be a file, not what this program has open as '{path}'"
            );
        }
        file.Guard(() => FileReplacement.Try(file._place));
        return file;
    }

    /// <summary>Whether standard output is for this alone, so that text belongs on standard error.</summary>
    public bool IsStandardOutput => _place.Descriptor == Output;

    /// <summary>Two results in one file would be one, by whatever names it is called.</summary>
    /// <exception cref="UsageException">Two are the same file, or one is what text is printed to.</exception>
    public static void RequireApart(params IEnumerable<OutputFile?> files)
    {
        OutputFile[] given = [.. files.OfType<OutputFile>()];
        for (int i = 0; i < given.Length; i++)
        {
            OutputFile file = given[i];
            if (given[..i].FirstOrDefault(f => f._place.IsSameAs(file._place)) is { } other)
            {
                throw new UsageException(
                    $"{other._option} and {file._option} must be different files, not both '{file._path}'"
                        + (other._path == file._path ? "" : $", which '{other._path}' is as well")
                );
            }
            // What was printed, and what another program wrote there before, would be lost.
            foreach (
                (int number, string name) in (ReadOnlySpan<(int, string)>)
                    [(Output, "output"), (Error, "error")]
            )
            {
                if (file._place.IsFile && FilePlace.OfOpen(number)?.IsSameAs(file._place) == true)
                {
                    throw new UsageException(
                        $"{file._option} and standard {name} must be different files, not both '{file._path}'; - writes to standard output"
                    );
                }
            }
        }
    }

    /// <summary>What is read must not be overwritten by results.</summary>
    /// <exception cref="UsageException">The input is the same file as an output.</exception>
    public static void RequireApartFrom(
        string option,
        string? input,
        params IEnumerable<OutputFile?> files
    )
    {
        if (input is null)
            return;
        FilePlace read;
        try
        {
            read = FilePlace.Find(input);
        }
        catch (IOException)
        {
            // Who reads it says what is wrong with it.
            return;
        }
        if (files.FirstOrDefault(f => f?._place.IsSameAs(read) == true) is { } file)
        {
            throw new UsageException(
                $"{file._option} would overwrite '{input}', which {option} reads; give another file"
            );
        }
    }

    /// <summary>The text that is there; null where there is none that could be read again, as in a device.</summary>
    /// <exception cref="FailureException">It cannot be read.</exception>
    public string? ReadText()
    {
        if (!_place.IsFile || _place.Kind == FileKind.None)
            return null;
        try
        {
            return File.ReadAllText(_path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"{_option}: '{_path}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Puts a text and a line's end in place of what was there.</summary>
    /// <exception cref="FailureException">It cannot be written.</exception>
    public void Write(ReadOnlySpan<byte> text)
    {
        byte[] line = [.. text, (byte)'\n'];
        // Links may lead elsewhere by now.
        FilePlace place = _place.Descriptor is null ? Find() : _place;
        Guard(() => FileReplacement.Write(place, stream => stream.Write(line)));
    }

    private FilePlace Find()
    {
        FilePlace? place = null;
        Guard(() => place = _path == Dash ? FilePlace.StandardOutput() : FilePlace.Find(_path));
        return place!;
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
