using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary><c>bench --history</c> and <c>sequor history</c>: lines that are whole whatever happens, and what they come to.</summary>
[TestFixture]
[NonParallelizable]
public sealed class HistoryCommandTests : FolderTest
{
    private const string Tiny =
        "bench --arch rnn --length 4 --batch 2 --hidden 4 --threads 1 --steps 2 --warmup 1";

    private string History => PathOf("history.jsonl");

    private static string Line(
        string commit,
        double ms,
        long peak = 1024,
        string cpu = "a processor"
    )
    {
        BenchResult result = Made.Result("rnn", 4, 1, peak);
        BenchReport report = Made.Report(result with { StepMs = new Spread(ms, ms, ms) });
        return Encoding.UTF8.GetString(
            HistoryLine.ToUtf8(
                report with
                {
                    Machine = report.Machine with { Commit = commit, Cpu = cpu },
                }
            )
        );
    }

    private void Write(params IEnumerable<string> lines) =>
        File.WriteAllText(History, string.Concat(lines.Select(line => line + "\n")));

    private JsonNode Trends()
    {
        string json = PathOf("trends.json");
        InProcess.Run("history --json", json, History).RequireSuccess();
        return JsonNode.Parse(File.ReadAllBytes(json))!;
    }

    [Test]
    public void A_run_is_a_line()
    {
        InProcess.Run($"{Tiny} --history", History).RequireSuccess();
        // What another program cut off stays a line of its own.
        File.AppendAllText(History, "{\"schema\":\"sequor.hist");
        InProcess.Run($"{Tiny} --history", History).RequireSuccess();
        string[] lines = File.ReadAllLines(History);
        Assert.That(lines, Has.Length.EqualTo(3));
        Assert.That(File.ReadAllText(History), Does.EndWith("}\n"));
        ProgramResult result = InProcess.Run("history", History);
        result.RequireSuccess();
        Assert.That(result.Output, Does.Contain("Line 2 was left out: it is damaged"));
        Assert.That(result.Output, Does.Contain("2 runs on 1 machine"));
        JsonNode machine = Trends()["machines"]!.AsArray().Single()!;
        Assert.That(
            machine["commits"]!.AsArray().Sum(commit => (int)commit!["runs"]!),
            Is.EqualTo(2)
        );
        Assert.That((string)machine["series"]![0]!["metric"]!, Is.EqualTo("step_ms"));
    }

    [Test]
    public void What_no_line_can_come_of_is_refused_before_anything_is_measured()
    {
        string nowhere = Path.Combine(PathOf("none"), "history.jsonl");
        InProcess.Run($"{Tiny} --history", nowhere).RequireFailure(1, "--history", "none");
        InProcess.Run($"{Tiny} --history", Folder).RequireFailure(1, "--history");
        InProcess
            .Run([.. Tiny.Split(' '), "--history", History, "--json", History])
            .RequireFailure(2, "--json", "--history", "different files");
        File.WriteAllText(PathOf("other"), "");
        InProcess
            .Run([.. Tiny.Split(' '), "--history", History, "--paired", PathOf("other")])
            .RequireFailure(2, "--history", "--paired");
        Assert.That(File.Exists(History), Is.False);
    }

    [Test]
    [Platform(Include = "Linux", Reason = "a device that is always full")]
    public void A_device_is_no_history() =>
        InProcess.Run($"{Tiny} --history", "/dev/full").RequireFailure(2, "must be a file");

    [Test]
    public void Lines_of_runs_at_the_same_time_are_whole()
    {
        const int Runs = 8;
        const int Lines = 25;
        Task[] runs =
        [
            .. Enumerable
                .Range(0, Runs)
                .Select(run =>
                    Task.Factory.StartNew(
                        () =>
                        {
                            for (int i = 0; i < Lines; i++)
                                HistoryFile.Append(
                                    "--history",
                                    History,
                                    Encoding.UTF8.GetBytes(
                                        $"{run} {i} {new string('x', 100 * run)}"
                                    )
                                );
                        },
                        CancellationToken.None,
                        TaskCreationOptions.LongRunning,
                        TaskScheduler.Default
                    )
                ),
        ];
        Task.WaitAll(runs);
        Assert.That(
            File.ReadAllLines(History).Order(),
            Is.EqualTo(
                Enumerable
                    .Range(0, Runs)
                    .SelectMany(run =>
                        Enumerable
                            .Range(0, Lines)
                            .Select(i => $"{run} {i} {new string('x', 100 * run)}")
                    )
                    .Order()
            )
        );
    }

    // The same of programs, which know nothing of each other.
    [Test]
    [Category("Long")]
    [Platform(Exclude = "Win", Reason = "a shell's script")]
    public void Programs_at_the_same_time_lose_nothing()
    {
        ProgramResult result = Program.RunScript(
            Folder,
            $"for i in 1 2 3 4 5 6; do \"$sequor\" {Tiny} --history history.jsonl & done; wait"
        );
        result.RequireSuccess();
        Assert.That(File.ReadAllLines(History), Has.Length.EqualTo(6));
        Assert.That((int)Trends()["lines"]!, Is.EqualTo(6));
        Assert.That(Trends()["damaged"]!.AsArray(), Is.Empty);
    }

