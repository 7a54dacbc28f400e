using System.Reflection;
using Sequor.Native.Generator;

namespace Sequor.Tests.Native;

/// <summary>The tables of facts, and the C# written from them, as they were when the tests were built.</summary>
internal static class Tables
{
    private const string Prefix = "native/";

    /// <summary>Every table.</summary>
    public static IReadOnlyList<FactsFile> Files { get; } =
    [
        .. Names(".facts")
            .Select(name => FactsReader.Read(name, Text(name).TrimEnd('\n').Split('\n'))),
    ];

    /// <summary>Declarations of one kind, with their tables.</summary>
    public static IEnumerable<(FactsFile File, T Fact)> All<T>()
        where T : Fact =>
        Files.SelectMany(file => file.Facts.OfType<T>().Select(fact => (file, fact)));

    /// <summary>Names of files with an ending, in order.</summary>
    public static IEnumerable<string> Names(string ending) =>
        Assembly
            .GetExecutingAssembly()
            .GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Where(name => name.EndsWith(ending, StringComparison.Ordinal))
            .Select(name => name[Prefix.Length..].Replace('\\', '/'))
            .Order(StringComparer.Ordinal);

    /// <summary>A file's text.</summary>
    public static string Text(string name)
    {
        Assembly assembly = Assembly.GetExecutingAssembly();
        string resource = assembly
            .GetManifestResourceNames()
            .Single(r => r.Replace('\\', '/') == Prefix + name);
        using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
