using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Counts;
using Sequor.FirstContact;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Replay;
using Sequor.Tests.Charts;
using Sequor.Tests.Profiles;
using Sequor.Tests.Support;
using Sequor.Tests.Training;
using Sequor.Tests.Workloads;
using Sequor.Workloads;
using CountedKernel = Sequor.Counts.KernelResult;
using ReplayedKernel = Sequor.Replay.KernelResult;

namespace Sequor.Tests.Tool;

/// <summary>docs/json.md against what the commands write: every key, its type, and whether it is always there.</summary>
[TestFixture]
public sealed class JsonDocumentTests : CudaCommandFixture
{
    private const string Tiny = "--length 5 --hidden 4 --layers 2 --batch 2 --steps 4";

    private static readonly JsonPage Page = JsonPage.Read();

    // What all tests together have seen of each section that more than one of them fills.
    private readonly JsonCoverage _seen = new(Page);

    private byte[] Json(string command, params string[] more) => Json(0, command, more);

    private byte[] Json(int code, string command, params string[] more)
    {
        string json = PathOf("report.json");
        File.Delete(json);
        ProgramResult result = Run(command, [.. more, "--json", json]);
        Assert.That(result.ExitCode, Is.EqualTo(code), result.Error);
        return File.ReadAllBytes(json);
    }

    [Test]
    [VirtualGpuOnly]
    public void Bench()
    {
        _seen.Add(
            "sequor.bench/1",
            Json(
                "bench --sweep 4,8 --arch gru,tcn --hidden 4 --batch 2 --steps 2 --warmup 1 --threads 1"
            )
        );
        _seen.Add("sequor.bench/1", Json($"bench --arch lru --states 3 --warmup 1 {Tiny}"));
        _seen.Add(
            "sequor.bench/1",
            Json($"bench --device cuda --arch rnn --graph off --warmup 1 {Tiny}")
        );
        _seen.Add(
            "sequor.bench/1",
            Json(
                "bench --stream --device cpu --arch lru --hidden 4 --states 3 --steps 4 --warmup 1"
            )
        );
        _seen.Add(
            "sequor.bench/1",
            Json("bench --device cpu --threads 1 --widths 1,2 --batches 1,2 --length 3 --arch rnn")
        );
        Virtual!.Manners.SymmetricPaddingOnly = true;
        string refused = $"--device cuda --convolution cudnn --arch tcn {Tiny}";
        _seen.Add("sequor.bench/1", Json($"bench --warmup 1 {refused}"));
        string choices = PathOf("choices.jsonl");
        _seen.Add(
            "sequor.bench/1",
            Json($"bench --device cuda --arch rnn --warmup 1 {Tiny}", "--autotune", choices)
        );
        foreach (string line in File.ReadLines(choices))
            _seen.Add("sequor.choices/1", System.Text.Encoding.UTF8.GetBytes(line));
        var missing = new GpuConditions { Missing = "made up" };
        BenchReport made = Made.Report(
            Made.Result("rnn", 4, 1, 1024) with
            {
                RoundsMs = [1, 2],
                GpuConditions = GpuConditionsReport.Of(missing),
            }
        );
        _seen.Add(
            "sequor.bench/1",
            ReportWriter.ToUtf8(
                made with
                {
                    Status = RunStatus.Failed,
                    Reason = "made up",
                    Gpu = MadeReports.Gpu with { Warning = "made up" },
                    Grid = MadeReports.Grid(),
                }
            )
        );
        _seen.RequireAll(
            "sequor.bench/1",
            "result",
            "grid",
            "stream",
            "peaks",
            "machine",
            "gpu",
            "choice",
            "conditions",
            "extent",
            "sequor.choices/1"
        );
    }

    // What the diagnoser itself writes is read in its own tests.
    [Test]
    public void Suites()
    {
        SuitesReport report = MadeReports.Suites();
        _seen.Add("sequor.suites/1", ReportWriter.ToUtf8(report));
        _seen.Add(
            "sequor.suites/1",
            ReportWriter.ToUtf8(
                report with
                {
                    Status = RunStatus.Failed,
                    Reason = "made up",
                    Results = [],
                }
            )
        );
        _seen.RequireAll("sequor.suites/1");
    }

