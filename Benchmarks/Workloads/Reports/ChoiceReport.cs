using System.Globalization;
using System.Text.Json.Serialization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>What a GPU's backend chose for a shape, as reports have it.</summary>
public sealed record ChoiceReport
{
    /// <summary>recurrent, convolution, math (a product's) or scan.</summary>
    public required string Kind { get; init; }

    /// <summary>The shape.</summary>
    public required string Shape { get; init; }

    /// <summary>The candidate that is taken.</summary>
    public required string Choice { get; init; }

    /// <summary>guess, measured, file or forced.</summary>
    public required string How { get; init; }

    /// <summary>Why it is a guess, or not what was forced.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>Median time of each candidate that was measured, microseconds.</summary>
    public required IReadOnlyDictionary<string, double> Us { get; init; }

    /// <summary>Why each of the others was not.</summary>
    public required IReadOnlyDictionary<string, string> Refused { get; init; }

    /// <summary>A backend's choices; null of none.</summary>
    public static IReadOnlyList<ChoiceReport>? Of(IReadOnlyList<CudaChoice> choices)
    {
        ArgumentNullException.ThrowIfNull(choices);
        return choices.Count == 0
            ? null
            :
            [
                .. choices.Select(c => new ChoiceReport
                {
                    Kind = c.Kind,
                    Shape = c.Shape,
                    Choice = c.Taken,
                    How = c.How,
                    Reason = c.Reason,
                    Us = c.Microseconds,
                    Refused = c.Refused,
                }),
            ];
    }

    /// <summary>Choices as lines for people: one each, and one for all products.</summary>
    public static IEnumerable<string> Lines(IReadOnlyList<CudaChoice> choices)
    {
        ArgumentNullException.ThrowIfNull(choices);
        foreach (CudaChoice choice in choices.Where(c => c.Kind != Products))
            yield return $"{choice.Kind} {choice.Shape}: {choice.Taken}, {Why(choice)}";
        foreach (
            IGrouping<(string Taken, string How, string? Reason), CudaChoice> group in choices
                .Where(c => c.Kind == Products)
                .GroupBy(c => (c.Taken, c.How, c.Reason))
        )
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"math of {Figures.Several(group.Count(), "product")}: {group.Key.Taken}, {Explain(group.Key.How, group.Key.Reason)}"
            );
    }

    private const string Products = "math";

    private static string Why(CudaChoice choice)
    {
        string times = string.Join(
            ", ",
            choice.Microseconds.Select(t =>
                string.Create(CultureInfo.InvariantCulture, $"{t.Key} {t.Value:0.0} us")
            )
        );
        string why = Explain(choice.How, choice.Reason);
        return times.Length == 0 ? why : $"{why} ({times})";
    }

    private static string Explain(string how, string? reason) =>
        (
            how switch
            {
                "measured" => "measured",
                "file" => "measured before",
                "forced" => "asked for",
                _ => "by rule",
            }
        ) + (reason is null ? "" : $" ({reason})");
}
