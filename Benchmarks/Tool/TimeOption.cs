using System.Globalization;

namespace Sequor.Tool;

/// <summary>A time with its unit on a command line: 8h, 90m, 30s, or several of them as in 1h30m.</summary>
internal static class TimeOption
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1000);

    /// <summary>What must stand there, for messages.</summary>
    public static string Allowed { get; } =
        $"a time such as 8h, 90m, 30s or 1h30m, above 0 and at most {Longest.TotalDays:0}d";

    /// <summary>The time that a text says; null where it says none.</summary>
    public static TimeSpan? Parse(string text)
    {
        double seconds = 0;
        for (ReadOnlySpan<char> rest = text; ; )
        {
            int end = rest.IndexOfAny("dhms") is var at and > 0 ? at : 0;
            if (!IsNumber(rest[..end]))
                return null;
            double number = double.Parse(rest[..end], CultureInfo.InvariantCulture);
            seconds +=
                number
                * rest[end] switch
                {
                    'd' => 24 * 3600,
                    'h' => 3600,
                    'm' => 60,
                    _ => 1,
                };
            rest = rest[(end + 1)..];
            if (rest.IsEmpty)
                break;
        }
        return seconds > 0 && seconds <= Longest.TotalSeconds
            ? TimeSpan.FromSeconds(seconds)
            : null;
    }

    // Up to nine digits, and as many after a point, if there is one. A regular expression would bring its whole library along.
    private static bool IsNumber(ReadOnlySpan<char> text)
    {
        int point = text.IndexOf('.');
        return point < 0
            ? IsDigits(text)
            : IsDigits(text[..point]) && IsDigits(text[(point + 1)..]);
    }

    private static bool IsDigits(ReadOnlySpan<char> text) =>
        text.Length is >= 1 and <= 9 && !text.ContainsAnyExceptInRange('0', '9');
}
