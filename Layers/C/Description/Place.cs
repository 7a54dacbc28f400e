using System.Globalization;
using System.Text.Json;
using Sequor.Layers;

namespace Sequor.C;

/// <summary>A place in a description, by its JSON path ($.layers[2].hidden), and the refusals of what stands there.</summary>
/// <param name="Path">The path.</param>
/// <param name="Value">What stands there.</param>
internal readonly record struct Place(string Path, JsonElement Value)
{
    /// <summary>The place of a property.</summary>
    public Place At(string name, JsonElement value) => new($"{Path}.{name}", value);

    /// <summary>The place of an element of an array.</summary>
    public Place At(int index, JsonElement value) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{Path}[{index}]"), value);

    /// <summary>A whole number.</summary>
    public int Int() =>
        Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out int number)
            ? number
            : throw Wrong("a whole number from -2147483648 to 2147483647");

    /// <summary>A number of single precision, finite.</summary>
    public float Float() =>
        Value.ValueKind == JsonValueKind.Number
        && Value.TryGetSingle(out float number)
        && float.IsFinite(number)
            ? number
            : throw Wrong("a number of single precision");

    /// <summary>A number of double precision, finite.</summary>
    public double Double() =>
        Value.ValueKind == JsonValueKind.Number
        && Value.TryGetDouble(out double number)
        && double.IsFinite(number)
            ? number
            : throw Wrong("a number");

    /// <summary>True or false.</summary>
    public bool Bool() =>
        Value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? Value.GetBoolean()
            : throw Wrong("true or false");

    /// <summary>A text.</summary>
    public string Text()
    {
        if (Value.ValueKind != JsonValueKind.String)
            throw Wrong("a text");
        try
        {
            return Value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair.
            throw Wrong("a text of valid Unicode");
        }
    }

    /// <summary>One of several words.</summary>
    public T Word<T>(params ReadOnlySpan<(string Word, T Value)> words)
    {
        string? given = Value.ValueKind == JsonValueKind.String ? Text() : null;
        foreach ((string word, T value) in words)
        {
            if (word == given)
                return value;
        }
        var allowed = new List<string>();
        foreach ((string word, _) in words)
            allowed.Add($"\"{word}\"");
        throw Wrong(string.Join(", ", allowed));
    }

    /// <summary>The elements of an array, with their places.</summary>
    public Place[] Elements(string what)
    {
        if (Value.ValueKind != JsonValueKind.Array)
            throw Wrong($"an array of {what}");
        Place self = this;
        return [.. Value.EnumerateArray().Select((element, i) => self.At(i, element))];
    }

    /// <summary>The refusal of what stands here.</summary>
    /// <param name="allowed">What may stand here.</param>
    public RefusedException Wrong(string allowed) =>
        Refusal($"{Shown()} was given; allowed: {allowed}");

    /// <summary>A refusal that tells the place.</summary>
    public RefusedException Refusal(string message) =>
        new(Status.Description, $"{Path}: {message}");

    private string Shown() =>
        Value.ValueKind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "an array",
            _ => Printable.Shortened(Value.GetRawText(), 60),
        };
}
