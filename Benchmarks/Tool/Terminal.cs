using System.Runtime.InteropServices;
using System.Text;

namespace Sequor.Tool;

/// <summary>
/// A terminal that tables with lines are written to: with colours where it takes the sequences of characters for them, of ECMA-48 and
/// with the palette of xterm, as nearly all that have a name in TERM do.
/// </summary>
internal sealed class Terminal
{
    private const int WidthUnknown = 80;

    private static readonly string[] Known =
    [
        "xterm",
        "rxvt",
        "eterm",
        "screen",
        "tmux",
        "vt1",
        "vt2",
        "vt3",
        "ansi",
        "cygwin",
        "linux",
        "konsole",
        "bvterm",
        "st-",
        "alacritty",
        "foot",
        "kitty",
        "ghostty",
        "wezterm",
    ];

    private readonly TextWriter _out;
    private readonly bool _sequences;
    private readonly char _line;

    /// <param name="output">The stream that it is.</param>
    /// <param name="isError">Whether that is standard error, and not standard output.</param>
    public Terminal(TextWriter output, bool isError)
    {
        _out = output;
        _sequences = TakesSequences(isError);
        _line = output.Encoding.CodePage is 65001 or 1200 or 1201 or 12000 or 12001 ? '─' : '-';
    }

    /// <summary>Columns that a line has room for.</summary>
    public static int Width
    {
        get
        {
            try
            {
                return Console.BufferWidth is > 0 and var width ? width : WidthUnknown;
            }
            catch (IOException)
            {
                return WidthUnknown;
            }
        }
    }

    public void Title(string text) => _out.WriteLine(Styled(text, "1"));

    /// <summary>A table whose first column is text and whose others are numbers, with a blank at each side of a column and one at the end.</summary>
    /// <param name="rows">The head, and then the rows.</param>
    /// <param name="widths">The characters of each column's widest cell.</param>
    public void Table(IReadOnlyList<string[]> rows, int[] widths)
    {
        int all = widths.Sum(width => width + 2) + 1;
        var text = new StringBuilder().Append(' ', all).AppendLine();
        for (int r = 0; r < rows.Count; r++)
        {
            for (int c = 0; c < widths.Length; c++)
            {
                string cell = rows[r][c];
                int rest = widths[c] - cell.Length;
                string styled =
                    r == 0 ? Styled(cell, "2")
                    : c == 0 ? Styled(cell, "38;5;14")
                    : cell;
                text.Append(' ', c == 0 ? 1 : 1 + rest)
                    .Append(styled)
                    .Append(' ', c == 0 ? rest + 1 : 1);
            }
            text.Append(' ').AppendLine();
            if (r == 0)
                text.Append(_line, all).AppendLine();
        }
        _out.WriteLine(text.Append(' ', all).ToString());
    }

    private string Styled(string text, string style) =>
        _sequences && text.Length > 0 ? $"\e[{style}m{text}\e[0m" : text;

    private static bool TakesSequences(bool isError)
    {
        if (OperatingSystem.IsWindows())
            return EnableSequences(isError);
        string term = Environment.GetEnvironmentVariable("TERM") ?? "";
        return Known.Any(name => term.StartsWith(name, StringComparison.OrdinalIgnoreCase));
    }

    // Windows' own console takes them once it is asked to, since 2016.
    private static bool EnableSequences(bool isError)
    {
        const uint VirtualTerminalProcessing = 4;
        nint handle = GetStdHandle(isError ? -12 : -11);
        return GetConsoleMode(handle, out uint mode)
            && SetConsoleMode(handle, mode | VirtualTerminalProcessing);
    }

    [DllImport("kernel32")]
    private static extern nint GetStdHandle(int which);

    [DllImport("kernel32")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static extern bool GetConsoleMode(nint handle, out uint mode);

    [DllImport("kernel32")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static extern bool SetConsoleMode(nint handle, uint mode);
}
