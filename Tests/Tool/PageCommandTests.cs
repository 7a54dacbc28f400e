using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary><c>sequor page</c>: pages from JSON of before, and what no page can be made of.</summary>
[TestFixture]
[NonParallelizable]
public sealed class PageCommandTests : FolderTest
{
    private string Html => PathOf("page.html");

    private static ProgramResult Run(params string[] words) => InProcess.Run(["page", .. words]);

    private string Write(string name, byte[] json)
    {
        File.WriteAllBytes(PathOf(name), json);
        return PathOf(name);
    }

    private string Suites(string name, SuitesReport? report = null) =>
        Write(name, ReportWriter.ToUtf8(report ?? MadeReports.Suites()));

    private string Bench() =>
        Write(
            "bench.json",
            ReportWriter.ToUtf8(Made.Report(Made.Result("rnn", 4, 1, 1024) with { Flops = 5 }))
        );

    [Test]
    public void A_page_of_bench_is_the_one_that_bench_writes()
    {
        string json = PathOf("now.json");
        string then = PathOf("then.html");
        InProcess
            .Run(
                "bench --arch gru --length 4 --batch 2 --hidden 4 --threads 1 --steps 2 --warmup 1 --json",
                json,
                "--html",
                then
            )
            .RequireSuccess();
        Run(json, "--html", Html).RequireSuccess();
        Made.RequireWhole(File.ReadAllText(Html).TrimEnd());
        Assert.That(WithoutDate(Html), Is.EqualTo(WithoutDate(then)));

        // bench has the zone of here.
        static string[] WithoutDate(string page) =>
            [
                .. File.ReadLines(page)
                    .Where(line => !line.Contains("<dt>Date", StringComparison.Ordinal)),
            ];
    }

    [Test]
    public void Suites_are_a_page_of_one_file_or_of_a_folder()
    {
        string one = Suites("One-report-sequor.json");
        Suites(
            "Two-report-sequor.json",
            MadeReports.Suites() with
            {
                Results = [],
                Reason = "no luck",
                Status = RunStatus.Failed,
            }
        );
        Write("One-report-full.json", "{}"u8.ToArray());
        Run(one, "--html", Html).RequireSuccess();
        string page = File.ReadAllText(Html).TrimEnd();
        Made.RequireWhole(page);
        string[] cells = Made.Cells(page);
        // 1.5 ms, 3.5 MiB and 4.5 MFLOP, at peaks of 10 GB/s and 100 GFLOP/s.
        Assert.That(
            cells,
            Is.SupersetOf(
                new[] { ">= 3.50", ">= 2.4", ">= 24%", "3.0", "3%", "0.00450", "0.50", "33%" }
            )
        );
        Assert.That(page, Does.Contain("Arch: &quot;gru&quot;, share of the least time: 33.3 %"));
        Assert.That(page, Does.Not.Contain("Not finished"));

        Run(Folder, "--html", Html).RequireSuccess();
        Assert.That(
            File.ReadAllText(Html),
            Does.Contain("2 suites").And.Contain("Not finished: failed").And.Contain("no luck")
        );
        Run(Suites("none.json", MadeReports.Suites() with { Results = [] }), "--html", Html)
            .RequireSuccess();
    }

    private string Reproduced(string name = "reproduced.json") =>
        Write(name, ReportWriter.ToUtf8(MadeReports.Reproduction()));

    private string Sweep()
    {
        BenchResult short_ = Made.Result("rnn", 4, 1, 1024);
        BenchResult[] results = [short_, Made.Result("rnn", 8, 2, 4096)];
        return Write(
            "sweep.json",
            ReportWriter.ToUtf8(
                Made.Report(results) with
                {
                    Exponents = GrowthExponents.Fit(results),
                }
            )
        );
    }

