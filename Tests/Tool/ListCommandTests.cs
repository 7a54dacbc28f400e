using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>What list tells is what the other commands take, as text and as JSON.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class ListCommandTests : FolderTest
{
    [Test]
    public void Every_entry_of_the_catalogue_is_told_in_both()
    {
        string json = PathOf("list.json");
        ProgramResult result = Program.Run("list", "--json", json);
        result.RequireSuccess();
        JsonNode report = JsonNode.Parse(File.ReadAllBytes(json))!;
        foreach (
            (string list, IEnumerable<string> names) in ((string, IEnumerable<string>)[])
                [
                    ("architectures", Architecture.Names),
                    ("tasks", Sequor.Workloads.Tasks.All.Select(t => t.Name)),
                    ("optimizers", Sequor.Workloads.Optimizers.All.Select(o => o.Name)),
                ]
        )
        {
            Assert.That(
                report[list]!.AsArray().Select(entry => (string)entry!["name"]!),
                Is.EqualTo(names)
            );
            foreach (string name in names)
                Assert.That(result.Output, Does.Match($@"(?m)^ *{name} "), name);
        }
        Assert.That(
            report["presets"]!.AsArray().Select(p => $"{p!["task"]} {p["arch"]} {p["name"]}"),
            Is.EqualTo(Presets.All.Select(p => p.ToString()))
        );
    }

    [Test]
    public void What_it_does_not_take_is_wrong_usage()
    {
        ProgramResult result = Program.Run("list", "architectures");
        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(result.Error, Does.Contain("architectures"));
    }
}