    [Test]
    [VirtualGpuOnly]
    public void Profile()
    {
        _seen.Add("sequor.profile/1", Json($"profile --arch tcn --warmup 1 {Tiny}"));
        _seen.Add(
            "sequor.profile/1",
            Json($"profile --arch lru --bidirectional --warmup 1 {Tiny}")
        );
        Virtual!.Manners.SymmetricPaddingOnly = true;
        _seen.Add(
            "sequor.profile/1",
            Json(
                $"profile --device cuda --convolution cudnn --graph off --arch tcn,gru --warmup 1 {Tiny}"
            )
        );
        Profiled made = MadeProfile.Of(MadeProfile.Step(), plain: 1);
        _seen.Add(
            "sequor.profile/1",
            ReportWriter.ToUtf8(
                MadeProfile.Report(
                    made,
                    made with
                    {
                        Step = made.Step with { Memory = [], PeakOwners = [] },
                    }
                ) with
                {
                    Status = RunStatus.Failed,
                    Reason = "made up",
                    Peaks = null,
                }
            )
        );
        _seen.RequireAll("sequor.profile/1");
    }

    [Test]
    [VirtualGpuOnly]
    public void Train()
    {
        _seen.Add("sequor.train/1", Json($"train --arch gru --clip none --eval-every 2 {Tiny}"));
        _seen.Add("sequor.train/1", Json($"train --arch lru --bidirectional {Tiny}"));
        string text = PathOf("text");
        File.WriteAllText(text, string.Concat(Enumerable.Repeat("a b c d\n", 400)));
        foreach (string windows in (string[])["--carry", "--context 2"])
            _seen.Add(
                "sequor.train/1",
                Json($"train --arch gru --task charlm {windows} {Tiny} --data {text}")
            );
        _seen.Add("sequor.train/1", Json($"train --device cuda --graph off --arch gru {Tiny}"));
        Virtual!.Manners.SymmetricPaddingOnly = true;
        string refused = $"--device cuda --convolution cudnn --arch tcn {Tiny}";
        _seen.Add("sequor.train/1", Json($"train {refused}"));
        _seen.Add(
            "sequor.train/1",
            Json(1, "train --arch rnn --lr 1e38 --length 5 --hidden 4 --batch 2 --steps 50")
        );
        _seen.RequireAll("sequor.train/1");
    }

    [Test]
    [VirtualGpuOnly]
    public void Reproduce()
    {
        string songs = Songs.Write(Folder);
        Virtual!.Manners.SymmetricPaddingOnly = true;
        byte[] cut = Json(
            "reproduce --task jsb --arch tcn --preset 20k --budget 0.00001 --device cuda --convolution cudnn --data",
            songs
        );
        _seen.Add("sequor.reproduce/1", cut);
        JsonNode run = JsonNode.Parse(cut)!["results"]![0]!["runs"]![0]!;
        Assert.That(run["fallbacks"]!.AsArray(), Is.Not.Empty);
        Assert.That(
            run["choices"]!
                .AsArray()
                .Where(c => (string?)c!["kind"] == "convolution")
                .Select(c => (string?)c!["how"]),
            Is.All.EqualTo("forced").And.Not.Empty
        );
        _seen.Add(
            "sequor.reproduce/1",
            Json(
                "reproduce --task jsb --arch tcn,rnn --preset 20k --budget 0.0001 --threads 1 --data",
                songs
            )
        );
        MnistFiles.Write(Folder, 30, 7, gzip: false);
        _seen.Add(
            "sequor.reproduce/1",
            Json("reproduce --task smnist --arch rnn --budget 0.00001 --threads 1 --data", Folder)
        );
        _seen.Add("sequor.reproduce/1", ReportWriter.ToUtf8(MadeReports.Reproduction()));
        _seen.RequireAll("sequor.reproduce/1");
    }

    [Test]
    public void List()
    {
        _seen.Add("sequor.list/1", Json("list"));
        _seen.RequireAll("sequor.list/1");
    }

    [Test]
    public void Doctor()
    {
        byte[] found = Json("doctor");
        _seen.Add("sequor.doctor/1", found);
        _seen.Add("sequor.doctor/1", ReportWriter.ToUtf8(MadeReports.Doctor()));
        _seen.RequireAll("sequor.doctor/1", "state");
    }