    [Test]
    public void A_disk_that_is_full_leaves_the_history_as_it_was()
    {
        Write(Line("one", 1));
        byte[] before = File.ReadAllBytes(History);
        FailureException e = Assert.Throws<FailureException>(() =>
            HistoryFile.Append(
                "--history",
                History,
                "0123456789"u8,
                (file, text) =>
                {
                    file.Write(text.AsSpan(0, 5));
                    throw new IOException("No space left on device");
                }
            )
        )!;
        Assert.That(e.Message, Does.Contain(History).And.Contain("No space left"));
        Assert.That(File.ReadAllBytes(History), Is.EqualTo(before));
    }

    [Test]
    public void Damaged_lines_are_told_and_the_others_shown()
    {
        string good = Line("one", 1);
        Write(
            good,
            good[..^20],
            good.Replace("\"median\":1,", "\"median\":NaN,", StringComparison.Ordinal),
            good.Replace("\"median\":1,", "\"median\":-1,", StringComparison.Ordinal),
            good.Replace(
                "\"peak_bytes\":1024",
                "\"peak_bytes\":\"many\"",
                StringComparison.Ordinal
            ),
            good.Replace("sequor.history/1", "sequor.history/2", StringComparison.Ordinal),
            "",
            "[]",
            "\u0000\u001b[2J",
            Line("two", 1)
        );
        JsonNode trends = Trends();
        Assert.That(
            trends["damaged"]!.AsArray().Select(d => (int)d!["line"]!),
            Is.EqualTo(new[] { 2, 3, 4, 5, 6, 8, 9 })
        );
        string reasons = string.Join(
            '\n',
            trends["damaged"]!.AsArray().Select(d => (string)d!["reason"]!)
        );
        Assert.That(reasons, Does.Contain("results[0].step_ms.median must be above 0"));
        Assert.That(reasons, Does.Contain("results[0].peak_bytes must be a finite number"));
        Assert.That(reasons, Does.Contain("is sequor.history/2, and not sequor.history/1"));
        Assert.That((int)trends["lines"]!, Is.EqualTo(9));
        Assert.That(
            trends["machines"]![0]!["commits"]!.AsArray().Select(c => (string)c!["commit"]!),
            Is.EqualTo(new[] { "one", "two" })
        );
        Write("nothing", "");
        InProcess.Run("history", History).RequireFailure(2, "no line of", "line 1");
        Write();
        InProcess.Run("history", History).RequireFailure(2, "has no line");
        InProcess.Run("history", PathOf("none")).RequireFailure(2, "there is no file");
        InProcess.Run("history", Folder).RequireFailure(2, "cannot be read");
        InProcess
            .Run("history --json", History, History)
            .RequireFailure(2, "--json", "would overwrite");
    }

    [Test]
    public void Machines_are_not_mixed_and_runs_of_a_commit_are_one_point()
    {
        Write(
            Line("one", 1),
            Line("one", 3, cpu: "another"),
            Line("two", 2),
            Line("one", 2, cpu: "a processor"),
            Line("three", 5, cpu: "another")
        );
        JsonArray machines = Trends()["machines"]!.AsArray();
        Assert.That(
            machines.Select(m => (string)m!["name"]!),
            Is.EqualTo(new[] { "a processor, task adding", "another, task adding" })
        );
        Assert.That(Times(machines[0]!), Is.EqualTo(new[] { 1.5, 2 }));
        Assert.That(Times(machines[1]!), Is.EqualTo(new[] { 3.0, 5 }));

        static double[] Times(JsonNode machine) =>
            [
                .. machine["series"]!.AsArray().Single(s => (string)s!["metric"]! == "step_ms")![
                    "values"
                ]!
                    .AsArray()
                    .Select(v => (double)v!),
            ];
    }

    [Test]
    public void The_page_marks_the_commits_that_changed_something()
    {
        var random = new Random(3);
        Write(
            Enumerable
                .Range(0, 60)
                .Select(i =>
                    Line(
                        i == 40 ? "<script>alert(1)</script>" : $"c{i}",
                        (i < 40 ? 1 : 1.2) * (1 + (0.01 * random.NextDouble())),
                        i < 20 ? 1024 : 2048
                    )
                )
        );
        JsonArray series = Trends()["machines"]![0]!["series"]!.AsArray();
        Assert.That(Changes("step_ms"), Is.EqualTo(new[] { 40 }));
        Assert.That(Changes("peak_bytes"), Is.EqualTo(new[] { 20 }));
        string page = PathOf("trends.html");
        InProcess.Run("history --html", page, History).RequireSuccess();
        string html = File.ReadAllText(page);
        Assert.That(html, Does.Contain("&lt;script&gt;alert(1)"));
        Assert.That(html, Does.Not.Contain("<script>alert"));
        Assert.That(html, Does.Contain("\"marks\":[40]").And.Contain("\"marks\":[20]"));

        int[] Changes(string metric) =>
            [
                .. series.Single(s => (string)s!["metric"]! == metric)!["changes"]!
                    .AsArray()
                    .Select(c => (int)c!["index"]!),
            ];
    }

