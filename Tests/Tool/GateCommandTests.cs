using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Counts;
using Sequor.Tests.Support;

namespace Sequor.Tests.Tool;

/// <summary>./build.sh gate: the baseline that is checked in, counts that grew, shrank or are gone, and what is no baseline.</summary>
[TestFixture]
[NonParallelizable]
[VirtualGpuOnly]
[Category("Gpu")]
public sealed class GateCommandTests : FolderTest
{
    private static readonly string[] Files = ["cpu.json", "virtual-gpu.json", "counts.json"];

    private static string CheckedIn => Path.Combine(Repository.Root(), "Benchmarks", "Baselines");

    private static ProgramResult Run(string folder, params string[] more) =>
        InProcess.Run(CountsCommand.CreateRoot, ["gate", "--baseline", folder, .. more]);

    private string Copy(string name = "baseline")
    {
        string folder = Directory.CreateDirectory(PathOf(name)).FullName;
        foreach (string file in Files)
            File.Copy(Path.Combine(CheckedIn, file), Path.Combine(folder, file));
        return folder;
    }

    private static void Edit(string folder, string file, Action<JsonNode> edit)
    {
        string path = Path.Combine(folder, file);
        JsonNode all = JsonNode.Parse(File.ReadAllBytes(path))!;
        edit(all);
        File.WriteAllText(path, all.ToJsonString());
    }

    [Test]
    public void This_code_counts_what_is_checked_in()
    {
        string markdown = PathOf("gate.md");
        ProgramResult result = Run(CheckedIn, "--arch", "rnn", "--markdown", markdown);
        result.RequireSuccess();
        Assert.That(result.Error, Is.Empty);
        Assert.That(
            File.ReadAllText(markdown).Split("### sequor compare: same"),
            Has.Length.EqualTo(Files.Length + 1)
        );
    }

    [Test]
    [Category("Long")]
    public void What_is_checked_in_is_what_would_be_recorded()
    {
        string folder = Directory.CreateDirectory(PathOf("anew")).FullName;
        Run(folder, "--update").RequireSuccess();
        foreach (string file in Files)
            Assert.That(
                File.ReadAllText(Path.Combine(folder, file)),
                Is.EqualTo(File.ReadAllText(Path.Combine(CheckedIn, file))),
                file
            );
    }

    // One less in the baseline is one more that is counted.
    [TestCase("cpu.json", "peak_bytes")]
    [TestCase("virtual-gpu.json", "graph_nodes")]
    [TestCase("counts.json", "launches")]
    public void A_count_that_grew_shuts_it_and_says_what_to_do(string file, string metric)
    {
        string folder = Copy();
        Edit(
            folder,
            file,
            all => all["results"]![0]![metric] = (long)all["results"]![0]![metric]! - 1
        );
        ProgramResult result = Run(folder, "--arch", "rnn");

        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
        Assert.That(result.Output, Does.Match($@"(?m)^rnn T=40 B=6: {metric} .* more$"));
        Assert.That(
            result.Error,
            Does.Contain("\nIf the change is meant, ./build.sh gate --update")
        );
        // The commands that it names are those of a file, which anyone may run.
        string compare = $"  ./build.sh compare --counts {Path.Combine(folder, file)} head.json\n";
        Assert.That(
            result.Error,
            file == "virtual-gpu.json" ? Does.Not.Contain("compare") : Does.Contain(compare)
        );
    }

    [Test]
    public void A_kernel_that_launches_once_more_shuts_it()
    {
        string folder = Copy();
        Edit(
            folder,
            "counts.json",
            all =>
            {
                JsonNode kernel = all["results"]![0]!["kernels"]![0]!;
                Assert.That((string)kernel["name"]!, Is.EqualTo("add_row"));
                kernel["launches"] = (long)kernel["launches"]! - 1;
            }
        );
        ProgramResult result = Run(folder, "--arch", "rnn");

        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
        Assert.That(result.Output, Does.Match("(?m)^rnn T=40 B=6, add_row: launches .* more$"));
    }

    [Test]
    public void A_count_that_shrank_passes_and_is_told()
    {
        string folder = Copy();
        foreach (string file in Files[..2])
            Edit(
                folder,
                file,
                all =>
                    all["results"]![0]!["peak_bytes"] = (long)all["results"]![0]!["peak_bytes"]! + 1
            );
        ProgramResult result = Run(folder, "--arch", "rnn");

        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(result.Output, Does.Match("(?m)^rnn T=40 B=6: peak_bytes .* less$"));
        Assert.That(result.Error, Does.Contain("no longer what is counted"));
    }

