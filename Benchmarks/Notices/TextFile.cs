using System.Globalization;
using System.Text;

namespace Sequor.Notices;

/// <summary>Texts of licences, as plain text with \n at the ends of lines.</summary>
public static class TextFile
{
    // Groups of rich text that are no text to read.
    private static readonly string[] Hidden =
    [
        "fonttbl",
        "colortbl",
        "stylesheet",
        "info",
        "pict",
        "listtable",
        "header",
        "footer",
    ];

    /// <summary>A file's text; that of rich text (.rtf) without its formats.</summary>
    public static string Read(string path)
    {
        string text = File.ReadAllText(path);
        if (path.EndsWith(".rtf", StringComparison.OrdinalIgnoreCase))
            text = Plain(text);
        IEnumerable<string> lines = text.ReplaceLineEndings("\n")
            .Split('\n')
            .Select(l => l.TrimEnd());
        return string.Join('\n', lines).Trim('\n') + "\n";
    }

    /// <summary>A licence's text that comes with this program, or null.</summary>
    public static string? Resource(string name)
    {
        using Stream? stream = typeof(TextFile).Assembly.GetManifestResourceStream(name);
        if (stream is null)
            return null;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }

    /// <summary>The text in rich text.</summary>
    public static string Plain(string rich)
    {
        var text = new StringBuilder();
        var groups = new Stack<bool>();
        bool hidden = false;
        for (int i = 0; i < rich.Length; i++)
        {
            char c = rich[i];
            if (c == '{')
                groups.Push(hidden);
            else if (c == '}')
                hidden = groups.Count > 0 && groups.Pop();
            else if (c == '\\' && i + 1 < rich.Length)
                i = Control(rich, i + 1, text, ref hidden) - 1;
            else if (c is not ('\r' or '\n') && !hidden)
                text.Append(c);
        }
        return text.ToString();
    }

    /// <summary>Reads the control word or symbol behind a backslash, and gives where the text goes on.</summary>
    private static int Control(string rich, int at, StringBuilder text, ref bool hidden)
    {
        char first = rich[at];
        if (first == '\'' && at + 2 < rich.Length)
        {
            if (
                !hidden
                && byte.TryParse(
                    rich.AsSpan(at + 1, 2),
                    NumberStyles.HexNumber,
                    null,
                    out byte code
                )
                && code >= ' '
            )
                text.Append((char)code);
            return at + 3;
        }
        if (!char.IsAsciiLetter(first))
        {
            hidden |= first == '*';
            if (!hidden && first is '\\' or '{' or '}')
                text.Append(first);
            return at + 1;
        }
        int end = at;
        while (end < rich.Length && char.IsAsciiLetter(rich[end]))
            end++;
        string word = rich[at..end];
        int number = end;
        while (
            number < rich.Length
            && (char.IsAsciiDigit(rich[number]) || (number == end && rich[number] == '-'))
        )
            number++;
        string value = rich[end..number];
        hidden |= Hidden.Contains(word);
        if (number < rich.Length && rich[number] == ' ')
            number++;
        if (hidden)
            return number;
        if (word is "par" or "line")
            text.Append('\n');
        else if (word == "tab")
            text.Append(' ');
        else if (word == "u" && short.TryParse(value, CultureInfo.InvariantCulture, out short unit))
        {
            text.Append((char)(ushort)unit);
            // The character for readers that know no Unicode.
            return number < rich.Length && rich[number] is not ('\\' or '{' or '}')
                ? number + 1
                : number;
        }
        return number;
    }
}
