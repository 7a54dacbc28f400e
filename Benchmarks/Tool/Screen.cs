using Sequor.Layers;
using Spectre.Console;

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
    private readonly IAnsiConsole? _console;

    /// <param name="outputs">Where results go; standard output is for one that goes there alone.</param>
    public Screen(params IEnumerable<OutputFile?> outputs)
    {
        bool error = outputs.Any(file => file?.IsStandardOutput == true);
        _out = error ? Console.Error : Console.Out;
        bool terminal = error ? StandardStreams.ErrorIsTerminal : StandardStreams.OutputIsTerminal;
        bool dumb = Environment.GetEnvironmentVariable("TERM") == "dumb";
        if (terminal && !dumb && HasColours)
            _console = AnsiConsole.Create(
                new AnsiConsoleSettings { Out = new AnsiConsoleOutput(_out) }
            );
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
    public int Width => _console?.Profile.Width ?? PlainWidth;

    /// <summary>Prints a line to standard error: a failure, or a note that must not be among the results.</summary>
    public static void Tell(string text) => Console.Error.WriteLine(Printable.Of(text));

    public void Line(string text = "") => _out.WriteLine(Printable.Of(text));

    public void Title(string text)
    {
        if (_console is null)
            Line(text);
        else
            _console.Write(
                new Text(Printable.Of(text) + "\n", new Style(decoration: Decoration.Bold))
            );
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
        bool lines = _console is not null && widths.Sum(w => w + 2) <= Width;
        if (lines)
            WriteTable(head, all.Skip(1));
        else
            WriteColumns(all, widths);
    }

    private void WriteTable(IReadOnlyList<string> head, IEnumerable<string[]> rows)
    {
        var table = new Table { Border = TableBorder.Simple };
        for (int i = 0; i < head.Count; i++)
        {
            table.AddColumn(
                new TableColumn(new Text(head[i], new Style(decoration: Decoration.Dim)))
                {
                    NoWrap = true,
                    Alignment = i == 0 ? Justify.Left : Justify.Right,
                    Padding = new Padding(0, 0, 1, 0),
                }
            );
        }
        foreach (string[] row in rows)
        {
            table.AddRow(
                row.Select(
                    (cell, i) => i == 0 ? new Text(cell, new Style(Color.Aqua)) : new Text(cell)
                )
            );
        }
        _console!.Write(table);
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
