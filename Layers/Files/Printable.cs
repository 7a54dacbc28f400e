using System.Globalization;
using System.Text;

namespace Sequor.Layers;

/// <summary>
/// Makes texts from outside of this project (names and settings in files, paths, what a driver says about itself) safe to print. Characters
/// that would move a terminal's cursor, change its colours or turn the direction of writing are escaped.
/// </summary>
internal static class Printable
{
    /// <summary>
    /// Replaces control characters, line separators, marks of direction and lone surrogates by \n, \r, \t, or \u and four hexadecimal
    /// digits. Returns the same text where there are none.
    /// </summary>
    /// <param name="text">Any text.</param>
    /// <param name="lines">Whether line ends and tabs are left as they are, for a text of several lines.</param>
    public static string Of(string text, bool lines = false)
    {
        int first = 0;
        while (first < text.Length && IsShown(text, first, lines))
            first++;
        if (first == text.Length)
            return text;
        var shown = new StringBuilder(text, 0, first, text.Length + 16);
        for (int i = first; i < text.Length; i++)
        {
            char c = text[i];
            if (IsShown(text, i, lines))
                shown.Append(c);
            else if (c is '\n' or '\r' or '\t')
                shown
                    .Append('\\')
                    .Append(
                        c == '\n' ? 'n'
                        : c == '\r' ? 'r'
                        : 't'
                    );
            else
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }
        return shown.ToString();
    }

    /// <summary>The same, cut to a length that suits messages; a text that was cut ends with three dots.</summary>
    public static string Shortened(string text, int most = 100)
    {
        if (text.Length <= most)
            return Of(text);
        // A surrogate pair is not cut in two.
        int length = most > 0 && char.IsHighSurrogate(text[most - 1]) ? most - 1 : most;
        return Of(text[..length]) + "...";
    }

    private static bool IsLineEnd(string text, int at) =>
        text[at] == '\r' && at + 1 < text.Length && text[at + 1] == '\n';

    private static bool IsShown(string text, int at, bool lines)
    {
        char c = text[at];
        if (c < 0x7f)
            return c >= ' ' || (lines && (c is '\n' or '\t' || IsLineEnd(text, at)));
        if (char.IsHighSurrogate(c))
            return at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]);
        if (char.IsLowSurrogate(c))
            return at > 0 && char.IsHighSurrogate(text[at - 1]);
        // Not shown: control characters beyond ASCII, line and paragraph separators, and marks that turn the direction of writing.
        return !char.IsControl(c)
            && c
                is not ('\u2028' or '\u2029' or '\u061c' or '\u200e' or '\u200f')
                    and not (>= '\u202a' and <= '\u202e')
                    and not (>= '\u2066' and <= '\u2069');
    }
}
