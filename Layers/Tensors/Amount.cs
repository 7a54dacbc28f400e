using System.Globalization;

namespace Sequor.Layers;

/// <summary>Numbers of things in messages.</summary>
internal static class Amount
{
    /// <summary>A number and what is counted: "1 step", "2 steps".</summary>
    /// <param name="count">How many.</param>
    /// <param name="noun">One of them; several have an s more.</param>
    public static string Of(Int128 count, string noun) => Of(count, "", noun);

    /// <summary>The same with digits in groups: "1,000 steps".</summary>
    public static string Grouped(Int128 count, string noun) => Of(count, "N0", noun);

    private static string Of(Int128 count, string format, string noun) =>
        $"{count.ToString(format, CultureInfo.InvariantCulture)} {noun}{(count == 1 ? "" : "s")}";
}
