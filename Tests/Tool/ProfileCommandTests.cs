using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Tests.Profiles;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary><c>sequor profile</c> on the CPU: its tables, its report, its trace and page, and what a signal leaves of it.</summary>
[TestFixture]
[NonParallelizable]
public sealed class ProfileCommandTests : FolderTest
{
    private const string Small =
        "profile --length 12 --batch 3 --hidden 6 --steps 4 --warmup 2 --threads 2";

    private JsonNode Profile(string line, params string[] more)
    {
        string json = PathOf("profile.json");
        ProgramResult result = InProcess.Run(line, [.. more, "--json", json]);
        result.RequireSuccess();
        return JsonNode.Parse(File.ReadAllBytes(json))!;
    }

    [Test]
    public void Rows_add_up_to_the_step_and_to_the_ledger(
        [ValueSource(typeof(Listed), nameof(Listed.Architectures))] string arch
    )
    {
        JsonNode report = Profile($"{Small} --arch {arch}");
        ProfileCheck.Require(report, "cpu", arch);
        JsonNode result = report["results"]![0]!;
        // A plan takes its memory once, and nothing else has been there.
        Assert.That((long)result["held_bytes"]!, Is.EqualTo((long)result["peak_bytes"]!));
        JsonArray rows = result["layers"]!.AsArray();
        Assert.That(rows.Select(r => (int)r!["launches"]!), Is.All.Zero, "no launches on a CPU");
        Assert.That(rows.Select(r => r!["bytes_moved"]), Is.All.Not.Null);
        Assert.That(rows.Select(r => r!["flops"]), Is.All.Not.Null);
    }

    // So many rows that an LRU's block takes them in several pieces, each an operation.
    [Test]
    public void Pieces_of_a_layer_are_counted_once()
    {
        JsonNode report = Profile(
            "profile --arch lru --length 200 --batch 32 --hidden 20 --layers 1 --steps 1 --warmup 0 --threads 2"
        );
        ProfileCheck.Require(report, "cpu", "lru");
        JsonNode[] rows = [.. report["results"]![0]!["layers"]!.AsArray().Select(r => r!)];
        JsonNode[] scans =
        [
            .. rows.Where(r =>
                ((string)r["operation"]!).StartsWith("scan", StringComparison.Ordinal)
            ),
        ];
        Assert.That(scans.Max(r => (int)r["calls"]!), Is.GreaterThan(1));
        foreach (string operation in (string[])["scan", "scan gradient"])
        {
            // Read and written once in each direction, besides lambda and its gradient; backward reads the states too.
            const long states = 200 * 32 * 40 * sizeof(float);
            Assert.That(
                scans
                    .Where(r => (string)r["operation"]! == operation)
                    .Sum(r => (long)r["bytes_moved"]!),
                Is.EqualTo(states * (operation == "scan" ? 2 : 3)).Within(2).Percent
            );
        }
    }

    [Test]
    public void All_that_are_compared_are_profiled_where_none_is_named()
    {
        string trace = PathOf("trace.json");
        JsonNode report = Profile(Small, "--trace", trace);
        string[] names = [.. Architecture.Compared.Select(a => a.Name)];
        Assert.That(
            report["results"]!.AsArray().Select(r => (string)r!["arch"]!),
            Is.EqualTo(names)
        );
        IReadOnlyList<TraceEvent> events = TraceCheck.Require(
            File.ReadAllBytes(trace),
            names.Length
        );
        foreach ((JsonNode? result, int i) in report["results"]!.AsArray().Select((r, i) => (r, i)))
        {
            Assert.That(
                events.Single(e => e.Category == "step" && e.Process == i + 1).Duration,
                Is.EqualTo((decimal)result!["profiled_ms"]! * 1000)
            );
            Assert.That(
                events.Count(e => e.Category == "operation" && e.Process == i + 1),
                Is.EqualTo(
                    result["layers"]!
                        .AsArray()
                        .Where(r => (string)r!["operation"]! != "between operations")
                        .Sum(r => (int)r!["calls"]!)
                )
            );
        }
    }

