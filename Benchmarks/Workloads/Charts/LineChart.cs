using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sequor.Workloads.Charts;

/// <summary>What charts.js draws: lines over common places, with a legend.</summary>
internal sealed record LineChart
{
    /// <summary>Of the element that it is drawn in.</summary>
    public required string Id { get; init; }

    public required Axis X { get; init; }

    public required Axis Y { get; init; }

    /// <summary>The places of all lines, ascending.</summary>
    public required IReadOnlyList<double> Places { get; init; }

    /// <summary>What the legend names; each stands for one line or more.</summary>
    public required IReadOnlyList<LegendEntry> Entries { get; init; }

    /// <summary>Kinds of lines, which the legend names as well; the first is drawn solid, the second dashed. May be empty.</summary>
    public IReadOnlyList<string> Kinds { get; init; } = [];

    public required IReadOnlyList<Line> Lines { get; init; }

    /// <summary>
    /// Charts as JSON that can stand within a script element: the encoder writes every &lt;, &gt; and &amp; as \u escapes.
    /// </summary>
    public static string ToJson(IReadOnlyList<LineChart> charts) =>
        JsonSerializer.Serialize(charts, ChartJson.Default.IReadOnlyListLineChart);
}

/// <summary>An axis.</summary>
/// <param name="Label">Its name and unit.</param>
/// <param name="Log">Logarithmic.</param>
/// <param name="Ticks">At the places, not at round numbers.</param>
/// <param name="Ends">Its two ends, whatever the values are; null for those of the values. It is for the axis of values.</param>
internal sealed record Axis(
    string Label,
    bool Log,
    bool Ticks = false,
    IReadOnlyList<double>? Ends = null
);

/// <summary>A line of the legend.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Note">What is to be known of it, or nothing.</param>
/// <param name="Style">Number of its colour and of its mark's shape, see <see cref="Styles"/>.</param>
internal sealed record LegendEntry(string Name, string Note, int Style);

/// <summary>A line.</summary>
/// <param name="Name">What the tooltip calls it.</param>
/// <param name="Entry">Number of its entry.</param>
/// <param name="Kind">Number of its kind, or 0.</param>
/// <param name="Values">One a place; null where there is none.</param>
/// <param name="Marks">The places that get a mark, by number; null for all.</param>
internal sealed record Line(
    string Name,
    int Entry,
    int Kind,
    IReadOnlyList<double?> Values,
    IReadOnlyList<int>? Marks = null
);

/// <summary>Colours and shapes: an architecture has the same ones on every page.</summary>
internal static class Styles
{
    /// <summary>How many colours page.css and shapes charts.js has.</summary>
    public const int Count = 6;

    /// <summary>
    /// The style of an architecture: a colour with a shape. After as many as there are colours, these begin again with other shapes.
    /// </summary>
    public static int Of(string architecture)
    {
        int index = Architecture.Names.ToList().IndexOf(architecture);
        return index >= 0 ? index % (Count * Count) : Count - 1;
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    GenerationMode = JsonSourceGenerationMode.Serialization
)]
[JsonSerializable(typeof(IReadOnlyList<LineChart>))]
internal sealed partial class ChartJson : JsonSerializerContext;
