using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary><c>sequor compare</c>: its verdicts and exit codes, what it refuses, and what it writes.</summary>
[TestFixture]
[NonParallelizable]
public sealed class CompareCommandTests : FolderTest
{
    private static readonly double[] Rounds = [1, 1.0001, 1.0002, 1.0003, 1.0004, 1.0005, 1.0006];

    private static BenchResult Result(double scale = 1) =>
        Made.Result("rnn", 4, 1, 1 << 20) with
        {
            RoundsMs = [.. Rounds.Select(round => round * scale)],
            GraphNodes = 30,
        };

    private string Write(string name, params BenchResult[] results) =>
        Write(name, Made.Report(results));

    private string Write(string name, BenchReport report)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllBytes(PathOf(name), ReportWriter.ToUtf8(report));
        return PathOf(name);
    }

    private string Write(string name, string text)
    {
        File.WriteAllText(PathOf(name), text);
        return PathOf(name);
    }

    private JsonNode Compare(int code, string before, string after, params string[] more)
    {
        string json = PathOf("result");
        ProgramResult result = InProcess.Run(["compare", before, after, .. more, "--json", json]);
        Assert.That(result.ExitCode, Is.EqualTo(code), result.Output + result.Error);
        return JsonNode.Parse(File.ReadAllBytes(json))!;
    }

    private static JsonNode Row(JsonNode report, string metric) =>
        report["rows"]!.AsArray().Single(row => (string)row!["metric"]! == metric)!;

    private static string Verdict(JsonNode report, string metric) =>
        (string)Row(report, metric)["verdict"]!;

    private void Refused(string before, string after, params string[] words)
    {
        InProcess.Run("compare", before, after).RequireFailure(2, ["sequor compare", .. words]);
        InProcess.Run("compare", before, after, "--bisect").RequireFailure(125, words);
        JsonNode report = Compare(2, before, after);
        Assert.That((string)report["verdict"]!, Is.EqualTo("refused"));
        Assert.That(report["rows"]!.AsArray(), Is.Empty, "no verdict of what was not compared");
    }

    [Test]
    public void Times_are_judged_by_their_rounds()
    {
        string before = Write("before.json", Result());
        foreach (
            (double scale, string verdict, int code) in ((double, string, int)[])
                [(1.05, "slower", 1), (0.95, "faster", 0), (1.001, "same", 0), (1.01, "unclear", 0)]
        )
        {
            JsonNode report = Compare(code, before, Write("after.json", Result(scale)));
            Assert.That(Verdict(report, "step_ms"), Is.EqualTo(verdict));
            Assert.That((string)report["verdict"]!, Is.EqualTo(verdict));
            JsonNode row = Row(report, "step_ms");
            Assert.That((double)row["ratio"]!, Is.EqualTo(scale).Within(1e-3));
            Assert.That((double)row["low"]!, Is.InRange(scale - 1e-3, scale));
            Assert.That((double)row["high"]!, Is.InRange(scale, scale + 1e-3));
            Assert.That((double)report["geometric_mean"]!, Is.EqualTo(scale).Within(1e-5));
        }
        string slower = Write("after.json", Result(1.05));
        Assert.That(
            Verdict(Compare(0, before, slower, "--threshold", "6"), "step_ms"),
            Is.EqualTo("same")
        );
    }

    [Test]
    public void Times_of_a_published_program_are_no_times_of_the_usual_one()
    {
        BenchReport usual = Made.Report(Result());
        string before = Write("before.json", usual);
        string after = Write(
            "after.json",
            usual with
            {
                Machine = usual.Machine with { Compiler = Machine.NativeAot },
            }
        );
        Refused(before, after, "compiler (JIT; NativeAOT)");
        JsonNode forced = Compare(0, before, after, "--force");
        Assert.That(Verdict(forced, "step_ms"), Is.EqualTo("same"));
        JsonNode counted = Compare(0, before, after, "--counts");
        Assert.That(counted["notes"]!.ToJsonString(), Does.Contain("compiler (JIT; NativeAOT)"));
        // Files of before it was told are of the usual one.
        string older = Write(
            "older.json",
            File.ReadAllText(before).Replace(",\"compiler\":\"JIT\"", "", StringComparison.Ordinal)
        );
        Assert.That(File.ReadAllText(older), Does.Not.Contain("compiler"));
        Compare(0, before, older);
        Refused(older, after, "compiler (JIT; NativeAOT)");
        Assert.That(
            ReportWriter.ReadBench(File.ReadAllText(older))!.Machine.Compiler,
            Is.EqualTo(Machine.Jit)
        );
    }

    [Test]
    public void One_round_is_no_verdict_whatever_its_samples()
    {
        BenchResult once = Result() with
        {
            RoundsMs = null,
            SamplesMs = [.. Enumerable.Repeat(1.0, 99)],
        };
        string before = Write("before.json", once);
        string after = Write("after.json", once with { StepMs = new Spread(9, 9, 9) });
        Assert.That(Verdict(Compare(0, before, after), "step_ms"), Is.EqualTo("unclear"));
        Compare(3, before, after, "--strict");
        JsonNode report = Compare(125, before, after, "--strict", "--bisect");
        Assert.That(report["notes"]!.ToJsonString(), Does.Contain("each side needs 5"));
    }

    [Test]
    public void A_folder_has_a_file_a_round()
    {
        for (int i = 0; i < Rounds.Length; i++)
        {
            Write(
                $"before/{i}.json",
                Result() with
                {
                    RoundsMs = null,
                    StepMs = new(Rounds[i], 1, 1),
                }
            );
            Write(
                $"after/{i}.json",
                Result() with
                {
                    RoundsMs = null,
                    StepMs = new(2 * Rounds[i], 1, 1),
                }
            );
        }
        Write("after/note.json", """{"schema":"sequor.train/1"}""");
        JsonNode report = Compare(1, PathOf("before"), PathOf("after"));
        Assert.That(Verdict(report, "step_ms"), Is.EqualTo("slower"));
        Assert.That(
            report["notes"]!.ToJsonString(),
            Does.Contain("left out, it is sequor.train/1")
        );

        File.Copy(PathOf("after/0.json"), PathOf("after/copy.json"));
        Refused(PathOf("before"), PathOf("after"), "copy.json", "same run");
        File.Delete(PathOf("after/copy.json"));
        Write("after/7.json", Made.Report(Result()) with { Threads = 1 });
        Refused(PathOf("before"), PathOf("after"), "7.json", "threads (2, 1)");
    }

    [Test]
    public void Counts_may_not_grow(
        [Values(
            "peak_bytes",
            "native_allocations_per_step",
            "managed_bytes_per_step",
            "graph_nodes"
        )]
            string metric
    )
    {
        BenchResult more = metric switch
        {
            "peak_bytes" => Result() with { PeakBytes = Result().PeakBytes + 1 },
            "native_allocations_per_step" => Result() with { NativeAllocationsPerStep = 1 },
            "managed_bytes_per_step" => Result() with { ManagedBytesPerStep = 24 },
            _ => Result() with { GraphNodes = 31 },
        };
        string before = Write("before.json", Result());
        string after = Write("after.json", more);
        JsonNode report = Compare(1, before, after);
        Assert.That(Verdict(report, metric), Is.EqualTo("more"));
        Assert.That((string)report["verdict"]!, Is.EqualTo("more"));
        Assert.That((string)report["rows"]![0]!["metric"]!, Is.EqualTo(metric), "the worst first");
        report = Compare(0, after, before);
        Assert.That(Verdict(report, metric), Is.EqualTo("less"));
        Assert.That((string)report["verdict"]!, Is.EqualTo("less"));
    }

    [Test]
    public void A_count_may_grow_by_what_is_allowed_and_no_more()
    {
        string before = Write("before.json", Result() with { PeakBytes = 1000, GraphNodes = 30 });
        string after = Write("after.json", Result() with { PeakBytes = 1010, GraphNodes = 31 });
        Compare(1, before, after, "--allow", "peak_bytes=0.9,graph_nodes=4");
        Compare(1, before, after, "--allow", "peak_bytes=1");
        JsonNode report = Compare(
            0,
            before,
            after,
            "--allow",
            "peak_bytes=1",
            "--allow",
            "graph_nodes=4"
        );
        Assert.That(Verdict(report, "peak_bytes"), Is.EqualTo("same"));
        InProcess
            .Run("compare", before, after, "--allow", "peak_byte=1")
            .RequireFailure(2, "'peak_byte'", "did you mean 'peak_bytes'");
        InProcess
            .Run("compare", before, after, "--allow", "step_ms=1")
            .RequireFailure(2, "'step_ms' is no counted metric");
    }

    [Test]
    public void A_row_that_is_gone_is_worse_and_a_new_one_is_not()
    {
        string one = Write("one.json", Result());
        string two = Write("two.json", Result(), Result() with { Arch = "gru" });
        JsonNode report = Compare(1, two, one);
        Assert.That((string)report["verdict"]!, Is.EqualTo("missing"));
        Assert.That((string)report["rows"]![0]!["name"]!, Is.EqualTo("gru T=4 B=4"));
        Assert.That(report["rows"]![0]!["head"], Is.Null);
        report = Compare(0, one, two);
        Assert.That(
            report["rows"]!.AsArray().Count(r => (string)r!["verdict"]! == "new"),
            Is.EqualTo(5)
        );
        string eager = Write("eager.json", Result() with { GraphNodes = 0 });
        Assert.That(Verdict(Compare(1, one, eager), "graph_nodes"), Is.EqualTo("missing"));
    }

    [Test]
    public void The_same_file_twice_is_the_same_and_told()
    {
        string file = Write("before.json", Result() with { RoundsMs = null });
        foreach (
            string other in (string[])[file, Write("copy.json", Result() with { RoundsMs = null })]
        )
        {
            JsonNode report = Compare(0, file, other, "--strict");
            Assert.That(
                report["rows"]!.AsArray().Select(row => (string)row!["verdict"]!),
                Is.All.EqualTo("same").And.Exactly(5).Items
            );
            Assert.That(report["notes"]!.ToJsonString(), Does.Contain("byte for byte"));
        }
    }

    private static readonly GpuReport Gpu = new(
        "GPU",
        "9.0",
        1 << 30,
        "1",
        "12.4",
        "9.6.0",
        "12.5",
        "fp32",
        "shifted-products"
    );

    private static IEnumerable<TestCaseData> Unlike()
    {
        BenchReport made = Made.Report(Result());
        yield return Case("threads (2; 1)", made with { Threads = 1 }, true);
        yield return Case(
            "vector width (256; 512)",
            made with
            {
                Machine = made.Machine with { VectorBits = 512 },
            },
            true
        );
        yield return Case(
            "cpu (Processor 1; Processor 2)",
            made with
            {
                Machine = Made.Machine("Processor 2"),
            },
            false
        );
        yield return Case(
            "cores (2; 4)",
            made with
            {
                Machine = made.Machine with { Cores = 4 },
            },
            false
        );
        yield return Case(
            "DOTNET_TieredPGO (nothing; 0)",
            made with
            {
                Machine = made.Machine with
                {
                    RuntimeSettings = new Dictionary<string, string> { ["DOTNET_TieredPGO"] = "0" },
                },
            },
            false
        );
        yield return Case("task (adding; copy)", made with { Task = "copy" }, true);
        yield return Case(
            "backend (cpu; cuda)",
            Made.Report(Result() with { Device = "cuda:0" }),
            true
        );
        yield return Case(
            "the shapes of rnn (T=4 B=4; T=4 B=8)",
            Made.Report(Result() with { Batch = 8 }),
            true
        );
        yield return Case(
            "the size of rnn T=4 B=4",
            Made.Report(Result() with { Hidden = 34 }),
            true
        );
    }

    private static IEnumerable<TestCaseData> UnlikeGpus()
    {
        BenchReport made = Made.Report(Result());
        yield return Case(
            "GPU (GPU; other)",
            made with
            {
                Gpu = Gpu with { Name = "other" },
            },
            false
        );
        yield return Case("driver (1; 2)", made with { Gpu = Gpu with { Driver = "2" } }, false);
        yield return Case(
            "driver (1; nothing)",
            made with
            {
                Gpu = Gpu with { Driver = null },
            },
            false
        );
        yield return Case(
            "arithmetic (fp32; tf32)",
            made with
            {
                Gpu = Gpu with { Arithmetic = "tf32" },
            },
            true
        );
    }

    private static TestCaseData Case(string words, BenchReport report, bool always) =>
        new TestCaseData(words, report, always).SetArgDisplayNames(words);

    [TestCaseSource(nameof(Unlike))]
    public void Unlike_things_are_refused(string words, BenchReport other, bool always) =>
        RequireRefused(Made.Report(Result()), words, other, always);

    [TestCaseSource(nameof(UnlikeGpus))]
    public void Unlike_GPUs_are_refused(string words, BenchReport other, bool always) =>
        RequireRefused(Made.Report(Result()) with { Gpu = Gpu }, words, other, always);

    private void RequireRefused(BenchReport made, string words, BenchReport other, bool always)
    {
        string before = Write("before.json", made);
        string after = Write("after.json", other);
        Refused(before, after, words, "--force");
        JsonNode forced = Compare(0, before, after, "--force");
        Assert.That(forced["forced"]!.ToJsonString(), Does.Contain(words));
        Assert.That(Verdict(forced, "peak_bytes"), Is.EqualTo("same"));
        JsonNode counts = Compare(always ? 2 : 0, before, after, "--counts");
        if (always)
            return;
        Assert.That(
            counts["rows"]!.AsArray().Select(r => (string)r!["metric"]!),
            Has.None.EqualTo("step_ms")
        );
        Assert.That(counts["notes"]!.ToJsonString(), Does.Contain(words));
        Assert.That(counts["geometric_mean"], Is.Null);
    }

    [Test]
    public void Another_commit_or_system_is_told()
    {
        BenchReport made = Made.Report(Result());
        string before = Write("before.json", made);
        string after = Write(
            "after.json",
            made with
            {
                Machine = made.Machine with { Commit = "fedcba", Os = "Other" },
            }
        );
        string notes = Compare(0, before, after)["notes"]!.ToJsonString();
        Assert.That(
            notes,
            Does.Contain("commit (0123456789abcdef; fedcba)").And.Contain("os (System; Other)")
        );
    }

    [Test]
    public void Damaged_and_foreign_files_are_told()
    {
        string good = Write("good.json", Result());
        string text = File.ReadAllText(good);
        Assert.Multiple(() =>
        {
            Bad("cut", text[..(text.Length / 2)], "is damaged or cut off", "line 1");
            Bad("empty", "", "is empty");
            Bad(
                "nan",
                text.Replace("\"median\":1,", "\"median\":NaN,", StringComparison.Ordinal),
                "NaN",
                "no number"
            );
            Bad(
                "quoted",
                text.Replace("\"median\":1,", "\"median\":\"NaN\",", StringComparison.Ordinal),
                "results[0].step_ms.median",
                "finite",
                "NaN"
            );
            Bad(
                "huge",
                text.Replace("\"median\":1,", "\"median\":1e999,", StringComparison.Ordinal),
                "median",
                "finite",
                "1e999"
            );
            Bad(
                "negative",
                text.Replace("\"median\":1,", "\"median\":-1,", StringComparison.Ordinal),
                "median",
                "above 0"
            );
            Bad(
                "none",
                text.Replace(
                    "\"peak_bytes\":1048576",
                    "\"peak_bytes\":\"many\"",
                    StringComparison.Ordinal
                ),
                "peak_bytes"
            );
            Bad(
                "version",
                text.Replace("sequor.bench/1", "sequor.bench/2", StringComparison.Ordinal),
                "is sequor.bench/2",
                "compare reads",
                "sequor.bench/1"
            );
            Bad(
                "train",
                text.Replace("sequor.bench/1", "sequor.train/1", StringComparison.Ordinal),
                "is sequor.train/1"
            );
            Bad("list", "[1]", "of no format that is known");
            Bad(
                "rounds",
                text.Replace(",1.0001", ",null", StringComparison.Ordinal),
                "rounds_ms[1]"
            );
            Bad("results", "{\"schema\":\"sequor.bench/1\"}", "results is missing");
        });
        Refused(good, PathOf("nothing.json"), "no file or folder", "nothing.json");
        Directory.CreateDirectory(PathOf("folder"));
        Refused(good, PathOf("folder"), "HEAD", "has no .json file");
        Refused(PathOf("folder"), good, "BASE", "has no .json file");
        Write("folder/x.json", "{}");
        Refused(good, PathOf("folder"), "is one that compare reads");
        Write(
            "folder/y.json",
            text.Replace("sequor.bench/1", "sequor.bench/2", StringComparison.Ordinal)
        );
        Refused(good, PathOf("folder"), "is sequor.bench/2");

        void Bad(string name, string content, params string[] words)
        {
            Refused(good, Write(name, content), [name, "HEAD", .. words]);
            Refused(Write(name, content), good, [name, "BASE", .. words]);
        }
    }

    [Test]
    public void A_failure_of_the_command_is_no_verdict()
    {
        string good = Write("good.json", Result());
        InProcess.Run("compare", good).RequireFailure(2, "needs BASE and HEAD");
        InProcess.Run("compare", good, "--bisect").RequireFailure(125, "needs BASE and HEAD");
        InProcess.Run("compare", good, good, good).RequireFailure(2, "takes BASE and HEAD");
        InProcess.Run("compare", good, good, "--allow", "x").RequireFailure(2, "--allow", "'x'");
        InProcess.Run("compare", good, good, "--allow", "x=-1").RequireFailure(2, "'x=-1'");
        InProcess.Run("compare", good, good, "--threshold", "nan").RequireFailure(2, "--threshold");
        InProcess
            .Run("compare", good, good, "--json", Folder)
            .RequireFailure(2, "--json", "folder");
        InProcess.Run("compare", good, good, "--json", good).RequireFailure(2, "would overwrite");
        Assert.That(File.ReadAllText(good), Does.Contain("sequor.bench/1"));
    }

    [Test]
    public void A_partial_report_is_told()
    {
        string before = Write("before.json", Result());
        string after = Write(
            "after.json",
            Made.Report(Result()) with
            {
                Status = RunStatus.Interrupted,
                Reason = "made up",
            }
        );
        Assert.That(
            Compare(0, before, after)["notes"]!.ToJsonString(),
            Does.Contain("partial report").And.Contain("interrupted")
        );
    }

    [Test]
    public void Text_Markdown_and_the_list_of_values_tell_the_same()
    {
        string before = Write("before.json", Result() with { Arch = Made.Hostile + "|" });
        string after = Write("after.json", Result(1.05) with { Arch = Made.Hostile + "|" });
        (string markdown, string values) = (PathOf("m.md"), PathOf("v.json"));
        ProgramResult result = InProcess.Run(
            "compare",
            before,
            after,
            "--markdown",
            markdown,
            "--values",
            values
        );
        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
        Assert.That(
            result.Output,
            Does.Contain("slower")
                .And.Contain(
                    "Verdict: slower (1 slower, 4 same; times by their geometric mean: 1.050)"
                )
        );
        string text = File.ReadAllText(markdown);
        Assert.That(text, Does.StartWith("### sequor compare: slower"));
        Assert.That(text, Does.Not.Contain("<"));
        string[] rows = [.. text.Split('\n').Where(line => line.StartsWith('|'))];
        Assert.That(rows, Has.Length.EqualTo(2 + 5));
        Assert.That(rows.Select(row => row.Count(c => c == '|')), Is.All.EqualTo(7));

        JsonArray list = JsonNode.Parse(File.ReadAllBytes(values))!.AsArray();
        Assert.That(list, Has.Count.EqualTo(5));
        JsonNode step = list.Single(v =>
            ((string)v!["name"]!).EndsWith(": step_ms", StringComparison.Ordinal)
        )!;
        Assert.That((string)step["unit"]!, Is.EqualTo("ms"));
        Assert.That((double)step["value"]!, Is.EqualTo(1.05 * Rounds[3]).Within(1e-9));
        Assert.That((string)step["extra"]!, Does.StartWith("slower, 1.050"));
    }
}
