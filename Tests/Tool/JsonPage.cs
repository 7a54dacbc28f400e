using System.Text.Json;
using System.Text.RegularExpressions;

namespace Sequor.Tests.Tool;

/// <summary>docs/json.md as tables: of each section its keys.</summary>
internal sealed partial class JsonPage
{
    private readonly Dictionary<string, Dictionary<string, JsonKey>> _sections = [];

    public IEnumerable<string> Sections => _sections.Keys;

    /// <summary>The keys of a section by their paths.</summary>
    public IReadOnlyDictionary<string, JsonKey> this[string section] => _sections[section];

    public static string Resource(string name)
    {
        using Stream stream = typeof(JsonPage).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    public static JsonPage Read()
    {
        var page = new JsonPage();
        string section = "";
        foreach (string line in Resource("documents/json.md").Split('\n'))
        {
            if (line.StartsWith("## ", StringComparison.Ordinal))
                page._sections.Add(section = line[3..].Trim(), []);
            string[] cells = [.. line.Split('|').Select(cell => cell.Trim())];
            if (cells.Length != 7 || !cells[1].StartsWith('`'))
                continue;
            foreach (Match name in Name().Matches(cells[1]))
            {
                string path = name.Groups[1].Value;
                page._sections[section].Add(path, new JsonKey(cells[2], cells[4] == "always"));
            }
        }
        return page;
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Name();
}

/// <summary>A key of the page.</summary>
/// <param name="Type">In the page's words.</param>
/// <param name="Always">Whether each object of the kind has it.</param>
internal sealed record JsonKey(string Type, bool Always);

/// <summary>Reports against the page, and what of the page they have shown.</summary>
internal sealed class JsonCoverage(JsonPage page)
{
    private readonly HashSet<(string Section, string Path)> _seen = [];

    /// <summary>Compares a report with its section.</summary>
    /// <exception cref="InvalidDataException">A key or a type is another; the message says which.</exception>
    public void Add(string section, byte[] json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        Compare(section, "", document.RootElement);
    }

    /// <summary>Fails where a key of the sections was in no report.</summary>
    public void RequireAll(params string[] sections)
    {
        string[] missing =
        [
            .. sections.SelectMany(section =>
                page[section]
                    .Keys.Where(path => !_seen.Contains((section, path)))
                    .Select(path => $"{section}: {path}")
            ),
        ];
        if (missing.Length > 0)
            throw new InvalidDataException($"in no report: {string.Join(", ", missing)}");
    }

    private void Compare(string section, string at, JsonElement value)
    {
        IReadOnlyDictionary<string, JsonKey> keys = page[section];
        if (at.Length == 0 && value.TryGetProperty("schema", out _))
            RequireOrder(section, value);
        foreach (JsonProperty property in value.EnumerateObject())
        {
            string path = at + property.Name;
            if (!keys.TryGetValue(path, out JsonKey? key))
            {
                path = at + "*";
                if (!keys.TryGetValue(path, out key))
                    throw Wrong(section, at + property.Name, "is not on the page");
            }
            _seen.Add((section, path));
            CompareValue(section, path, key.Type, property.Value);
        }
        foreach ((string path, JsonKey key) in keys)
        {
            bool here =
                key.Always
                && path.StartsWith(at, StringComparison.Ordinal)
                && path.Length > at.Length
                && !IsBelow(keys, path, at);
            if (here && !value.TryGetProperty(path[at.Length..], out _))
                throw Wrong(section, path, "is always there, and is not");
        }
    }

    // Whoever reads a report as a stream or in an editor finds what it is before its results.
    private void RequireOrder(string section, JsonElement value)
    {
        List<string> rows = [.. page[section].Keys];
        int last = -1;
        foreach (JsonProperty property in value.EnumerateObject())
        {
            int row = rows.IndexOf(property.Name);
            if (row < 0)
                continue;
            if (row < last)
                throw Wrong(section, rows[row], $"comes behind '{rows[last]}', and not before it");
            last = row;
        }
    }

    // Names of metadata have dots of their own: what is below is below a key of the page.
    private static bool IsBelow(
        IReadOnlyDictionary<string, JsonKey> keys,
        string path,
        string at
    ) =>
        keys.Keys.Any(other =>
            other.Length > at.Length
            && other.StartsWith(at, StringComparison.Ordinal)
            && (
                path.StartsWith(other + ".", StringComparison.Ordinal)
                || path.StartsWith(other + "[].", StringComparison.Ordinal)
            )
        );

    private void CompareValue(string section, string path, string type, JsonElement value)
    {
        const string orNull = " or null";
        const string listOf = "list of ";
        if (type.EndsWith(orNull, StringComparison.Ordinal))
        {
            if (value.ValueKind == JsonValueKind.Null)
                return;
            type = type[..^orNull.Length];
        }
        if (type.StartsWith(listOf, StringComparison.Ordinal))
        {
            Require(value.ValueKind == JsonValueKind.Array);
            foreach (JsonElement item in value.EnumerateArray())
                CompareValue(section, path + "[]", type[listOf.Length..], item);
            return;
        }
        switch (type)
        {
            case "text":
                Require(value.ValueKind == JsonValueKind.String);
                break;
            case "whole":
                Require(
                    value.ValueKind == JsonValueKind.Number
                        && (value.TryGetInt64(out _) || value.TryGetUInt64(out _))
                );
                break;
            case "number":
                Require(value.ValueKind == JsonValueKind.Number);
                break;
            case "bool":
                Require(value.ValueKind is JsonValueKind.True or JsonValueKind.False);
                break;
            case "object":
                Require(value.ValueKind == JsonValueKind.Object);
                Compare(section, path + ".", value);
                break;
            default:
                Require(page.Sections.Contains(type) && value.ValueKind == JsonValueKind.Object);
                Compare(type, "", value);
                break;
        }

        void Require(bool right)
        {
            if (!right)
                throw Wrong(section, path, $"is no {type} but {value.GetRawText()}");
        }
    }

    private static InvalidDataException Wrong(string section, string path, string what) =>
        new($"{section}: '{path}' {what}");
}
