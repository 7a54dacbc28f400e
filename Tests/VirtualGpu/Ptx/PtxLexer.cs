using System.Globalization;

namespace Sequor.VirtualGpu.Ptx;

internal enum PtxTokenKind
{
    /// <summary>A name, register, directive or opcode, its dots included.</summary>
    Word,
    Number,
    Text,
    Mark,
    End,
}

internal readonly record struct PtxToken(PtxTokenKind Kind, string Text, int Line)
{
    public bool Is(char mark) => Kind == PtxTokenKind.Mark && Text[0] == mark;
}

/// <summary>Cuts PTX text into words, numbers and marks, comments left out.</summary>
internal static class PtxLexer
{
    public static List<PtxToken> Read(string text)
    {
        var tokens = new List<PtxToken>();
        int line = 1;
        int i = 0;
        while (i < text.Length)
        {
            char c = text[i];
            if (c == '\n')
            {
                line++;
                i++;
            }
            else if (char.IsWhiteSpace(c) || c == '\0')
            {
                i++;
            }
            else if (c == '/' && i + 1 < text.Length && text[i + 1] == '/')
            {
                i = End(text, i, "\n");
            }
            else if (c == '/' && i + 1 < text.Length && text[i + 1] == '*')
            {
                int end = End(text, i + 2, "*/");
                line += text.AsSpan(i, end - i).Count('\n');
                i = Math.Min(text.Length, end + 2);
            }
            else if (c == '"')
            {
                int end = End(text, i + 1, "\"");
                tokens.Add(new(PtxTokenKind.Text, text[(i + 1)..end], line));
                i = Math.Min(text.Length, end + 1);
            }
            else if (IsWord(c))
            {
                int start = i;
                while (i < text.Length && IsWord(text[i]))
                    i++;
                string word = text[start..i];
                tokens.Add(
                    new(
                        char.IsAsciiDigit(word[0]) ? PtxTokenKind.Number : PtxTokenKind.Word,
                        word,
                        line
                    )
                );
            }
            else
            {
                tokens.Add(new(PtxTokenKind.Mark, c.ToString(), line));
                i++;
            }
        }
        tokens.Add(new(PtxTokenKind.End, "end of text", line));
        return tokens;
    }

    /// <summary>A whole number in PTX's notations.</summary>
    public static bool TryInteger(string text, out long value)
    {
        value = 0;
        string digits = text.EndsWith('U') ? text[..^1] : text;
        ulong bits;
        bool found;
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            found = ulong.TryParse(
                digits.AsSpan(2),
                NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture,
                out bits
            );
        else
            found = ulong.TryParse(
                digits,
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out bits
            );
        value = (long)bits;
        // A leading 0 would make it octal, which no compiler writes.
        return found && (digits.Length == 1 || digits[0] != '0' || digits[1] is 'x' or 'X');
    }

    /// <summary>A float given by its bits, as in <c>0f3F800000</c>.</summary>
    public static bool TryFloat(string text, out ulong bits, out bool isDouble)
    {
        bits = 0;
        isDouble = text.Length > 1 && text[1] is 'd' or 'D';
        bool single = text.Length > 1 && text[1] is 'f' or 'F';
        return text[0] == '0'
            && (isDouble || single)
            && text.Length == (isDouble ? 18 : 10)
            && ulong.TryParse(
                text.AsSpan(2),
                NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture,
                out bits
            );
    }

    private static bool IsWord(char c) =>
        char.IsAsciiLetterOrDigit(c) || c is '_' or '$' or '%' or '.';

    private static int End(string text, int start, string mark)
    {
        int end = text.IndexOf(mark, start, StringComparison.Ordinal);
        return end < 0 ? text.Length : end;
    }
}
