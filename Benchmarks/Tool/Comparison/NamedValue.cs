using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// A figure as actions that draw trends take it: a list of names, units and values, of which smaller ones are better.
/// </summary>
/// <param name="Name">The subject and the metric.</param>
/// <param name="Unit">Such as ms; a count has count.</param>
/// <param name="Value">The head's figure.</param>
/// <param name="Extra">Its verdict against the base.</param>
internal sealed record NamedValue(string Name, string Unit, double Value, string Extra)
{
    /// <summary>The head's figures as such a list, in UTF-8, by name, so that two lists can be laid side by side.</summary>
    public static byte[] List(ComparisonReport report) =>
        JsonSerializer.SerializeToUtf8Bytes(
            report
                .Rows.Where(row => row.Head is not null)
                .OrderBy(row => row.Name, StringComparer.Ordinal)
                .ThenBy(row => row.Metric, StringComparer.Ordinal)
                .Select(row => new NamedValue(
                    $"{row.Name}: {row.Metric}",
                    row.Unit.Length == 0 ? "count" : row.Unit,
                    row.Head!.Value,
                    row.Ratio is { } ratio
                        ? string.Create(
                            CultureInfo.InvariantCulture,
                            $"{row.Verdict}, {ratio:0.000} of the base"
                        )
                        : row.Verdict
                ))
                .ToArray(),
            NamedValueJson.Default.NamedValueArray
        );
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(NamedValue[]))]
internal sealed partial class NamedValueJson : JsonSerializerContext;