    [Test]
    public void The_text_has_the_layers_the_operations_the_owners_and_the_sum()
    {
        ProgramResult result = InProcess.Run($"{Small} --arch tcn --layers 2");
        result.RequireSuccess();
        Assert.That(
            result.Output,
            Does.Match(@"(?m)^tcn, 6 x 2, \d+ parameters: layers in the model's order$")
                .And.Match(@"(?m)^ *layer +kind +forward +backward +ms +share +launches +GFLOP/s")
                .And.Match(@"(?m)^0 +\d")
                .And.Match(@"(?m)^  0\.0 +TcnBlock ")
                .And.Match(@"(?m)^optimizer +Adam")
                .And.Match(@"(?m)^step .* 100\.0% ")
                .And.Match(@"(?m)^tcn: 12 of \d+ operations, worst first$")
                .And.Match(@"(?m)^Most memory in use: [\d.]+ MiB, at ")
                .And.Match(@"(?m)^tcn: a step takes .* the profile adds -?\d+\.\d%")
                .And.Match(
                    @"(?m)^Peaks: copies [\d.]+ GB/s, products \d+ GFLOP/s, multiplications with additions in registers [\d,.]+ GFLOP/s, measured in this run\.$"
                )
        );
        Assert.That(result.Output, Does.Not.Contain("NaN").And.Not.Contain("∞"));
    }

    [Test]
    public void A_terminal_of_80_columns_has_fewer_of_them()
    {
        using IDisposable terminals = Sequor.Tool.StandardStreams.StandIn(true, false);
        ProgramResult result = InProcess.Run($"{Small} --arch gru");
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        string[] heads =
        [
            .. result
                .Output.Split('\n')
                .Where(line => line.Contains("share") && line.Contains("floor ms")),
        ];
        Assert.That(heads, Has.Length.EqualTo(2));
        Assert.That(
            heads[0],
            Does.Match("layer +forward +backward +ms +share +GFLOP/s +GB/s .*MiB")
        );
        Assert.That(heads[1], Does.Match("operation +layer +pass +ms +share +GFLOP/s .*of floor"));
        Assert.That(heads, Has.None.Contains("launches").And.None.Contains("shapes"));
    }

    [Test]
    public void The_page_is_whole_and_has_the_report()
    {
        string html = PathOf("p.html");
        Profile($"{Small} --arch gru,lru", "--html", html);
        string page = File.ReadAllText(html).TrimEnd();
        Charts.Made.RequireWhole(page);
        ProfileCheck.Require(JsonNode.Parse(Charts.Made.Island(page, "report"))!, "cpu", "gru");
        Assert.That(page, Does.Contain("gru: one training step").And.Contain("lru: one training"));
    }

    [Test]
    public void A_text_of_ones_own_is_profiled()
    {
        string text = PathOf("text");
        File.WriteAllText(text, string.Concat(Enumerable.Range(0, 900).Select(i => $"{i} ")));
        JsonNode report = Profile($"{Small} --arch lstm --task charlm", "--data", text);
        ProfileCheck.Require(report, "cpu", "lstm");
        Assert.That(
            report["results"]![0]!["layers"]!.AsArray().Select(r => (string)r!["kind"]!),
            Does.Contain("Embedding")
        );
    }

    [Test]
    public void A_run_compared_with_itself_is_the_same_and_another_run_counts_the_same()
    {
        string first = PathOf("first.json");
        string second = PathOf("second.json");
        InProcess.Run($"{Small} --arch gru,lru --json", first).RequireSuccess();
        InProcess.Run($"{Small} --arch gru,lru --json", second).RequireSuccess();
        ProgramResult same = InProcess.Run("compare", first, first);
        same.RequireSuccess();
        Assert.That(same.Output, Does.Contain("Verdict: same"));
        InProcess.Run("compare", first, second, "--counts").RequireSuccess();
    }

    [TestCase("launches", 1)]
    [TestCase("bytes_moved", 4)]
    [TestCase("bytes_held", 4)]
    [TestCase("flops", 2)]
    public void A_planted_change_of_a_row_is_found(string key, long more)
    {
        string before = PathOf("profile.json");
        JsonNode report = Profile($"{Small} --arch gru");
        JsonNode row = report["results"]![0]!["layers"]!
            .AsArray()
            .First(r => (string)r!["operation"]! == "recurrent")!;
        row[key] = (long)row[key]! + more;
        string after = PathOf("after.json");
        File.WriteAllText(after, report.ToJsonString());
        ProgramResult worse = InProcess.Run("compare", before, after, "--counts");
        Assert.That(worse.ExitCode, Is.EqualTo(1), worse.Error);
        Assert.That(
            worse.Output,
            Does.Match($@"(?m)^gru T=12 B=3, 0 recurrent forward: {key} .*more")
                .And.Contain("1 more")
        );
        Assert.That(InProcess.Run("compare", after, before, "--counts").ExitCode, Is.Zero);
    }

