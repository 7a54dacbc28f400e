using System.Text.Json;
using Sequor.Layers;

namespace Sequor.C;

/// <summary>
/// The properties of an object in a description. Whoever reads it says which keys there are; a key that is not among them, one that stands
/// there twice, and one that is missing are refused.
/// </summary>
internal sealed class Fields
{
    private readonly Dictionary<string, Place> _found = new(StringComparer.Ordinal);
    private readonly string[] _keys;
    private readonly string _what;

    /// <summary>Reads an object.</summary>
    /// <param name="place">Where it stands.</param>
    /// <param name="what">What it describes, for messages.</param>
    /// <param name="keys">The keys that it may have.</param>
    public Fields(Place place, string what, params string[] keys)
    {
        Place = place;
        _what = what;
        _keys = keys;
        if (place.Value.ValueKind != JsonValueKind.Object)
            throw place.Wrong($"an object: {what} with {Keys}");
        foreach ((string name, Place value) in All(place))
        {
            if (!keys.Contains(name))
                throw place.Refusal(
                    $"there is no key \"{Printable.Shortened(name, 60)}\" in {what}; there are {Keys}"
                );
            if (!_found.TryAdd(name, value))
                throw place.Refusal($"the key \"{name}\" stands there twice");
        }
    }

    /// <summary>Where the object stands.</summary>
    public Place Place { get; }

    private string Keys => string.Join(", ", _keys);

    /// <summary>All that an object has, whatever its keys are.</summary>
    public static IEnumerable<(string Name, Place Value)> All(Place place)
    {
        foreach (JsonProperty property in place.Value.EnumerateObject())
        {
            string name = NameOf(place, property);
            yield return (name, place.At(name, property.Value));
        }
    }

    /// <summary>The place of a key; null where it is left out.</summary>
    public Place? Find(string key) => _found.TryGetValue(key, out Place place) ? place : null;

    /// <summary>The place of a key that must be there.</summary>
    public Place Require(string key) =>
        Find(key)
        ?? throw Place.Refusal($"the key \"{key}\" of {_what} is missing; there are {Keys}");

    /// <summary>A whole number that must be there.</summary>
    public int Int(string key) => Require(key).Int();

    /// <summary>A whole number, or what it is where it is left out.</summary>
    public int Int(string key, int otherwise) => Find(key)?.Int() ?? otherwise;

    /// <summary>A number, or what it is where it is left out.</summary>
    public float Float(string key, float otherwise) => Find(key)?.Float() ?? otherwise;

    /// <summary>True or false, or what it is where it is left out.</summary>
    public bool Bool(string key, bool otherwise) => Find(key)?.Bool() ?? otherwise;

    private static string NameOf(Place place, JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException)
        {
            throw place.Refusal("a key is no valid Unicode");
        }
    }
}
