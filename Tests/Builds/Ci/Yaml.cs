using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Sequor.Tests.Builds;

/// <summary>Reads YAML, and what a node of it holds.</summary>
internal static class Yaml
{
    /// <summary>The mapping that a file is.</summary>
    /// <exception cref="FormatException">It is no YAML, a key is there twice, or it is no mapping.</exception>
    public static YamlMappingNode Read(string text)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        // Of some mistakes the reader loses its own way.
        catch (Exception e) when (e is YamlException or InvalidOperationException)
        {
            throw new FormatException(
                $"no YAML, line {(e as YamlException)?.Start.Line}: {e.Message}",
                e
            );
        }
        return stream.Documents is [{ RootNode: YamlMappingNode root }]
            ? root
            : throw new FormatException("no single mapping");
    }

    /// <summary>The value of a key; null where there is none.</summary>
    public static YamlNode? Get(this YamlNode? node, string key) =>
        node is YamlMappingNode mapping
        && mapping.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? value)
            ? value
            : null;

    /// <summary>A text; null where it is none.</summary>
    public static string? Text(this YamlNode? node) => (node as YamlScalarNode)?.Value;

    /// <summary>A text, or the texts of a list.</summary>
    public static IReadOnlyList<string> Texts(this YamlNode? node) =>
        node switch
        {
            YamlScalarNode { Value: { } text } => [text],
            YamlSequenceNode list => [.. list.Select(item => item.Text() ?? "")],
            _ => [],
        };

    /// <summary>The keys and values of a mapping.</summary>
    public static IEnumerable<(string Key, YamlNode Value)> Pairs(this YamlNode? node) =>
        node is YamlMappingNode mapping
            ? mapping.Children.Select(pair => (pair.Key.Text() ?? "", pair.Value))
            : [];

    /// <summary>Every text below a node.</summary>
    public static IEnumerable<string> AllTexts(this YamlNode? node) =>
        node switch
        {
            YamlScalarNode { Value: { } text } => [text],
            YamlSequenceNode list => list.SelectMany(AllTexts),
            YamlMappingNode mapping => mapping.Children.SelectMany(pair => pair.Value.AllTexts()),
            _ => [],
        };

    /// <summary>The texts of a mapping of names to texts, as variables of the environment are given.</summary>
    public static Dictionary<string, string> Variables(this YamlNode? node) =>
        node.Pairs()
            .Where(pair =>
                pair.Value.Text() is { } text && !text.Contains('$', StringComparison.Ordinal)
            )
            .ToDictionary(pair => pair.Key, pair => pair.Value.Text()!);
}