    // What the command itself writes is compared in CountsCommandTests, which have the virtual GPU to themselves.
    [Test]
    public void Counts()
    {
        _seen.Add(
            "sequor.counts/1",
            new CountsReport(
                "h200",
                [
                    new CountsResult(
                        "lru",
                        600,
                        32,
                        1,
                        2,
                        3,
                        4,
                        5,
                        6,
                        7.5,
                        [new CountedKernel("add", 1, 2, 3, 4, 22, 0.75, 6.5)]
                    ),
                ]
            ).ToUtf8()
        );
        _seen.RequireAll("sequor.counts/1");
    }

    [Test]
    public void Compare()
    {
        BenchResult result = Made.Result("rnn", 4, 1, 1024);
        (string before, string after) = (PathOf("before.json"), PathOf("after.json"));
        Write(before, Made.Report(result));
        Write(after, Made.Report(result with { RoundsMs = [1, 2, 3, 4, 5, 6, 7] }));
        _seen.Add("sequor.compare/1", Json("compare", before, after));
        Write(before, Made.Report(result with { RoundsMs = [1, 2, 3, 4, 5, 6, 7] }));
        Write(after, Made.Report(result) with { Threads = 1 });
        _seen.Add("sequor.compare/1", Json(2, "compare", before, after));
        _seen.Add("sequor.compare/1", Json("compare --force", before, after));
        _seen.Add("sequor.compare/1", ReportWriter.ToUtf8(MadeReports.Paired()));
        _seen.RequireAll("sequor.compare/1");

        static void Write(string path, BenchReport report) =>
            File.WriteAllBytes(path, ReportWriter.ToUtf8(report));
    }

    [Test]
    public void History()
    {
        string history = PathOf("history.jsonl");
        BenchResult result = Made.Result("rnn", 4, 1, 1024);
        foreach (string commit in (string[])["one", "two"])
        {
            BenchReport made = Made.Report(result with { RoundsMs = [1, 2] });
            byte[] line = HistoryLine.ToUtf8(
                made with
                {
                    Machine = made.Machine with { Commit = commit },
                    Results =
                    [
                        result with
                        {
                            RoundsMs = [1, 2],
                            Variant = "made up",
                            PeakBytes = commit[0],
                            BytesMoved = 1,
                            BytesUnknown = 2,
                            Flops = 3,
                            Launches = 4,
                        },
                    ],
                    Gpu = MadeReports.Gpu,
                }
            );
            File.AppendAllText(history, System.Text.Encoding.UTF8.GetString(line) + "\n");
        }
        foreach (string line in File.ReadLines(history))
            _seen.Add("sequor.history/1", System.Text.Encoding.UTF8.GetBytes(line));
        File.AppendAllText(history, "{");
        _seen.Add("sequor.trends/1", Json("history", history));
        _seen.RequireAll("sequor.history/1", "sequor.trends/1");
    }

