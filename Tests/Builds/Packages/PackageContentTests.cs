using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Builds.Packages;

/// <summary>What is in the packages: their files, what they say of themselves, and nothing of where they were made.</summary>
[TestFixture]
[Category("Long")]
[Platform("Linux")]
public sealed unsafe class PackageContentTests
{
    private static readonly Guid SourceLink = new("CC110556-A091-4D38-9FEC-25AB9A351A6A");
    private static readonly Guid EmbeddedSource = new("0E8A571B-6926-466E-B4AD-8AB04611F5FE");

    // Libraries of others that the tool has.
    private static readonly string[] InTool =
    [
        "Perfolizer.dll",
        "Pragmastat.dll",
        "Spectre.Console.Ansi.dll",
        "Spectre.Console.dll",
        "System.CommandLine.dll",
        "System.IO.Hashing.dll",
    ];

    private static PackedFeed Feed => PackedFeed.Shared;

    private static IEnumerable<(PackageProject Project, NuPackage Package)> Packages()
    {
        string version = PackedFeed.VersionOf(Feed.First);
        return PackageProject
            .All(Feed.Clone)
            .Select(project =>
                (project, new NuPackage(Path.Combine(Feed.First, $"{project.Id}.{version}.nupkg")))
            );
    }

    [Test]
    public void There_is_one_of_each_project_and_all_have_the_version_of_the_commit()
    {
        string version = PackedFeed.VersionOf(Feed.First);
        Assert.That(
            version,
            Does.Match(@$"^\d+\.\d+\.\d+(-dev\.\d{{14}}\.g{Feed.Commit[..10]})?$")
        );
        Assert.That(
            Directory.GetFiles(Feed.First).Select(Path.GetFileName),
            Is.EquivalentTo(PackageProject.All(Feed.Clone).Select(p => $"{p.Id}.{version}.nupkg"))
        );
        Assert.That(PackedFeed.VersionOf(Feed.Next), Is.Not.EqualTo(version));
    }

    [Test]
    public void Each_has_its_files_and_no_others()
    {
        foreach ((PackageProject project, NuPackage package) in Packages())
        {
            string[] own = project.IsTool
                ?
                [
                    .. InTool,
                    "DotnetToolSettings.xml",
                    "sequor.deps.json",
                    "sequor.dll",
                    "sequor.runtimeconfig.json",
                    "Sequor.Interop.dll",
                    "Sequor.Layers.dll",
                    "Sequor.Native.dll",
                    "Sequor.Workloads.dll",
                ]
                : [];
            string[] wanted =
            [
                "[Content_Types].xml",
                "_rels/.rels",
                $"{project.Id}.nuspec",
                "LICENSE",
                "README.md",
                "icon.png",
                .. project.HasNotices ? (string[])[PackageProject.Notices] : [],
                .. project.IsTool
                    ? own.Select(file => $"tools/net10.0/any/{file}")
                    :
                    [
                        $"buildTransitive/net10.0/{project.Id}.props",
                        $"buildTransitive/net10.0/{project.Id}.targets",
                        $"lib/net10.0/{project.Assembly}.dll",
                        $"lib/net10.0/{project.Assembly}.xml",
                    ],
            ];
            string[] found =
            [
                .. package.Files.Keys.Where(name =>
                    !name.StartsWith("package/services/metadata/", StringComparison.Ordinal)
                ),
            ];
            Assert.That(found, Is.EquivalentTo(wanted), project.Id);
            Assert.That(package.Files, Has.Count.EqualTo(wanted.Length + 1), project.Id);
            Assert.That(
                Encoding.UTF8.GetString(package.Files["README.md"]),
                Does.StartWith($"# {project.Id}\n")
            );
            // Managed code alone.
            foreach (
                (string name, byte[] bytes) in package.Files.Where(f => f.Key.EndsWith(".dll"))
            )
            {
                using var assembly = new PEReader(new MemoryStream(bytes));
                Assert.That(assembly.HasMetadata, $"{project.Id}: {name}");
                Assert.That(
                    assembly.PEHeaders.CorHeader!.Flags.HasFlag(CorFlags.ILOnly),
                    $"{project.Id}: {name}"
                );
            }
        }
    }