    [Test]
    public void A_page_of_reproductions_has_sweeps_beside_them_and_a_document_has_the_same_tables()
    {
        string document = PathOf("results.md");
        Run(Reproduced(), Reproduced("again.json"), Sweep(), "--html", Html, "--markdown", document)
            .RequireSuccess();
        string page = File.ReadAllText(Html).TrimEnd();
        Made.RequireWhole(page);
        Assert.That(
            page,
            Does.Contain("jsb, 300k")
                .And.Contain("Time of a training step against length")
                .And.Contain("Not finished: diverged")
                .And.Contain("Without a result")
                .And.Contain("Not begun")
        );
        string text = File.ReadAllText(document);
        Assert.That(
            text,
            Does.StartWith("<!-- results:")
                .And.Contain("## jsb, 300k")
                .And.Contain("| gru | 54,321 |")
                .And.Contain("Cost of a training step against length: ")
                .And.EndsWith("<!-- end of results -->\n")
        );
        // What others wrote around it stays.
        File.WriteAllText(document, $"before\n{text}behind\n");
        Run(Sweep(), Reproduced(), "--markdown", document).RequireSuccess();
        Assert.That(
            File.ReadAllText(document),
            Does.StartWith("before\n<!-- results:")
                .And.EndsWith("<!-- end of results -->\nbehind\n")
        );
        File.WriteAllText(document, "mine");
        Run(Reproduced(), "--markdown", document)
            .RequireFailure(2, "results.md", "no part for results", "stays as it is");
        Assert.That(File.ReadAllText(document), Is.EqualTo("mine"));
    }

    [Test]
    public void A_mark_of_byte_order_is_left_out()
    {
        byte[] json = File.ReadAllBytes(Reproduced());
        Run(Write("marked.json", [0xEF, 0xBB, 0xBF, .. json]), "--html", Html).RequireSuccess();
        Made.RequireWhole(File.ReadAllText(Html).TrimEnd());
    }

    [Test]
    [Platform("Linux", Reason = "it has these devices")]
    public void What_a_device_holds_is_no_document_to_be_kept()
    {
        Run(Reproduced(), "--markdown", "/dev/full").RequireFailure(1, "--markdown", "/dev/full");
        // It would be read for ever.
        Run(Reproduced(), "--markdown", "/dev/zero").RequireSuccess();
    }

    [Test]
    public void What_no_page_of_reproductions_can_be_made_of_is_told()
    {
        string reproduced = Reproduced();
        string suites = Suites("suites.json");
        Assert.Multiple(() =>
        {
            Run(reproduced, suites, "--html", Html).RequireFailure(2, "suites.json", "no place");
            Run(reproduced, Bench(), "--html", Html)
                .RequireFailure(2, "bench.json", "of one length", "--sweep");
            Run(suites, "--markdown", PathOf("x.md")).RequireFailure(2, "--markdown", "reproduce");
            Run(reproduced, "--markdown", reproduced).RequireFailure(2, "would overwrite");
            Run(reproduced, "--html", Html, "--markdown", Html)
                .RequireFailure(2, "different files");
            Edited(all => all["results"]![0]!["parameters"] = "many", "results[0].parameters");
            Edited(
                all => all["results"]![0]!["runs"]![0]!["stopped"] = "rain",
                "stopped",
                "patience"
            );
            Edited(all => all["results"]![0]!["runs"]![0]!["curve"]![0]!["train"] = null, "train");
            Edited(all => all["results"]![0]!["finished"] = 1, "finished", "true or false");
            Edited(Answers(9, "AAA"), "answers.bits", "base64");
            Edited(Answers(9, "AA=="), "answers.bits", "2 bytes in base64");
            Edited(Answers(-1, "AA=="), "answers.count");
            Edited(all => all["results"]![0]!["paper"] = -1, "paper");
            Edited(all => all["machine"]!.AsObject().Remove("cpu"), "machine.cpu");
            Edited(all => all["left"]![0]!.AsObject().Remove("seed"), "left[0].seed");
            Edited(
                all =>
                {
                    all["results"] = new JsonArray();
                    all["left"] = new JsonArray();
                },
                "has no results"
            );
            Run(Write("cut.json", File.ReadAllBytes(reproduced)[..^40]), "--html", Html)
                .RequireFailure(2, "cut.json", "no JSON");
        });
        Assert.That(File.Exists(Html), Is.False);

        static Action<JsonNode> Answers(int count, string bits) =>
            all =>
                all["results"]![0]!["runs"]![0]!["answers"] = new JsonObject
                {
                    ["count"] = count,
                    ["bits"] = bits,
                };

        void Edited(Action<JsonNode> edit, params string[] words)
        {
            JsonNode all = JsonNode.Parse(File.ReadAllBytes(reproduced))!;
            edit(all);
            Run(
                    Write("edited.json", System.Text.Encoding.UTF8.GetBytes(all.ToJsonString())),
                    "--html",
                    Html
                )
                .RequireFailure(2, ["edited.json", .. words]);
        }
    }

