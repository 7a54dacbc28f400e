using Spectre.Console;

namespace Sequor.Tool;

/// <summary>
/// Standard output, or standard error where a result goes to the former: tables with lines and colours on a terminal;
/// elsewhere, or where NO_COLOR is set, plain text in aligned columns.
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
        bool terminal = !(error ? Console.IsErrorRedirected : Console.IsOutputRedirected);
        bool colours =
            string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            && Environment.GetEnvironmentVariable("TERM") != "dumb";
        if (terminal && colours)
            _console = AnsiConsole.Create(
                new AnsiConsoleSettings { Out = new AnsiConsoleOutput(_out) }
            );
        ShowsProgress = _console is not null && !Console.IsErrorRedirected;
    }

    /// <summary>Whether a line may be written over again and again.</summary>
    public bool ShowsProgress { get; }

    public bool IsPlain => _console is null;

    /// <summary>Columns that a line has room for.</summary>
    public int Width => _console?.Profile.Width ?? PlainWidth;

    public void Line(string text = "") => _out.WriteLine(text);

    public void Title(string text)
    {
        if (_console is null)
            Line(text);
        else
            _console.Write(new Text(text + "\n", new Style(decoration: Decoration.Bold)));
    }

    /// <summary>A table whose first column is text and whose others are numbers.</summary>
    public void Table(string title, IReadOnlyList<string> head, IEnumerable<string[]> rows)
    {
        List<string[]> all =
        [
            [.. head],
            .. rows,
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
