using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The lines of a file as bytes, one after the other, in memory that is used again and again.</summary>
internal sealed class LineReader : IDisposable
{
    private readonly FileStream _file;
    private readonly string _path;
    private readonly int _most;
    private byte[] _buffer = new byte[1 << 16];
    private int _begin;
    private int _end;

    /// <param name="path">The file.</param>
    /// <param name="most">The most bytes of a line.</param>
    /// <exception cref="IOException">The file is not there, or cannot be read.</exception>
    public LineReader(string path, int most)
    {
        (_path, _most) = (path, most);
        try
        {
            _file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"Cannot read '{path}': {e.Message}", e);
        }
    }

    /// <summary>The number of the last line, from 1; 0 before the first.</summary>
    public long Number { get; private set; }

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line, until the next call, without LF or CRLF at its end.</param>
    /// <returns>Whether there was one.</returns>
    /// <exception cref="TaskDataException">It is too long.</exception>
    public bool Next(out ReadOnlySpan<byte> line)
    {
        int searched = _begin;
        while (true)
        {
            int found = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (found >= 0)
            {
                line = Take(searched + found, searched + found + 1);
                return true;
            }
            searched = Fill();
            if (searched == _end)
            {
                line = _begin < _end ? Take(_end, _end) : default;
                return !line.IsEmpty;
            }
        }
    }

    // Where what is new begins: at the end where there is nothing.
    private int Fill()
    {
        int kept = _end - _begin;
        RequireShort(kept);
        _buffer.AsSpan(_begin, kept).CopyTo(_buffer);
        (_begin, _end) = (0, kept);
        if (_end == _buffer.Length)
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        _end += _file.Read(_buffer.AsSpan(_end));
        return kept;
    }

    private ReadOnlySpan<byte> Take(int end, int next)
    {
        RequireShort(end - _begin);
        ReadOnlySpan<byte> line = _buffer.AsSpan(_begin, end - _begin);
        _begin = next;
        Number++;
        return line is [.. var text, (byte)'\r'] ? text : line;
    }

    private void RequireShort(int length)
    {
        if (length > _most)
            throw new TaskDataException(
                $"'{_path}', line {Number + 1}: it has more than {Amount.Of(_most, "byte")}."
            );
    }

    public void Dispose() => _file.Dispose();
}
