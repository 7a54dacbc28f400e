using System.Globalization;

namespace Sequor.Layers;

/// <summary>Formats numbers of things for messages.</summary>
internal static class Amount
{
    /// <summary>A number and what is counted: "1 step", "2 steps".</summary>
    /// <param name="count">The number.</param>
    /// <param name="noun">The singular noun; the plural adds an s.</param>
    public static string Of(Int128 count, string noun) => Of(count, "", noun);

    /// <summary>The same, with digits in groups: "1,000 steps".</summary>
    public static string Grouped(Int128 count, string noun) => Of(count, "N0", noun);

    private static string Of(Int128 count, string format, string noun) =>
        $"{count.ToString(format, CultureInfo.InvariantCulture)} {noun}{(count == 1 ? "" : "s")}";
}
