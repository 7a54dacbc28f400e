using System.Xml.Linq;

namespace Sequor.Notices;

/// <summary>A package as a restore has unpacked it.</summary>
public sealed class Package
{
    private readonly Dictionary<string, List<string>> _files = new(
        StringComparer.OrdinalIgnoreCase
    );
    private readonly XElement _metadata;

    /// <param name="id">Its name.</param>
    /// <param name="version">Its version.</param>
    /// <param name="folder">Its folder, with a .nuspec.</param>
    /// <exception cref="NoticeException">There is no .nuspec, or it has no metadata.</exception>
    public Package(string id, string version, string folder)
    {
        (Id, Version, Folder) = (id, version, folder);
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            string name = Path.GetFileName(file);
            if (!_files.TryGetValue(name, out List<string>? same))
                _files.Add(name, same = []);
            same.Add(file);
        }
        string nuspec =
            Directory.EnumerateFiles(folder, "*.nuspec").FirstOrDefault()
            ?? throw new NoticeException($"{this} has no .nuspec in {folder}.");
        _metadata =
            XDocument
                .Load(nuspec)
                .Root!.Elements()
                .FirstOrDefault(e => e.Name.LocalName == "metadata")
            ?? throw new NoticeException($"{this}: {nuspec} has no metadata.");
    }

    public string Id { get; }

    public string Version { get; }

    public string Folder { get; }

    /// <summary>Who holds the rights, as the package says; its authors if it says nothing of rights.</summary>
    public string? Copyright => Text("copyright") ?? Text("authors");

    public string? Project => Text("projectUrl");

    /// <summary>The licence's name or the name of the file that it is in, as the package says; null if it says neither.</summary>
    public string? Licence => Text("license");

    /// <summary>Whether a file came out of this package: it has one of that name, with the same bytes.</summary>
    public bool Has(string file) =>
        _files.TryGetValue(Path.GetFileName(file), out List<string>? same)
        && same.Any(s =>
            new FileInfo(s).Length == new FileInfo(file).Length
            && File.ReadAllBytes(s).AsSpan().SequenceEqual(File.ReadAllBytes(file))
        );

    /// <summary>Whether it carries a file of that name.</summary>
    public bool Carries(string name) => _files.ContainsKey(name);

    /// <summary>The texts of its licence and of what it says of others' work; at least one.</summary>
    /// <exception cref="NoticeException">Its licence was not found.</exception>
    public IReadOnlyList<string> Texts() =>
        [
            LicenceText(),
            .. Top(name =>
                    (
                        Begins(name, "third")
                        && name.Contains("notice", StringComparison.OrdinalIgnoreCase)
                    ) || Begins(name, "notice")
                )
                .Select(TextFile.Read),
            // Native parts whose own terms the package leaves out.
            .. Carries("libcapstone.so") ? (string[])[TextFile.Resource("libcapstone")!] : [],
        ];

    public override string ToString() => $"{Id} {Version}";

    private string LicenceText()
    {
        XElement? licence = Element("license");
        if ((string?)licence?.Attribute("type") == "file")
        {
            string file = Path.Combine(Folder, licence!.Value.Trim().Replace('\\', '/'));
            return File.Exists(file)
                ? TextFile.Read(file)
                : throw new NoticeException(
                    $"{this} names its licence {licence.Value}, which it has not."
                );
        }
        // Where an expression says what holds, rich text is for other editions of the package.
        string? own = Top(name => Begins(name, "licen") && (licence is null || !IsRich(name)))
            .FirstOrDefault();
        if (own is not null)
            return TextFile.Read(own);
        if (licence is null)
            throw new NoticeException(
                $"{this} has no licence: neither its .nuspec nor its folder {Folder} has one."
            );
        return TextFile.Resource(licence.Value.Trim()) is { } text
            ? $"{Copyright}\n\n{text}"
            : throw new NoticeException(
                $"{this} is under {licence.Value.Trim()}, whose text it has not; it belongs into Benchmarks/Notices/Licences."
            );
    }

    private IEnumerable<string> Top(Func<string, bool> wanted) =>
        Directory
            .EnumerateFiles(Folder)
            .Where(f =>
                wanted(Path.GetFileName(f))
                && !f.EndsWith(".dll", StringComparison.OrdinalIgnoreCase)
            )
            .Order(StringComparer.Ordinal);

    private static bool Begins(string name, string begin) =>
        name.StartsWith(begin, StringComparison.OrdinalIgnoreCase);

    private static bool IsRich(string name) =>
        name.EndsWith(".rtf", StringComparison.OrdinalIgnoreCase);

    private XElement? Element(string name) =>
        _metadata.Elements().FirstOrDefault(e => e.Name.LocalName == name);

    private string? Text(string name) =>
        Element(name)?.Value.Trim() is { Length: > 0 } text ? text : null;
}
