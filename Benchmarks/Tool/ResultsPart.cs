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
    /// <param name="path">Where it is, or will be; a dash for standard output.</param>
    /// <param name="results">The results.</param>
    /// <exception cref="UsageException">There is another file, without such a part.</exception>
    /// <exception cref="FailureException">It cannot be read.</exception>
    public static string Of(string path, string results)
    {
        string part = $"{Begin}\n\n{results.Trim('\n')}\n\n{End}";
        if (!File.Exists(path))
            return part;
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"--markdown: '{path}' cannot be read: {e.Message}", e);
        }
        if (text.Length == 0)
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