    [TestCase("--json")]
    [TestCase("--html")]
    [TestCase("--trace")]
    [Platform("Linux")]
    public void A_full_disk_is_told_with_the_file(string option)
    {
        ProgramResult result = InProcess.Run($"{Small} --arch rnn {option}", "/dev/full");
        result.RequireFailure(1, option, "'/dev/full'", "cannot be written");
        Assert.That(result.Output, Does.Contain("step takes"), "what was measured is told");
    }

    // A disk of a few pages: the new file does not fit beside the old one.
    [TestCase("json", Category = "Long")]
    [TestCase("html", Category = "Long")]
    [TestCase("trace")]
    [Platform("Linux")]
    public void A_full_disk_leaves_the_older_file(string option)
    {
        if (!Environment.IsPrivilegedProcess)
            Assert.Ignore("Only root mounts.");
        ProgramResult result = Program.RunScript(
            Folder,
            $"""
            mkdir disk; unshare -m sh -c 'mount -t tmpfs -o size=8k none disk || exit 77; echo old >disk/o
            "$sequor" profile --arch lru --length 5 --batch 2 --params 20000 --steps 1 --warmup 0 --threads 1 --{option} disk/o >/dev/null
            echo $? $(cat disk/o) $(ls -A disk)'; test $? = 77 && echo no mount; true
            """
        );
        if (result.Output.Contains("no mount", StringComparison.Ordinal))
            Assert.Ignore("This system lets nobody mount.");
        Assert.That(result.Output.Trim(), Is.EqualTo("1 old o"), result.Error);
        Assert.That(
            result.Error,
            Does.Contain($"--{option}: 'disk/o' cannot be written").And.Contain("space")
        );
    }

    [Test]
    [Platform("Linux")]
    public void One_file_that_cannot_be_written_keeps_none_of_the_others_back()
    {
        string json = PathOf("p.json");
        string html = PathOf("p.html");
        InProcess
            .Run($"{Small} --arch rnn --trace /dev/full --json", json, "--html", html)
            .RequireFailure(1, "--trace", "'/dev/full'");
        Assert.That(File.ReadAllText(json), Does.StartWith("{\"schema\":\"sequor.profile/1\""));
        Assert.That(File.ReadAllText(html), Does.StartWith("<!doctype html>"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "no signals to send")]
    public void A_signal_ends_it_with_what_there_is()
    {
        ProgramResult result = Program.RunScript(
            Folder,
            """
            set -m
            echo old >j; echo old >h; echo old >t
            "$sequor" profile --length 5 --batch 2 --params 20000 --steps 1000000 --warmup 1 --threads 1 --json j --html h --trace t >out 2>err &
            until [ -s out ]; do sleep 0.05; done
            sleep 1.5; kill -s INT $!; wait $!; echo $?
            """
        );
        string Text(string name) => File.ReadAllText(PathOf(name));
        Assert.That(result.Output.Trim(), Is.EqualTo("130"), Text("err"));
        JsonNode report = JsonNode.Parse(Text("j"))!;
        Assert.That((string)report["status"]!, Is.EqualTo("interrupted"));
        string reason = (string)report["reason"]!;
        // On a busy machine there may have been no time for a step.
        int models = report["results"]!.AsArray().Count;
        Assert.That(
            reason,
            Does.StartWith(
                models == 0
                    ? "Interrupted before a step was profiled"
                    : "Interrupted: these results are partial, of 1 of 5 models"
            )
        );
        Assert.That(Text("out").TrimEnd().Split('\n')[^1], Is.EqualTo(reason));
        Assert.That(Text("h"), Does.Contain("Not finished: interrupted"));
        if (models > 0)
            TraceCheck.Require(File.ReadAllBytes(PathOf("t")), 1);
        else
            Assert.That(Text("t"), Is.EqualTo("[]\n"));
    }
}
