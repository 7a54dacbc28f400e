using System.Text.Json;
using System.Xml.Linq;
using NUnit.Framework;
using Sequor.Tests.Support;

namespace Sequor.Tests.Peers;

/// <summary>What compare.py names is there, and the peers' projects are built by nothing else.</summary>
[TestFixture]
internal sealed class PeerProjectTests : PeersFixture
{
    [Test]
    public void Every_peer_has_its_program_and_the_documents_name_it()
    {
        const string Script = """
            import json, os, sys
            sys.path.insert(0, os.getcwd())
            from peers import PEERS, DotnetPeer, HERE
            print(json.dumps({
                peer.name: str(peer.project if isinstance(peer, DotnetPeer) else HERE / f"{peer.name}_peer.py")
                for peer in PEERS
            }))
            """;
        (int code, string output, string error) = Python([
            "-c",
            $"import os\nos.chdir({JsonSerializer.Serialize(Scripts)})\n{Script}",
        ]);
        Assert.That(code, Is.Zero, error);
        Dictionary<string, string> programs = JsonSerializer.Deserialize<
            Dictionary<string, string>
        >(output)!;

        Assert.That(programs.Keys, Is.EqualTo(new[] { "torch", "torchsharp", "onnx", "jax" }));
        string root = Repository.Root();
        string document = File.ReadAllText(Path.Combine(root, "docs", "benchmarks.md"));
        foreach ((string peer, string program) in programs)
        {
            Assert.That(File.Exists(program), $"{peer}: {program}");
            Assert.That(document, Does.Contain($"`{peer}`"));
        }
        Assert.That(
            programs.Values.Where(p => p.EndsWith(".csproj", StringComparison.Ordinal)),
            Is.EquivalentTo(Projects())
        );
    }

    [TestCase("torch_peer.py")]
    [TestCase("jax_peer.py")]
    public void A_script_without_its_library_fails_and_names_it(string script)
    {
        string module = script.Split('_')[0];
        // A module of the name that is none, as one is whose libraries are not there.
        File.WriteAllText(PathOf($"{module}.py"), $"raise ImportError('no {module} here')\n");
        (int code, string output, string error) = Python([
            "-c",
            $"import runpy, sys\nsys.path.insert(0, {JsonSerializer.Serialize(Folder)})\nsys.argv = ['{script}', '--list']\n"
                + $"runpy.run_path({JsonSerializer.Serialize(Path.Combine(Scripts, script))}, run_name='__main__')",
        ]);
        Assert.That(code, Is.Not.Zero);
        Assert.That(output, Is.Empty);
        Assert.That(error.TrimEnd(), Does.EndWith($"no {module} here"));
    }

    [Test]
    public void Only_a_comparison_builds_them()
    {
        string root = Repository.Root();
        string solution = File.ReadAllText(Path.Combine(root, "Sequor.slnx"));
        Assert.That(Projects(), Has.Length.EqualTo(2));
        Assert.That(solution, Does.Not.Contain("Benchmarks/Peers"));
        string[] pins = Pins(Path.Combine(root, "Directory.Packages.props"));
        string[] own = Pins(Path.Combine(Scripts, "Directory.Packages.props"));
        Assert.That(own.Intersect(pins), Is.Empty);
        foreach (string project in Projects())
        {
            foreach (XElement package in XDocument.Load(project).Descendants("PackageReference"))
            {
                string name = package.Attribute("Include")!.Value;
                // A package for each system, by its name.
                string known = name.Replace(
                    "$(LibtorchSystem)",
                    "linux-x64",
                    StringComparison.Ordinal
                );
                Assert.That(own.Concat(pins), Does.Contain(known), project);
                Assert.That(package.Attribute("Version"), Is.Null, $"{project}: {name}");
            }
        }
    }

    private static string[] Projects() =>
        Directory.GetFiles(Scripts, "*.csproj", SearchOption.AllDirectories);

    private static string[] Pins(string file) =>
        [
            .. XDocument
                .Load(file)
                .Descendants("PackageVersion")
                .Select(p => p.Attribute("Include")!.Value),
        ];
}
