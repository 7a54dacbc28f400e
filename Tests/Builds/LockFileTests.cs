using System.Text.Json;
using System.Xml.Linq;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Builds;

/// <summary>The packages that projects are locked to.</summary>
[TestFixture]
public sealed class LockFileTests
{
    [Test]
    public void Every_package_is_pinned_in_one_place_and_locked_for_every_machine()
    {
        string root = Repository.Root();
        Dictionary<string, string> pinned = Pins(Path.Combine(root, "Directory.Packages.props"));
        string[] projects =
        [
            .. XDocument
                .Load(Path.Combine(root, "Sequor.slnx"))
                .Descendants("Project")
                .Select(p => Path.Combine(root, p.Attribute("Path")!.Value)),
        ];
        Assert.That(projects, Is.Not.Empty);
        Dictionary<string, string[]> referenced = projects.ToDictionary(
            project => NameOf(project).ToLowerInvariant(),
            References
        );
        var used = new HashSet<string>();
        Assert.Multiple(() =>
        {
            foreach (string project in projects)
                used.UnionWith(Check(Path.GetDirectoryName(project)!, pinned, referenced));
            Assert.That(used, Is.EquivalentTo(pinned.Keys), "no other package is pinned");
        });
    }

    // They are no part of the solution, as their packages are large.
    [Test]
    public void The_packages_of_peers_are_pinned_beside_them_and_locked()
    {
        string root = Repository.Root();
        string folder = Path.Combine(root, "Benchmarks", "Peers");
        Dictionary<string, string> own = Pins(Path.Combine(folder, "Directory.Packages.props"));
        Dictionary<string, string> pinned = Pins(Path.Combine(root, "Directory.Packages.props"));
        foreach ((string name, string version) in own)
            pinned.Add(name, version);
        var used = new HashSet<string>();
        Assert.Multiple(() =>
        {
            foreach (
                string project in Directory.GetFiles(
                    folder,
                    "*.csproj",
                    SearchOption.AllDirectories
                )
            )
                used.UnionWith(Check(Path.GetDirectoryName(project)!, pinned, []));
            // The locked packages are those of Linux; other systems have a libtorch of their own.
            Assert.That(
                used.Intersect(own.Keys),
                Is.EquivalentTo(
                    own.Keys.Where(name =>
                        !name.StartsWith("libtorch-", StringComparison.Ordinal)
                        || name.EndsWith("-linux-x64", StringComparison.Ordinal)
                    )
                )
            );
        });
    }

    // A restore by hand, under a mapping of other packages: without the file it fails with NU1100, with it the locked bytes come.
    [Test]
    public void The_configuration_names_no_source_and_sets_a_users_mapping_aside()
    {
        XElement configuration = XDocument
            .Load(Path.Combine(Repository.Root(), "nuget.config"))
            .Root!;
        Assert.That(
            configuration.Elements().Select(e => e.Name.LocalName),
            Is.EqualTo(new[] { "packageSourceMapping" })
        );
        Assert.That(
            configuration.Element("packageSourceMapping")!.Elements().Select(e => e.Name.LocalName),
            Is.EqualTo(new[] { "clear" })
        );
        Assert.That(configuration.ToString(), Does.Not.Contain("://"));
    }

    private static Dictionary<string, string> Pins(string file) =>
        XDocument
            .Load(file)
            .Descendants("PackageVersion")
            .ToDictionary(p => p.Attribute("Include")!.Value, p => p.Attribute("Version")!.Value);

    // As lock files name a project: by its assembly.
    private static string NameOf(string project) =>
        XDocument.Load(project).Descendants("AssemblyName").SingleOrDefault()?.Value
        ?? Path.GetFileNameWithoutExtension(project);

    // What whoever references the project gets with it.
    private static string[] References(string project) =>
        [
            .. XDocument
                .Load(project)
                .Descendants("ProjectReference")
                .Select(r =>
                    NameOf(
                        Path.Combine(Path.GetDirectoryName(project)!, r.Attribute("Include")!.Value)
                    )
                ),
            .. XDocument
                .Load(project)
                .Descendants("PackageReference")
                .Where(r => r.Attribute("PrivateAssets") is null)
                .Select(r => r.Attribute("Include")!.Value),
        ];

    private static List<string> Check(
        string project,
        Dictionary<string, string> pinned,
        Dictionary<string, string[]> referenced
    )
    {
        string path = Path.Combine(project, "packages.lock.json");
        Assert.That(File.Exists(path), path);
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        JsonProperty[] targets =
        [
            .. document.RootElement.GetProperty("dependencies").EnumerateObject(),
        ];
        Assert.That(
            targets.Select(target => target.Name),
            Is.EqualTo(new[] { "net10.0" }),
            $"{path} is for no runtime of its own"
        );
        var used = new List<string>();
        foreach (JsonProperty package in targets[0].Value.EnumerateObject())
        {
            if (package.Value.GetProperty("type").GetString() == "Project")
            {
                string[] dependencies = package.Value.TryGetProperty(
                    "dependencies",
                    out JsonElement d
                )
                    ? [.. d.EnumerateObject().Select(p => p.Name)]
                    : [];
                // A restore that is not locked leaves an old entry as it is, and a locked one then fails.
                Assert.That(
                    dependencies,
                    Is.EquivalentTo(referenced[package.Name]),
                    $"{path}: {package.Name}; dotnet restore --force-evaluate writes it anew"
                );
                continue;
            }
            used.Add(package.Name);
            Assert.That(
                pinned.GetValueOrDefault(package.Name),
                Is.EqualTo(package.Value.GetProperty("resolved").GetString()),
                $"{path}: {package.Name}"
            );
        }
        return used;
    }
}