    // Lines of before they had them are no points of theirs, and no change.
    [Test]
    public void Counts_of_a_step_have_trends_too_and_change_exactly()
    {
        string[] counts = ["bytes_moved", "flops", "launches"];
        BenchResult result = Made.Result("rnn", 4, 1, 1024);
        Write([
            Line("old"),
            .. Enumerable
                .Range(0, 4)
                .Select(i => Counted($"c{i}", 1_000_000_007 + (i < 2 ? 0 : 1))),
        ]);
        JsonArray series = Trends()["machines"]!.AsArray().Single()!["series"]!.AsArray();
        foreach (string metric in counts)
        {
            JsonNode one = series.Single(s => (string)s!["metric"]! == metric)!;
            Assert.That(
                one["values"]!.AsArray().Select(v => (long?)v),
                Is.EqualTo(
                    new long?[] { null, 1_000_000_007, 1_000_000_007, 1_000_000_008, 1_000_000_008 }
                ),
                metric
            );
            JsonNode change = one["changes"]!.AsArray().Single()!;
            Assert.That((string)change["commit"]!, Is.EqualTo("c2"), metric);
            Assert.That(
                ((long)change["before"]!, (long)change["after"]!),
                Is.EqualTo((1_000_000_007L, 1_000_000_008L)),
                metric
            );
        }
        Assert.That(
            InProcess.Run("history", History).Output,
            Does.Contain("rnn T=4 B=4, hidden 33, layers 2, parameters 54321: flops")
        );

        string Line(string commit) => Text(commit, result);

        string Counted(string commit, long count) =>
            Text(
                commit,
                result with
                {
                    BytesMoved = count,
                    BytesUnknown = 0,
                    Flops = count,
                    Launches = count,
                }
            );

        static string Text(string commit, BenchResult of)
        {
            BenchReport report = Made.Report(of);
            return Encoding.UTF8.GetString(
                HistoryLine.ToUtf8(
                    report with
                    {
                        Machine = report.Machine with { Commit = commit },
                    }
                )
            );
        }
    }

    [Test]
    public void Noise_has_no_changes()
    {
        var random = new Random(7);
        int changed = 0;
        for (int i = 0; i < 300; i++)
            changed += ChangePoints.OfTimes(Noise(random, 60)).Count > 0 ? 1 : 0;
        Assert.That(changed, Is.LessThanOrEqualTo(6), "of 300, at an error of 1%");
        Assert.That(ChangePoints.OfTimes([]), Is.Empty);
        Assert.That(ChangePoints.OfTimes([1, 2, 3]), Is.Empty, "too few to tell");
        Assert.That(ChangePoints.OfCounts([]), Is.Empty);
        Assert.That(
            ChangePoints.OfCounts([1, 1, 2, 2, 1]),
            Is.EqualTo(new[] { (2, 1.0, 2.0), (4, 2.0, 1.0) })
        );
    }

    // A change of 0.5% is none, however sure; one of 5% is found where it is or beside it.
    [TestCase(1.005, 0)]
    [TestCase(1.05, 95)]
    [TestCase(0.9, 99)]
    public void Changes_are_found(double factor, int least)
    {
        var random = new Random(9);
        int found = 0;
        for (int i = 0; i < 100; i++)
        {
            double[] values = Noise(random, 80);
            for (int at = 50; at < values.Length; at++)
                values[at] *= factor;
            IReadOnlyList<(int At, double Before, double After)> changes = ChangePoints.OfTimes(
                values
            );
            found += changes.Any(c => c.At is >= 48 and <= 52) ? 1 : 0;
        }
        Assert.That(found, least == 0 ? Is.LessThan(5) : Is.GreaterThanOrEqualTo(least));
    }

    private static double[] Noise(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => 1 + (0.04 * (random.NextDouble() - 0.5)))];

    [Test]
    [Category("Long")]
    public void Ten_thousand_lines_are_read_around_one_that_is_damaged()
    {
        var random = new Random(11);
        Write(
            Enumerable
                .Range(0, 10_000)
                .Select(i =>
                {
                    string line = Line(
                        i.ToString("x40", CultureInfo.InvariantCulture),
                        (i < 7_000 ? 1 : 1.1) * (1 + (0.05 * random.NextDouble()))
                    );
                    return i == 5_000 ? line[..300] : line;
                })
        );
        JsonNode trends = Trends();
        Assert.That((int)trends["damaged"]!.AsArray().Single()!["line"]!, Is.EqualTo(5_001));
        JsonNode machine = trends["machines"]!.AsArray().Single()!;
        Assert.That(machine["commits"]!.AsArray(), Has.Count.EqualTo(9_999));
        Assert.That(
            (int)machine["series"]![0]!["changes"]!.AsArray().Single()!["index"]!,
            Is.EqualTo(6_999).Within(2)
        );
    }
}
