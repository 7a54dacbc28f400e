using System.Text.RegularExpressions;

namespace Sequor.Peers;

/// <summary>Why a library could not be loaded, in a line.</summary>
internal static partial class LoadFailure
{
    /// <summary>What the system's loader said, where it said something, else what the innermost exception says.</summary>
    public static string InALine(Exception exception)
    {
        while (exception.InnerException is { } inner)
            exception = inner;
        string[] lines =
        [
            .. exception
                .Message.Split('\n', StringSplitOptions.TrimEntries)
                .Where(line => line.Length > 0),
        ];
        // .NET has advice first, and below it an answer for each place that it looked in; most are of files that are not there.
        string? told = lines.FirstOrDefault(line => Version().IsMatch(line));
        return OneLine(told ?? string.Join(' ', lines));
    }

    /// <summary>A text without breaks of lines.</summary>
    public static string OneLine(string text) => Breaks().Replace(text.Trim(), " ");

    // As in: /lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by ...).
    [GeneratedRegex("version `[^']*' not found")]
    private static partial Regex Version();

    [GeneratedRegex(@"\s*[\r\n]+\s*")]
    private static partial Regex Breaks();
}