    [Test]
    public void Each_says_of_itself_what_a_feed_shows()
    {
        Dictionary<string, string> pinned = XDocument
            .Load(Path.Combine(Feed.Clone, "Directory.Packages.props"))
            .Descendants("PackageVersion")
            .ToDictionary(p => p.Attribute("Include")!.Value, p => p.Attribute("Version")!.Value);
        foreach ((PackageProject project, NuPackage package) in Packages())
        {
            Assert.That(package.Id, Is.EqualTo(project.Id));
            Assert.That(package.Text("description"), Is.EqualTo(project.Description));
            Assert.That(package.Text("tags"), Is.EqualTo(project.Tags!.Replace(';', ' ')));
            Assert.That(package.Text("license"), Is.EqualTo("MIT"));
            Assert.That(
                package.Element("license")!.Attribute("type")!.Value,
                Is.EqualTo("expression")
            );
            Assert.That(package.Text("readme"), Is.EqualTo("README.md"));
            Assert.That(package.Text("icon"), Is.EqualTo("icon.png"));
            Assert.That(package.Text("authors"), Is.EqualTo("The Sequor authors"));
            XElement repository = package.Element("repository")!;
            Assert.That(
                repository.Attributes().Select(a => $"{a.Name.LocalName}={a.Value}"),
                Is.EquivalentTo(
                    new[]
                    {
                        "type=git",
                        "url=https://github.com/sequor/sequor",
                        $"commit={Feed.Commit}",
                    }
                ),
                project.Id
            );
            // A tool carries what it needs; of Sequor only the same version will do.
            string[] wanted = project.IsTool
                ? []
                :
                [
                    .. project.Projects.Select(p => $"net10.0 {p.Id} [{package.Version}]"),
                    .. project.Packages.Select(name => $"net10.0 {name} {pinned[name]}"),
                ];
            Assert.That(package.Dependencies, Is.SupersetOf(wanted), project.Id);
            // What these pull in is pinned as well, and NuGet writes that down.
            Assert.That(
                package.Dependencies.Except(wanted),
                Is.SubsetOf(pinned.Select(p => $"net10.0 {p.Key} {p.Value}")),
                project.Id
            );
            Assert.That(package.Dependencies.Any(), Is.EqualTo(wanted.Length > 0), project.Id);
        }
    }

    [Test]
    public void Nothing_tells_the_machine_or_the_origin()
    {
        string[] secrets =
        [
            Feed.Clone,
            "example.org",
            Path.GetTempPath().TrimEnd('/') + "/",
            Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + "/",
            Repository.Root(),
        ];
        byte[][] forbidden =
        [
            .. secrets
                .Where(s => s.Length > 3)
                .SelectMany(s =>
                    (byte[][])[Encoding.UTF8.GetBytes(s), Encoding.Unicode.GetBytes(s)]
                ),
        ];
        foreach ((PackageProject project, NuPackage package) in Packages())
        {
            foreach ((string name, byte[] bytes) in package.Files)
            {
                RequireNone(bytes, forbidden, $"{project.Id}: {name}");
                if (!IsOurs(name))
                    continue;
                foreach (byte[] inflated in DebuggingBytes(bytes))
                    RequireNone(
                        inflated,
                        forbidden,
                        $"{project.Id}: debugging information in {name}"
                    );
            }
        }
        // It is what this test would find.
        byte[] planted = Encoding.Unicode.GetBytes($"at {Feed.Clone}/Layers");
        Assert.That(forbidden.Any(f => planted.AsSpan().IndexOf(f) >= 0));
    }

