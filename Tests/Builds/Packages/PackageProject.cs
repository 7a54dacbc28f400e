using System.Xml.Linq;
using Sequor.Tests.Support;

namespace Sequor.Tests.Builds.Packages;

/// <summary>A project of the sources that is packed; projects are found, and listed nowhere.</summary>
internal sealed class PackageProject
{
    private readonly XDocument _project;

    private PackageProject(string path, XDocument project) => (File, _project) = (path, project);

    /// <summary>Its file.</summary>
    public string File { get; }

    /// <summary>Its folder.</summary>
    public string Folder => Path.GetDirectoryName(File)!;

    /// <summary>What its assembly is called.</summary>
    public string Assembly => Text("AssemblyName") ?? Path.GetFileNameWithoutExtension(File);

    /// <summary>What the package is called.</summary>
    public string Id => Text("PackageId") ?? Assembly;

    public string? Description => Text("Description");

    public string? Tags => Text("PackageTags");

    /// <summary>Whether it is a command, and nothing to be referenced.</summary>
    public bool IsTool => Text("PackAsTool") == "true";

    /// <summary>Whether something of others is inside.</summary>
    public bool HasNotices => System.IO.File.Exists(Path.Combine(Folder, Notices));

    /// <summary>What the notices are called.</summary>
    public const string Notices = "THIRD-PARTY-NOTICES.txt";

    /// <summary>The projects that it references.</summary>
    public IEnumerable<PackageProject> Projects =>
        Included("ProjectReference").Select(path => Read(Path.Combine(Folder, path)));

    /// <summary>The packages that it references, by name.</summary>
    public IEnumerable<string> Packages => Included("PackageReference");

    /// <summary>All that are packed.</summary>
    public static IReadOnlyList<PackageProject> All(string root) =>
        [
            .. XDocument
                .Load(Path.Combine(root, "Sequor.slnx"))
                .Descendants("Project")
                .Select(project => Read(Path.Combine(root, project.Attribute("Path")!.Value)))
                .Where(project => project.Text("IsPackable") == "true"),
        ];

    /// <summary>All that are packed of these sources.</summary>
    public static IReadOnlyList<PackageProject> All() => All(Repository.Root());

    public override string ToString() => Id;

    private static PackageProject Read(string path)
    {
        string file = Path.GetFullPath(path);
        return new(file, XDocument.Load(file));
    }

    private IEnumerable<string> Included(string item) =>
        _project
            .Descendants(item)
            .Where(reference => reference.Attribute("PrivateAssets") is null)
            .Select(reference => reference.Attribute("Include")!.Value);

    private string? Text(string property) =>
        _project.Descendants(property).FirstOrDefault()?.Value.Trim();
}
