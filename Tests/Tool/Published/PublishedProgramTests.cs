using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>The program of machine code beside the usual one: text, exit codes, JSON and the bits that it learns.</summary>
[TestFixture]
[Category("Long")]
[Platform("Linux")]
[Parallelizable(ParallelScope.Self)]
public sealed class PublishedProgramTests : FolderTest
{
    // Both with the same vectors and sums, whatever the processor has.
    private const string Alike = "--threads 1 --vector-bits 256";
    private const string Tiny = "--length 8 --batch 2 --hidden 6 --steps 3 --warmup 1";

    private const long MostBytes = 13_700_000;

    private readonly JsonPage _page = JsonPage.Read();

    private static string[] Words(string line, params string[] more) =>
        [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries), .. more];

    private static (ProgramResult Usual, ProgramResult Published) RunBoth(params string[] words) =>
        (Program.Run(words), PublishedProgram.Run(words));

    // Runs both with a file for each, and gives the two files.
    private (byte[] Usual, byte[] Published) WriteBoth(string line, string option = "--json")
    {
        Program.Run(Words(line, option, PathOf("usual"))).RequireSuccess();
        PublishedProgram.Run(Words(line, option, PathOf("published"))).RequireSuccess();
        return (File.ReadAllBytes(PathOf("usual")), File.ReadAllBytes(PathOf("published")));
    }

    // Every path of a JSON, without what only .NET's compiler has settings for.
    private static SortedSet<string> Keys(byte[] json)
    {
        var keys = new SortedSet<string>(StringComparer.Ordinal);
        using JsonDocument document = JsonDocument.Parse(json);
        Add("", document.RootElement);
        keys.RemoveWhere(key => key.Contains("System.Runtime.", StringComparison.Ordinal));
        return keys;

        void Add(string at, JsonElement value)
        {
            if (value.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement item in value.EnumerateArray())
                    Add(at + "[]", item);
            }
            if (value.ValueKind != JsonValueKind.Object)
                return;
            foreach (JsonProperty property in value.EnumerateObject())
            {
                keys.Add($"{at}.{property.Name}");
                Add($"{at}.{property.Name}", property.Value);
            }
        }
    }

    private void RequireAlike(string section, (byte[] Usual, byte[] Published) json)
    {
        new JsonCoverage(_page).Add(section, json.Published);
        Assert.That(Keys(json.Published), Is.EqualTo(Keys(json.Usual)));
    }

    [Test]
    public void It_tells_that_it_is_the_published_one()
    {
        (ProgramResult usual, ProgramResult published) = RunBoth("--version");
        published.RequireSuccess();
        Assert.That(published.Output, Is.EqualTo($"{usual.Output.TrimEnd()} NativeAOT\n"));
    }

    // What is in it is counted in docs/publish.md: what comes to it is seen here.
    [Test]
    public void It_is_no_larger_than_it_was()
    {
        if (RuntimeInformation.OSArchitecture != System.Runtime.InteropServices.Architecture.X64)
            Assert.Ignore("the bound is for x64");
        Assert.That(new FileInfo(PublishedProgram.Executable).Length, Is.AtMost(MostBytes));
    }

    [Test]
    public void A_processor_without_its_instructions_is_told_in_words()
    {
        const string emulator = "/usr/bin/qemu-x86_64";
        if (RuntimeInformation.OSArchitecture != System.Runtime.InteropServices.Architecture.X64)
            Assert.Ignore("it is made for all processors here");
        if (!File.Exists(emulator))
            Assert.Ignore(
                $"{emulator} is not there (package qemu-user), which stands for an older one"
            );
        string program = PublishedProgram.Executable;
        ProgramResult newer = Program.RunForm(emulator, "-cpu", "max", program, "--version");
        Assert.That(newer.Output, Is.EqualTo(PublishedProgram.Run("--version").Output));
        ProgramResult older = Program.RunForm(emulator, "-cpu", "Nehalem", program, "--version");
        Assert.That(older.ExitCode, Is.Not.Zero);
        Assert.That(
            older.Error,
            Does.Contain("The required instruction sets are not supported by the current CPU.")
        );
    }

    [TestCase("list")]
    [TestCase("list --json -")]
    [TestCase("")]
    [TestCase("--help")]
    [TestCase("bench --help")]
    [TestCase("profile --help")]
    [TestCase("train --help")]
    [TestCase("reproduce --help")]
    [TestCase("compare --help")]
    [TestCase("history --help")]
    [TestCase("--versoin")]
    [TestCase("benhc")]
    [TestCase("bench --arch nn")]
    [TestCase("bench --steps 0")]
    [TestCase("bench --length 99999999999")]
    [TestCase("bench --vector-bits 100")]
    [TestCase("bench --device cuda:x")]
    [TestCase("bench --json /none/such.json")]
    [TestCase("bench --arch rnn --hidden 100000000")]
    [TestCase("train --resume none.such")]
    [TestCase("train --task jsb")]
    [TestCase("train --optimizer none")]
    [TestCase("reproduce --task none")]
    [TestCase("reproduce --task jsb --data none.such")]
    [TestCase("reproduce --task adding --preset none")]
    [TestCase("compare one")]
    [TestCase("compare none.such none.such")]
    [TestCase("history none.such")]
    [TestCase("profile --arch none")]
    public void It_prints_what_the_usual_one_prints_and_ends_alike(string line)
    {
        (ProgramResult usual, ProgramResult published) = RunBoth(Words(line));
        Assert.That(published, Is.EqualTo(usual));
    }

    [Test]
    public void Doctor_sees_the_same_machine()
    {
        (byte[] Usual, byte[] Published) json = WriteBoth("doctor");
        RequireAlike("sequor.doctor/1", json);
        JsonNode machine = JsonNode.Parse(json.Published)!["machine"]!;
        JsonNode usual = JsonNode.Parse(json.Usual)!["machine"]!;
        Assert.That((string?)machine["compiler"], Is.EqualTo("NativeAOT"));
        Assert.That((string?)usual["compiler"], Is.EqualTo("JIT"));
        foreach (string key in (string[])["cpu", "cores", "os", "architecture", "dotnet", "commit"])
            Assert.That(machine[key]!.ToJsonString(), Is.EqualTo(usual[key]!.ToJsonString()), key);
        Assert.That(
            PublishedProgram.Run("doctor").Output,
            Does.Match(@"(?m)^runtime +\.NET [0-9.]+ NativeAOT, ")
        );
    }

    [Test]
    public void Bench_and_profile_count_the_same()
    {
        string arch = string.Join(',', Listed.Architectures);
        (byte[] Usual, byte[] Published) json = WriteBoth($"bench --arch {arch} {Tiny} {Alike}");
        RequireAlike("sequor.bench/1", json);
        JsonArray results = JsonNode.Parse(json.Published)!["results"]!.AsArray();
        JsonArray usual = JsonNode.Parse(json.Usual)!["results"]!.AsArray();
        Assert.That(results, Has.Count.EqualTo(usual.Count).And.Count.AtLeast(5));
        for (int i = 0; i < usual.Count; i++)
        {
            foreach (
                string key in (string[])
                    ["arch", "parameters", "peak_bytes", "floor_bytes", "bytes_moved", "flops"]
            )
                Assert.That(
                    results[i]![key]!.ToJsonString(),
                    Is.EqualTo(usual[i]![key]!.ToJsonString()),
                    key
                );
            Assert.That((double)results[i]!["native_allocations_per_step"]!, Is.Zero);
        }
        RequireAlike("sequor.profile/1", WriteBoth($"profile --arch gru,tcn {Tiny} {Alike}"));
    }

    [Test]
    public void Pages_and_traces_are_written()
    {
        foreach (
            (string line, string option) in ((string, string)[])
                [
                    ($"bench --arch rnn {Tiny} {Alike}", "--html"),
                    ($"profile --arch rnn {Tiny} {Alike}", "--html"),
                    ($"profile --arch rnn {Tiny} {Alike}", "--trace"),
                ]
        )
        {
            (byte[] usual, byte[] published) = WriteBoth(line, option);
            Assert.That(published.Length, Is.EqualTo(usual.Length).Within(20).Percent);
        }
    }

    [Test]
    public void It_learns_the_same_bits_and_goes_on_from_the_others_checkpoint()
    {
        string train = $"train --arch lstm --length 12 --batch 4 --hidden 6 {Alike} --steps 20";
        (byte[] Usual, byte[] Published) saved = WriteBoth(train, "--checkpoint");
        Assert.That(saved.Published, Is.EqualTo(saved.Usual));
        // Each from that of the other.
        string[] further = Words($"train {Alike} --steps 30 --resume");
        Program
            .Run([.. further, PathOf("published"), "--checkpoint", PathOf("a")])
            .RequireSuccess();
        PublishedProgram
            .Run([.. further, PathOf("usual"), "--checkpoint", PathOf("b")])
            .RequireSuccess();
        Assert.That(Checkpoint.ReadInfo(PathOf("b")).Position, Is.EqualTo(30));
        Assert.That(File.ReadAllBytes(PathOf("b")), Is.EqualTo(File.ReadAllBytes(PathOf("a"))));
        RequireAlike("sequor.train/1", WriteBoth(train));
    }

    [Test]
    public void It_reproduces_the_same()
    {
        string data = Songs.Write(Folder);
        (byte[] Usual, byte[] Published) json = WriteBoth(
            $"reproduce --task jsb --arch gru,tcn --preset 20k --budget 0.01 {Alike} --data {data}"
        );
        new JsonCoverage(_page).Add("sequor.reproduce/1", json.Published);
        json = WriteBoth($"reproduce --task jsb --arch gru --preset 20k {Alike} --data {data}");
        RequireAlike("sequor.reproduce/1", json);
        JsonNode usual = JsonNode.Parse(json.Usual)!["results"]![0]!;
        JsonNode published = JsonNode.Parse(json.Published)!["results"]![0]!;
        Assert.That(published["test"]!.ToJsonString(), Is.EqualTo(usual["test"]!.ToJsonString()));
    }

    [Test]
    public void Its_figures_are_compared_with_each_other_and_with_the_usual_ones_only_by_force()
    {
        string bench = $"bench --arch rnn {Tiny} {Alike}";
        WriteBoth(bench);
        PublishedProgram.Run(Words(bench, "--json", PathOf("again"))).RequireSuccess();
        foreach (
            string[] words in (string[][])
                [
                    Words("compare", PathOf("published"), PathOf("again")),
                    Words("compare --json -", PathOf("published"), PathOf("again")),
                    Words("compare", PathOf("usual"), PathOf("published")),
                    Words("compare --force", PathOf("usual"), PathOf("published")),
                    Words("compare --counts", PathOf("usual"), PathOf("published")),
                ]
        )
        {
            (ProgramResult usual, ProgramResult published) = RunBoth(words);
            Assert.That(published, Is.EqualTo(usual), words[1]);
        }
        Program
            .Run("compare", PathOf("usual"), PathOf("published"))
            .RequireFailure(2, "compiler (JIT; NativeAOT)");
    }

    [Test]
    public void It_draws_the_same_trends_of_a_history()
    {
        string bench = $"bench --arch rnn {Tiny} {Alike}";
        for (int i = 0; i < 4; i++)
            WriteBoth(bench, "--history");
        foreach (string line in (string[])["history", "history --json -"])
        {
            (ProgramResult usual, ProgramResult published) = RunBoth(
                Words(line, PathOf("published"))
            );
            Assert.That(published, Is.EqualTo(usual));
            Assert.That(published.ExitCode, Is.Zero, published.Error);
        }
    }
}
