using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>The part of a document that is made from results; what people wrote before and behind it stays.</summary>
internal static class ResultsPart
{
    /// <summary>The line that the part begins with.</summary>
    public const string Begin =
        "<!-- results: what follows is made by sequor page, and made anew by it -->";

    /// <summary>The line that it ends with.</summary>
    public const string End = "<!-- end of results -->";

    /// <summary>The document with results.</summary>
    /// <param name="path">Where it is, or will be, for messages.</param>
    /// <param name="before">What is there; null or empty for nothing.</param>
    /// <param name="results">The results.</param>
    /// <exception cref="UsageException">There is another text, without such a part.</exception>
    public static string Of(string path, string? before, string results)
    {
        string part = $"{Begin}\n\n{results.Trim('\n')}\n\n{End}";
        if (before is not { Length: > 0 } text)
            return part;
        int begin = text.IndexOf(Begin, StringComparison.Ordinal);
        int end = begin < 0 ? -1 : text.IndexOf(End, begin, StringComparison.Ordinal);
        if (end < 0)
            throw new UsageException(
                $"--markdown: '{Printable.Shortened(path)}' is there already and has no part for results, from a line '{Begin}' to a line '{End}'; it stays as it is"
            );
        return (text[..begin] + part + text[(end + End.Length)..]).TrimEnd('\n');
    }
}
