using System.Globalization;
using System.Text.RegularExpressions;

namespace Sequor.Tool;

/// <summary>A time with its unit on a command line: 8h, 90m, 30s, or several of them as in 1h30m.</summary>
internal static partial class TimeOption
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1000);

    /// <summary>What must stand there, for messages.</summary>
    public static string Allowed { get; } =
        $"a time such as 8h, 90m, 30s or 1h30m, above 0 and at most {Longest.TotalDays:0}d";

    /// <summary>The time that a text says; null where it says none.</summary>
    public static TimeSpan? Parse(string text)
    {
        if (!Form().IsMatch(text))
            return null;
        double seconds = 0;
        foreach (Match part in Part().Matches(text))
        {
            double number = double.Parse(part.Groups[1].Value, CultureInfo.InvariantCulture);
            seconds +=
                number
                * part.Groups[2].Value switch
                {
                    "d" => 24 * 3600,
                    "h" => 3600,
                    "m" => 60,
                    _ => 1,
                };
        }
        return seconds > 0 && seconds <= Longest.TotalSeconds
            ? TimeSpan.FromSeconds(seconds)
            : null;
    }

    [GeneratedRegex(@"^([0-9]{1,9}(\.[0-9]{1,9})?[dhms])+$", RegexOptions.CultureInvariant)]
    private static partial Regex Form();

    [GeneratedRegex(@"([0-9]+(?:\.[0-9]+)?)([dhms])", RegexOptions.CultureInvariant)]
    private static partial Regex Part();
}