    [Test]
    public void Hostile_names_stay_text()
    {
        SuitesReport made = MadeReports.Suites();
        string file = Suites(
            "hostile.json",
            made with
            {
                Title = Made.Hostile,
                Machine = Made.Machine(Made.Hostile),
                Results = [.. made.Results.Select(r => r with { Name = Made.Hostile })],
            }
        );
        Run(file, "--html", Html).RequireSuccess();
        string page = File.ReadAllText(Html).TrimEnd();
        Made.RequireWhole(page);
        Assert.That(page, Does.Not.Contain("<script>alert"));
    }

    [Test]
    public void What_no_page_can_be_made_of_is_told()
    {
        string bench = Bench();
        string suites = Suites("suites.json");
        string empty = Directory.CreateDirectory(PathOf("empty")).FullName;
        Assert.Multiple(() =>
        {
            Run(bench).RequireFailure(2, "--html");
            Run("--html", Html).RequireFailure(2, "FILE");
            Run(PathOf("nowhere"), "--html", Html)
                .RequireFailure(2, "no file or folder", "nowhere");
            Run(empty, "--html", Html).RequireFailure(2, "empty", "*-report-sequor.json");
            Run(bench, suites, "--html", Html).RequireFailure(2, "of one file", "here are 2");
            Run(suites, "--html", suites).RequireFailure(2, "would overwrite");
            Run(suites, "--html", PathOf("no/where.html")).RequireFailure(1, "cannot be written");
            Refused("{", "no JSON");
            Refused("[]", "of no schema");
            Refused("{\"schema\":\"sequor.train/1\"}", "sequor.train/1", "sequor.suites/1");
            Refused("{\"schema\":\"sequor.bench/9\"}", "sequor.bench/9");
            Edited(suites, all => all["results"]![0]!["ms"] = null, "ms");
            Edited(suites, all => all["results"]![0]!["rounds_ms"]![0] = 0, "rounds_ms");
            Edited(suites, all => all["results"]![0]!.AsObject().Remove("ms"), "no whole report");
            Edited(suites, all => all["machine"] = null, "machine");
            Edited(bench, all => all["results"]![0]!["memory_bytes"] = null, "no whole report");
            Edited(bench, all => all["results"]![0]!["step_ms"]!["median"] = -1, "median");
            Edited(bench, all => all["date"] = "tomorrow", "date is 'tomorrow'");
            Edited(bench, all => all["results"] = new JsonArray(), "has no results");
        });

        void Refused(string json, params string[] words) =>
            Run(Write("refused.json", System.Text.Encoding.UTF8.GetBytes(json)), "--html", Html)
                .RequireFailure(2, ["refused.json", .. words]);

        void Edited(string file, Action<JsonNode> edit, string word)
        {
            JsonNode all = JsonNode.Parse(File.ReadAllBytes(file))!;
            edit(all);
            Refused(all.ToJsonString(), word);
        }
    }
}
