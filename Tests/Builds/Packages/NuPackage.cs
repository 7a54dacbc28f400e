using System.IO.Compression;
using System.Xml.Linq;

namespace Sequor.Tests.Builds.Packages;

/// <summary>A package that was made, opened.</summary>
internal sealed class NuPackage
{
    private readonly XElement _metadata;

    public NuPackage(string file)
    {
        using ZipArchive archive = ZipFile.OpenRead(file);
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            using Stream stream = entry.Open();
            using var memory = new MemoryStream();
            stream.CopyTo(memory);
            Files.Add(entry.FullName, memory.ToArray());
        }
        using var nuspec = new MemoryStream(
            Files.Single(f => f.Key.EndsWith(".nuspec", StringComparison.Ordinal)).Value
        );
        _metadata = XDocument
            .Load(nuspec)
            .Root!.Elements()
            .Single(e => e.Name.LocalName == "metadata");
    }

    /// <summary>What is inside, by path.</summary>
    public Dictionary<string, byte[]> Files { get; } = [];

    public string Id => Text("id")!;

    public string Version => Text("version")!;

    /// <summary>What it depends on: the framework, the package, the range of versions.</summary>
    public IEnumerable<string> Dependencies =>
        from groups in Elements("dependencies")
        from framework in groups.Elements()
        from dependency in framework.Elements()
        select $"{framework.Attribute("targetFramework")?.Value} {dependency.Attribute("id")!.Value} {dependency.Attribute("version")!.Value}";

    /// <summary>An element of its nuspec; null if there is none.</summary>
    public XElement? Element(string name) => Elements(name).SingleOrDefault();

    /// <summary>The text of an element.</summary>
    public string? Text(string name) => Element(name)?.Value;

    private IEnumerable<XElement> Elements(string name) =>
        _metadata.Elements().Where(e => e.Name.LocalName == name);
}
