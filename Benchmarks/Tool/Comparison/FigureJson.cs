using System.Globalization;
using System.Text.Json;
using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>A file is not what it should be; the message says where in it, and not which file.</summary>
internal sealed class FigureException(string message) : Exception(message);

/// <summary>A value in a JSON file that knows its place, so that what is wrong with it can be told.</summary>
/// <param name="element">The value.</param>
/// <param name="place">Where it is, as in results[0].step_ms; empty for the whole.</param>
internal readonly struct FigureJson(JsonElement element, string place = "")
{
    /// <summary>A property of an object.</summary>
    public FigureJson this[string name] =>
        Maybe(name) ?? throw new FigureException($"{Named(name)} is missing");

    /// <summary>A property of an object; null where it is not there, or null.</summary>
    public FigureJson? Maybe(string name)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw Wrong("an object");
        return
            element.TryGetProperty(name, out JsonElement value)
            && value.ValueKind != JsonValueKind.Null
            ? new FigureJson(value, Named(name))
            : null;
    }

    /// <summary>The properties of an object.</summary>
    public IEnumerable<(string Name, FigureJson Value)> Properties()
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw Wrong("an object");
        foreach (JsonProperty property in element.EnumerateObject())
            yield return (property.Name, new FigureJson(property.Value, Named(property.Name)));
    }

    /// <summary>The items of a list.</summary>
    public IReadOnlyList<FigureJson> Items()
    {
        if (element.ValueKind != JsonValueKind.Array)
            throw Wrong("a list");
        var items = new List<FigureJson>(element.GetArrayLength());
        foreach (JsonElement item in element.EnumerateArray())
            items.Add(
                new FigureJson(
                    item,
                    string.Create(CultureInfo.InvariantCulture, $"{place}[{items.Count}]")
                )
            );
        return items;
    }

    public string Text() =>
        element.ValueKind == JsonValueKind.String ? element.GetString()! : throw Wrong("a text");

    /// <summary>A text, number or truth as a text: conditions are compared as they are written.</summary>
    public string Value() =>
        element.ValueKind switch
        {
            JsonValueKind.String => element.GetString()!,
            JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False =>
                element.GetRawText(),
            _ => throw Wrong("a text or a number"),
        };

    public bool Truth() =>
        element.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong("true or false"),
        };

    /// <summary>A finite number, 0 or above.</summary>
    public double Count() =>
        Finite() is >= 0 and var number ? number : throw Wrong("a number of at least 0");

    /// <summary>A finite number above 0.</summary>
    public double Time() => Finite() is > 0 and var number ? number : throw Wrong("above 0");

    /// <summary>Any finite number.</summary>
    public double Finite() =>
        element.ValueKind == JsonValueKind.Number
        && element.TryGetDouble(out double number)
        && double.IsFinite(number)
            ? number
            : throw Wrong("a finite number");

    /// <summary>What is said of a value that is not as it must be.</summary>
    public FigureException Wrong(string allowed) =>
        new(
            $"{(place.Length == 0 ? "the whole" : place)} must be {allowed}, not {Printable.Shortened(element.GetRawText(), 40)}"
        );

    private string Named(string name) =>
        place.Length == 0 ? Printable.Shortened(name) : $"{place}.{Printable.Shortened(name)}";
}