    // Made with an older version on another day, and so without what was added since.
    [Test]
    public void Peers()
    {
        string old = Resource("compare.json")
            .Replace(
                "\"workspace\": ",
                "\"reserve\": 0, \"graphs\": 0, \"workspace\": ",
                StringComparison.Ordinal
            )
            .Replace(
                "\"managed_bytes_per_step\": 0}",
                "\"managed_bytes_per_step\": 0, \"graph_nodes\": 0}",
                StringComparison.Ordinal
            )
            .Replace(
                "\"threads\": 2, \"torch\": \"1",
                "\"threads\": 2, \"mode\": \"eager\", \"tf32\": false, \"torch\": \"1",
                StringComparison.Ordinal
            );
        _seen.Add("sequor.peers/1", System.Text.Encoding.UTF8.GetBytes(old));
        foreach (string peer in (string[])["torch", "torchsharp", "onnx", "jax"])
        {
            string newer = old.Replace("\"torch", $"\"{peer}", StringComparison.Ordinal)
                .Replace(
                    "\"arch\": \"rnn\", \"length\": ",
                    $"\"measure\": \"training\", \"peer\": \"{peer}\", \"layers\": 1, \"vocabulary\": 50, \"arch\": \"rnn\", \"length\": ",
                    StringComparison.Ordinal
                )
                .Replace(
                    "\"results\": [",
                    "\"missing\": [{\"peer\": \"jax\", \"reason\": \"no JAX\"}], \"reason\": \"made up\", \"results\": [",
                    StringComparison.Ordinal
                );
            _seen.Add("sequor.peers/1", System.Text.Encoding.UTF8.GetBytes(newer));
        }
        const string Stream = """
            {"schema": "sequor.peers/1", "threads": 2, "rounds": 1, "results": [{"measure": "stream", "peer": "onnx",
            "arch": "rnn", "length": 1, "batch": 1, "hidden": 8, "layers": 1, "parameters": 105, "sequor_ms": 0.0004,
            "onnx_ms": 0.0052, "ratio": 0.0769, "round_ratios": [0.0769], "onnx": "1.31.1", "rounds": [{"stream":
            {"arch": "rnn", "device": "cpu", "hidden": 8, "layers": 1, "parameters": 105, "warmup": 2, "steps": 20,
            "step_us": {"median": 0.4, "p05": 0.4, "p95": 0.4}, "steps_per_s": 2500000, "weight_bytes": 420,
            "state_bytes": 64, "cache_bytes_per_s": 1e10, "floor_us": 0.05, "floor_share": 0.125,
            "allocations_per_step": 0, "native_allocations_per_step": 0, "managed_bytes_per_step": 0,
            "preparations": 0}, "onnx": {"arch": "rnn", "device": "cpu", "measure": "stream", "length": 1, "batch": 1,
            "hidden": 8, "layers": 1, "parameters": 105, "threads": 2, "onnx": "1.31.1", "step_ms": 0.0052,
            "tokens_per_s": 192307.7}}]}]}
            """;
        _seen.Add("sequor.peers/1", System.Text.Encoding.UTF8.GetBytes(Stream));
        _seen.RequireAll("sequor.peers/1", "peer");
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "a shell's script")]
    public void Tests_of_a_bundle()
    {
        string script = Resource("start.sh");
        int begin = script.IndexOf("summary() {", StringComparison.Ordinal);
        int end = script.IndexOf("\n}\n", begin, StringComparison.Ordinal);
        string function = script[begin..(end + 3)];
        File.WriteAllText(
            PathOf("log"),
            "Test run summary: Passed!\n  total: 6\n  failed: 1\n  succeeded: 3\n  skipped: 2\n"
        );
        foreach (string log in (string[])["log", "/dev/null"])
        {
            var start = new ProcessStartInfo("sh", ["-c", $"{function}\nsummary {log} 2"])
            {
                RedirectStandardOutput = true,
                WorkingDirectory = Folder,
            };
            using Process shell = Process.Start(start)!;
            string json = shell.StandardOutput.ReadToEnd();
            shell.WaitForExit();
            _seen.Add("sequor.tests/1", System.Text.Encoding.UTF8.GetBytes(json));
            Assert.That(
                json,
                Does.Contain(log == "log" ? "\"succeeded\":3" : "\"succeeded\":null")
            );
        }
        _seen.RequireAll("sequor.tests/1");
    }

    [Test]
    public void Replayed_kernels()
    {
        var report = new ReplayReport
        {
            Status = ReplayReport.Failed,
            Reason = "made up",
            Date = "2026-11-21T12:00:00Z",
            Version = "0.1.0",
            Device = null,
            RecordingBytes = 1,
            Seconds = 0.5,
            Kernels = [ReplayedKernel.None("add", ReplayedKernel.Failed, "made up")],
        };
        _seen.Add("sequor.replay/1", report.ToUtf8());
        ReplayedKernel right = new("add", 1, 4, 0, 0.5, ReplayedKernel.Within, null);
        _seen.Add(
            "sequor.replay/1",
            (
                report with
                {
                    Status = ReplayReport.Finished,
                    Reason = null,
                    Device = "virtual GPU",
                    Kernels = [right],
                }
            ).ToUtf8()
        );
        _seen.RequireAll("sequor.replay/1");
    }

    [Test]
    public void First_contact()
    {
        var report = new FirstContactReport
        {
            Date = "2026-11-21T12:00:00Z",
            Machine = Made.Machine(),
            DryRun = true,
            Gpu = new GpuSummary("virtual GPU", "8.6", 1L << 33, null),
            Libraries = [new LibrarySummary("driver", null, null, "made up")],
            Checks =
            [
                new CheckResult(
                    "ones",
                    "made up",
                    CheckOutcome.Held(new Figure("products", 1.5, "")),
                    0.5
                ),
            ],
            Seconds = 1.5,
        };
        _seen.Add("sequor.first-contact/1", report.ToUtf8());
        _seen.Add("sequor.first-contact/1", (report with { Gpu = null }).ToUtf8());
        _seen.RequireAll("sequor.first-contact/1");
    }

    [Test]
    public void Metadata_of_checkpoints()
    {
        string saved = PathOf("saved");
        Run($"train --arch gru {Tiny} --checkpoint", saved).RequireSuccess();
        _seen.Add("Metadata of a checkpoint of train", Texts(saved));
        Run($"train --arch lru --bidirectional --states 3 {Tiny} --checkpoint", saved)
            .RequireSuccess();
        _seen.Add("Metadata of a checkpoint of train", Texts(saved));
        JsonNode formed = JsonNode.Parse(Texts(saved))!;
        formed["form"] = "made up";
        _seen.Add(
            "Metadata of a checkpoint of train",
            System.Text.Encoding.UTF8.GetBytes(formed.ToJsonString())
        );
        string text = PathOf("text");
        File.WriteAllText(text, string.Concat(Enumerable.Repeat("a b c d\n", 400)));
        Run(
                $"train --arch gru --task wordlm --vocabulary 3 --carry {Tiny} --checkpoint",
                [saved, "--data", text]
            )
            .RequireSuccess();
        _seen.Add("Metadata of a checkpoint of train", Texts(saved));
        Run(
                $"train --arch tcn --task charlm --context 2 {Tiny} --checkpoint",
                [saved, "--data", text]
            )
            .RequireSuccess();
        _seen.Add("Metadata of a checkpoint of train", Texts(saved));
        string songs = Songs.Write(Folder);
        Run(
                "reproduce --task jsb --arch gru --preset 20k --budget 0.0001 --checkpoint",
                PathOf("runs"),
                "--data",
                songs
            )
            .RequireSuccess();
        string run = Directory.GetFiles(PathOf("runs"), "*.safetensors").Single();
        _seen.Add("Metadata of a checkpoint of reproduce", Texts(run));
        _seen.RequireAll(
            "Metadata of a checkpoint of train",
            "Metadata of a checkpoint of reproduce"
        );
    }

    private static byte[] Texts(string path)
    {
        using SafetensorsFile file = Safetensors.Open(path);
        return JsonSerializer.SerializeToUtf8Bytes(file.Metadata);
    }

    [Test]
    public void Every_section_is_one_of_a_test() =>
        Assert.That(
            Page.Sections,
            Is.EquivalentTo(
                new[]
                {
                    "sequor.bench/1",
                    "result",
                    "stream",
                    "grid",
                    "conditions",
                    "extent",
                    "sequor.profile/1",
                    "peaks",
                    "sequor.suites/1",
                    "sequor.train/1",
                    "sequor.reproduce/1",
                    "sequor.list/1",
                    "sequor.doctor/1",
                    "machine",
                    "gpu",
                    "state",
                    "sequor.counts/1",
                    "choice",
                    "sequor.choices/1",
                    "sequor.compare/1",
                    "sequor.history/1",
                    "sequor.trends/1",
                    "sequor.peers/1",
                    "peer",
                    "sequor.tests/1",
                    "sequor.replay/1",
                    "sequor.first-contact/1",
                    "Metadata of a checkpoint of train",
                    "Metadata of a checkpoint of reproduce",
                }
            )
        );

    [Test]
    public void What_is_not_as_the_page_says_is_found()
    {
        const string whole =
            """{"schema":"sequor.tests/1","exit_code":0,"succeeded":1,"failed":null,"skipped":2}""";
        _seen.Add("sequor.tests/1", System.Text.Encoding.UTF8.GetBytes(whole));
        Refused(whole.Replace("}", ",\"more\":1}", StringComparison.Ordinal), "more");
        Refused(
            whole.Replace("\"skipped\":2", "\"skipped\":2.5", StringComparison.Ordinal),
            "skipped"
        );
        Refused(
            whole.Replace("\"exit_code\":0", "\"exit_code\":null", StringComparison.Ordinal),
            "exit_code"
        );
        Refused(whole.Replace("\"failed\":null,", "", StringComparison.Ordinal), "failed");
        Assert.That(
            () => new JsonCoverage(Page).RequireAll("sequor.tests/1"),
            Throws.InstanceOf<InvalidDataException>().With.Message.Contains("exit_code")
        );

        void Refused(string json, string key) =>
            Assert.That(
                () => _seen.Add("sequor.tests/1", System.Text.Encoding.UTF8.GetBytes(json)),
                Throws.InstanceOf<InvalidDataException>().With.Message.Contains(key)
            );
    }

    private static string Resource(string name) => JsonPage.Resource(name);
}