    [Test]
    public void Debuggers_find_every_source()
    {
        string address = $"https://raw.githubusercontent.com/sequor/sequor/{Feed.Commit}/*";
        int assemblies = 0;
        foreach ((PackageProject project, NuPackage package) in Packages())
        {
            foreach ((string name, byte[] bytes) in package.Files.Where(f => IsOurs(f.Key)))
            {
                assemblies++;
                using MetadataReaderProvider provider = Debugging(bytes);
                MetadataReader reader = provider.GetMetadataReader();
                string map = Encoding.UTF8.GetString(
                    Information(reader, EntityHandle.ModuleDefinition, SourceLink)!
                );
                JsonElement documents = JsonDocument
                    .Parse(map)
                    .RootElement.GetProperty("documents");
                Assert.That(
                    documents.EnumerateObject().Select(p => $"{p.Name} {p.Value}"),
                    Is.EqualTo(new[] { $"/_/* {address}" }),
                    name
                );
                foreach (DocumentHandle handle in reader.Documents)
                {
                    string document = reader.GetString(reader.GetDocument(handle).Name);
                    Assert.That(document, Does.StartWith("/_/"), name);
                    string file = Path.Combine(Feed.Clone, document["/_/".Length..]);
                    bool isTracked = File.Exists(file) && !document.StartsWith("/_/artifacts/");
                    Assert.That(
                        isTracked || Information(reader, handle, EmbeddedSource) is not null,
                        $"{project.Id}: {document} of {name} is neither in the sources nor embedded"
                    );
                }
            }
        }
        Assert.That(assemblies, Is.AtLeast(10));
    }

    [Test]
    public void Packages_made_in_two_folders_are_the_same()
    {
        string[] different =
        [
            .. Directory
                .GetFiles(Feed.First)
                .Select(file => Path.GetFileName(file)!)
                .Where(name =>
                    !File.ReadAllBytes(Path.Combine(Feed.First, name))
                        .AsSpan()
                        .SequenceEqual(File.ReadAllBytes(Path.Combine(Feed.Again, name)))
                ),
        ];
        Assert.That(different, Is.Empty);
    }

    [Test]
    public void An_assembly_knows_the_version_of_its_package()
    {
        foreach ((PackageProject project, NuPackage package) in Packages())
        {
            byte[] main = package
                .Files.Single(f =>
                    f.Key.EndsWith($"/{project.Assembly}.dll", StringComparison.Ordinal)
                )
                .Value;
            Assert.That(
                main.AsSpan().IndexOf(Encoding.UTF8.GetBytes(package.Version)),
                Is.Positive,
                project.Id
            );
        }
    }

    private static bool IsOurs(string name) =>
        Regex.IsMatch(name, @"/(Sequor\.[A-Za-z]+|sequor)\.dll$");

    private static void RequireNone(ReadOnlySpan<byte> bytes, byte[][] forbidden, string where)
    {
        foreach (byte[] text in forbidden)
        {
            if (bytes.IndexOf(text) >= 0)
                Assert.Fail($"{where} has '{Encoding.UTF8.GetString(text).Replace("\0", "")}'");
        }
    }

    private static MetadataReaderProvider Debugging(byte[] assembly)
    {
        using var reader = new PEReader(new MemoryStream(assembly));
        return reader.ReadEmbeddedPortablePdbDebugDirectoryData(
            reader
                .ReadDebugDirectory()
                .Single(entry => entry.Type == DebugDirectoryEntryType.EmbeddedPortablePdb)
        );
    }

    // The information as it is after it was inflated, and each source in it.
    private static List<byte[]> DebuggingBytes(byte[] assembly)
    {
        using MetadataReaderProvider provider = Debugging(assembly);
        MetadataReader reader = provider.GetMetadataReader();
        List<byte[]> found =
        [
            new ReadOnlySpan<byte>(reader.MetadataPointer, reader.MetadataLength).ToArray(),
        ];
        foreach (DocumentHandle document in reader.Documents)
        {
            if (Information(reader, document, EmbeddedSource) is not { } source)
                continue;
            // Its length when inflated, or 0 where it is as it was.
            if (BitConverter.ToInt32(source) == 0)
            {
                found.Add(source);
                continue;
            }
            using var deflated = new DeflateStream(
                new MemoryStream(source, sizeof(int), source.Length - sizeof(int)),
                CompressionMode.Decompress
            );
            using var inflated = new MemoryStream();
            deflated.CopyTo(inflated);
            found.Add(inflated.ToArray());
        }
        return found;
    }

    private static byte[]? Information(MetadataReader reader, EntityHandle parent, Guid kind) =>
        reader
            .GetCustomDebugInformation(parent)
            .Select(reader.GetCustomDebugInformation)
            .Where(information => reader.GetGuid(information.Kind) == kind)
            .Select(information => reader.GetBlobBytes(information.Value))
            .FirstOrDefault();
}