    [Test]
    public void A_figure_of_the_baseline_that_is_gone_shuts_it()
    {
        string folder = Copy();
        Edit(folder, "counts.json", all => all["results"]![0]!.AsObject()["arch"] = "rnn");
        // Nothing is replayed as a graph any more where the baseline's steps were.
        Edit(folder, "cpu.json", all => all["results"]![0]!["graph_nodes"] = 15);
        ProgramResult result = Run(folder, "--arch", "rnn");

        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
        Assert.That(result.Output, Does.Match("(?m)^rnn T=40 B=6: graph_nodes .* missing$"));
    }

    // Whatever it is by now, it could be any number later.
    [TestCase("cpu.json", "flops", "flops of rnn T=40 B=6")]
    [TestCase("counts.json", "kernels", "launches of rnn T=40 B=6, add_row and ")]
    public void A_count_that_the_baseline_lacks_shuts_it(string file, string key, string lacking)
    {
        string folder = Copy();
        Edit(
            folder,
            file,
            all =>
            {
                JsonObject result = all["results"]![0]!.AsObject();
                if (key == "kernels")
                    result[key]!.AsArray().RemoveAt(0);
                else
                    Assert.That(result.Remove(key));
            }
        );
        ProgramResult result = Run(folder, "--arch", "rnn");

        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
        Assert.That(result.Output, Does.Match("(?m)^rnn T=40 B=6.* new$"));
        Assert.That(
            result.Error,
            Does.Contain($"gate: {file} lacks {lacking}").And.Contain("./build.sh gate --update")
        );
    }

    [TestCase("vector_bits\":256", "vector_bits\":512", "vector width (512; 256)")]
    [TestCase("\"threads\": 2", "\"threads\": 3", "threads (3; 2)")]
    [TestCase("sequor.bench/1", "sequor.bench/9", "sequor.bench/9")]
    [TestCase("\"peak_bytes\":95552", "\"peak_bytes\":\"many\"", "peak_bytes")]
    [TestCase("]\n}", "", "is damaged or cut off")]
    public void What_is_no_baseline_is_told(string old, string now, string message)
    {
        string folder = Copy();
        string path = Path.Combine(folder, "cpu.json");
        string text = File.ReadAllText(path);
        Assert.That(text, Does.Contain(old));
        File.WriteAllText(path, text.Replace(old, now, StringComparison.Ordinal));

        Run(folder, "--arch", "rnn").RequireFailure(2, message);
    }

    [Test]
    public void A_baseline_that_is_missing_is_told_before_anything_is_counted()
    {
        string folder = Copy();
        File.Delete(Path.Combine(folder, "counts.json"));

        Run(folder).RequireFailure(2, "there is no file or folder", "counts.json");
        Run(PathOf("nowhere")).RequireFailure(2, "nowhere");
        Run(PathOf("nowhere"), "--update").RequireFailure(2, "no folder");
        Run(folder, "--update", "--arch", "rnn").RequireFailure(2, "--arch and --update");
    }

    [Test]
    public void Of_managed_memory_the_least_of_several_runs_counts()
    {
        JsonObject counted = CountBaseline.Of(Report("21.5", "0", "64"));
        Assert.That(CountBaseline.HasManaged(counted));
        CountBaseline.TakeLeast(counted, CountBaseline.Of(Report("0", "8", "64")));
        Assert.That(
            counted["results"]!.AsArray().Select(r => (double)r!["managed_bytes_per_step"]!),
            Is.EqualTo(new[] { 0.0, 0, 64 })
        );
        Assert.That(CountBaseline.HasManaged(counted), "each of its steps takes 64");

        static byte[] Report(params string[] managed) =>
            System.Text.Encoding.UTF8.GetBytes(
                $$"""{"results":[{{string.Join(',', managed.Select(m => $$"""{"managed_bytes_per_step":{{m}}}"""))}}]}"""
            );
    }

    [Test]
    public void The_baseline_tells_of_no_machine()
    {
        string[] known =
        [
            "sequor.bench/1",
            "sequor.counts/1",
            "adding",
            "cpu",
            "cuda:0",
            "h200",
            "fp32",
            "by-shape",
            .. global::Sequor.Workloads.Architecture.Names,
        ];
        foreach (string file in Files)
        {
            JsonNode all = JsonNode.Parse(File.ReadAllBytes(Path.Combine(CheckedIn, file)))!;
            string[] texts = [.. Texts(all).Where(text => !known.Contains(text))];
            // Names of kernels.
            Assert.That(texts, Has.All.Match("^[a-z_0-9]+$"), file);
            Assert.That(
                all["machine"]?.AsObject().Select(pair => pair.Key) ?? [],
                Is.SubsetOf(new[] { "vector_bits" })
            );
            Assert.That(all["date"], Is.Null);
        }
    }

    private static IEnumerable<string> Texts(JsonNode? node) =>
        node switch
        {
            JsonObject o => o.SelectMany(pair => Texts(pair.Value)),
            JsonArray a => a.SelectMany(Texts),
            JsonValue v when v.TryGetValue(out string? text) => [text],
            _ => [],
        };
}
