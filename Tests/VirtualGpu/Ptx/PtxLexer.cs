using System.Globalization;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>What a piece of PTX text is, as the lexer of the virtual GPU tells them apart.</summary>
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
    /// <summary>The text in pieces, an end behind the last.</summary>
    /// <exception cref="PtxException">A comment or a text in quotes has no end.</exception>
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
            else if (c is ' ' or '\t' or '\r')
            {
                i++;
            }
            else if (c == '\0')
            {
                // As in C, the text ends here, whatever is behind.
                break;
            }
            else if (c == '/' && i + 1 < text.Length && text[i + 1] == '/')
            {
                int end = text.IndexOf('\n', i);
                i = end < 0 ? text.Length : end;
            }
            else if (c == '/' && i + 1 < text.Length && text[i + 1] == '*')
            {
                int end = text.IndexOf("*/", i + 2, StringComparison.Ordinal);
                if (end < 0)
                    throw new PtxException("/*", line, "begins a comment that nothing ends");
                line += text.AsSpan(i, end - i).Count('\n');
                i = end + 2;
            }
            else if (c == '"')
            {
                int end = text.IndexOf('"', i + 1);
                if (end < 0)
                    throw new PtxException("\"", line, "begins a text that nothing ends");
                tokens.Add(new(PtxTokenKind.Text, text[(i + 1)..end], line));
                line += text.AsSpan(i, end - i).Count('\n');
                i = end + 1;
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

    /// <summary>
    /// Whether a word is a name: a letter and more, or one of <c>_ $ %</c> and at least one more; behind the first,
    /// letters, digits, <c>_</c> and <c>$</c>.
    /// </summary>
    public static bool IsName(string word)
    {
        if (!char.IsAsciiLetter(word[0]) && (word[0] is not ('_' or '$' or '%') || word.Length < 2))
            return false;
        for (int i = 1; i < word.Length; i++)
            if (!char.IsAsciiLetterOrDigit(word[i]) && word[i] is not ('_' or '$'))
                return false;
        return true;
    }

    private static bool IsWord(char c) =>
        char.IsAsciiLetterOrDigit(c) || c is '_' or '$' or '%' or '.';
}
