using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>
/// Standard output, or standard error where a result goes to the former: tables with lines and colours on a terminal;
/// elsewhere, or where NO_COLOR is set, plain text in aligned columns. What files and drivers say goes through here, or through
/// <see cref="Tell"/>: control characters in it are told and not obeyed.
/// </summary>
internal sealed class Screen
{
    // Wide enough that no table is wrapped.
    private const int PlainWidth = 400;

    private readonly TextWriter _out;
    private readonly Terminal? _terminal;

    /// <param name="outputs">Where results go; standard output is for one that goes there alone.</param>
    public Screen(params IEnumerable<OutputFile?> outputs)
    {
        bool error = outputs.Any(file => file?.IsStandardOutput == true);
        _out = error ? Console.Error : Console.Out;
        bool terminal = error ? StandardStreams.ErrorIsTerminal : StandardStreams.OutputIsTerminal;
        bool dumb = Environment.GetEnvironmentVariable("TERM") == "dumb";
        if (terminal && !dumb && HasColours)
            _terminal = new Terminal(_out, error);
        ShowsProgress = StandardStreams.ErrorIsTerminal && !dumb && HasColours;
        // Where output goes to a file or to tee, what the line on the terminal shows has to stand there too.
        KeepsLines = !ShowsProgress || !terminal;
    }

    // NO_COLOR asks for text without sequences of control characters, and the line that is written over is one.
    private static bool HasColours =>
        string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    /// <summary>Whether a line on standard error may be written over again and again.</summary>
    public bool ShowsProgress { get; }

    /// <summary>Whether progress is to be printed in lines that stay.</summary>
    public bool KeepsLines { get; }

    /// <summary>Columns that a line has room for.</summary>
    public int Width => _terminal is null ? PlainWidth : Terminal.Width;

    /// <summary>Prints a line to standard error: a failure, or a note that must not be among the results.</summary>
    public static void Tell(string text) => Console.Error.WriteLine(Printable.Of(text));

    public void Line(string text = "") => _out.WriteLine(Printable.Of(text));

    public void Title(string text)
    {
        if (_terminal is null)
            Line(text);
        else
            _terminal.Title(Printable.Of(text));
    }

    /// <summary>A table whose first column is text and whose others are numbers.</summary>
    public void Table(string title, IReadOnlyList<string> head, IEnumerable<string[]> rows)
    {
        List<string[]> all =
        [
            [.. head],
            .. rows.Select(row => Array.ConvertAll(row, cell => Printable.Of(cell))),
        ];
        int[] widths =
        [
            .. Enumerable.Range(0, head.Count).Select(c => all.Max(row => row[c].Length)),
        ];
        Title(title);
        // A blank at each side of a column; without lines there are none at the sides of the table.
        if (_terminal is not null && widths.Sum(w => w + 2) <= Width)
            _terminal.Table(all, widths);
        else
            WriteColumns(all, widths);
    }

    private void WriteColumns(List<string[]> rows, int[] widths)
    {
        foreach (string[] row in rows)
        {
            IEnumerable<string> cells = row.Select(
                (cell, c) => c == 0 ? cell.PadRight(widths[c]) : cell.PadLeft(widths[c])
            );
            Line(string.Join("  ", cells).TrimEnd());
        }
        Line();
    }
}
