using System.Globalization;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary><c>sequor bench --paired</c>: processes that take turns, what their ratios come to, and others that are no sequor.</summary>
[TestFixture]
[NonParallelizable]
public sealed class PairedCommandTests : FolderTest
{
    private const string Tiny = "bench --arch rnn --length 4 --batch 2 --hidden 4 --threads 1";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static string Hello(BenchResult? result = null) =>
        System.Text.Encoding.UTF8.GetString(
            ReportWriter.ToUtf8(Made.Report(result ?? Made.Result("rnn", 4, 1, 1024)))
        );

    private string Script(string name, string body)
    {
        string path = PathOf(name);
        File.WriteAllText(path, "#!/bin/sh\n" + body);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return path;
    }

    // Answers every turn with a time.
    private string Answering(string name, string ms, BenchResult? result = null) =>
        Script(name, $"cat <<'END'\n{Hello(result)}\nEND\nwhile read turn; do echo {ms}; done\n");

    private static ComparisonReport Run(string before, string after, TimeSpan? patience = null) =>
        new PairedRun(
            () => new(before),
            () => new(after),
            PairedPlan.Of(TimeSpan.FromSeconds(60)),
            new JudgementOptions(),
            patience ?? Patience,
            CancellationToken.None
        ).Run(force: false, _ => { });

    private static void Refused(string before, string after, params string[] words)
    {
        UsageException e = Assert.Throws<UsageException>(() =>
            Run(before, after, TimeSpan.FromSeconds(2))
        )!;
        foreach (string word in words)
            Assert.That(e.Message, Does.Contain(word));
        Assert.That(e.Message, Does.Not.Contain("\n"));
    }

    [TestCase("1", "1.1", "slower")]
    [TestCase("1", "0.9", "faster")]
    [TestCase("1", "1.005", "same")]
    [Platform(Exclude = "Win", Reason = "a shell's script")]
    public void Turns_are_compared(string before, string after, string verdict)
    {
        ComparisonReport report = Run(Answering("base", before), Answering("head", after));
        ComparisonRow row = report.Rows.Single(r => r.Metric == "step_ms");
        Assert.That((report.Verdict, row.Verdict), Is.EqualTo((verdict, verdict)));
        Assert.That(
            row.Ratio,
            Is.EqualTo(double.Parse(after, CultureInfo.InvariantCulture)).Within(1e-6)
        );
        Assert.That(
            report.Pairs!.Count(pair => pair.Workers > 0),
            Is.GreaterThanOrEqualTo(10),
            "pairs of turns"
        );
        Assert.That(report.Pairs![0].Workers, Is.Zero, "two of the base come first");
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "a shell's script")]
    public void What_programs_count_is_compared_as_well()
    {
        ComparisonReport report = Run(
            Answering("base", "1"),
            Answering("head", "1", Made.Result("rnn", 4, 1, 1025))
        );
        Assert.That(report.Verdict, Is.EqualTo("more"));
        Assert.That(report.Rows[0].Metric, Is.EqualTo("peak_bytes"));
        Refused(
            Answering("base2", "1"),
            Answering("head2", "1", Made.Result("rnn", 5, 1, 1024)),
            "differ in the shapes"
        );
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "a shell's script")]
    public void Others_that_are_no_sequor_are_told()
    {
        string good = Answering("good", "1");
        Assert.Multiple(() =>
        {
            Refused(Script("silent", ""), good, "BASE", "silent", "no sequor", "exit code 0");
            Refused(good, Script("other", "echo hello"), "HEAD", "no sequor", "no JSON");
            Refused(
                good,
                Script("old", "echo \"sequor bench: unknown option '--worker'\" >&2; exit 2"),
                "HEAD",
                "or an older one",
                "exit code 2",
                "unknown option '--worker'"
            );
            Refused(good, PathOf("none"), "none", "cannot be started");
            Refused(good, Script("mute", "sleep 60"), "has not answered for 2 s");
            string hello = $"cat <<'END'\n{Hello()}\nEND\n";
            Refused(
                good,
                Script("crash", hello + "read turn; echo 1; read turn; echo ouch >&2; exit 7"),
                "no verdict",
                "exit code 7",
                "ouch"
            );
            Refused(
                good,
                Script("hang", hello + "read turn; echo 1; sleep 60"),
                "no verdict",
                "has not answered for 2 s"
            );
            Refused(
                good,
                Script("backwards", hello + "while read turn; do echo -1; done"),
                "no verdict",
                "'-1'",
                "no times"
            );
            Refused(
                good,
                Script("nan", hello + "while read turn; do echo NaN; done"),
                "no verdict",
                "'NaN'"
            );
            Refused(
                good,
                Script("many", hello + "while read turn; do echo 1 2; done"),
                "no verdict",
                "1 and 2 times"
            );
        });
    }

    [Test]
    public void A_failure_of_the_command_is_no_verdict()
    {
        string none = PathOf("none");
        InProcess.Run($"{Tiny} --paired", none).RequireFailure(2, "--paired", "no program");
        InProcess.Run($"{Tiny} --bisect --paired", none).RequireFailure(125, "no program");
        InProcess.Run($"{Tiny} --paired", Folder).RequireFailure(2, "no bundle", "start.sh");
        InProcess
            .Run($"{Tiny} --bisect --nonsense --paired", none)
            .RequireFailure(125, "--nonsense");
    }

    // Two processes of the same program, with all that lies between: the time has any verdict but a sure one is rare.
    [Test]
    [Platform(Exclude = "Win", Reason = "a shell's script")]
    public void This_program_takes_turns_with_a_script_that_starts_it()
    {
        string json = PathOf("paired.json");
        ProgramResult result = Program.RunScript(
            Folder,
            $"""
            printf '#!/bin/sh\nexec "%s" "$@"\n' "$sequor" >other && chmod +x other
            "$sequor" {Tiny} --paired other --minutes 0.01 --json {json}
            """
        );
        Assert.That(result.ExitCode, Is.Zero.Or.EqualTo(1), result.Error);
        JsonNode report = JsonNode.Parse(File.ReadAllBytes(json))!;
        Assert.That(
            report["rows"]!
                .AsArray()
                .Where(row => (string)row!["metric"]! != "step_ms")
                .Select(row => (string)row!["verdict"]!),
            Is.All.EqualTo("same").And.Exactly(3).Items
        );
        JsonArray pairs = report["pairs"]!.AsArray();
        Assert.That(
            pairs.Select(pair => (int)pair!["workers"]!).Distinct(),
            Is.EqualTo(new[] { 0, 1 })
        );
        Assert.That(pairs.Select(pair => (double)pair!["base"]!), Is.All.Positive);
    }

    [Test]
    public void Looks_share_the_error()
    {
        Assert.That(Enumerable.Range(1, 60).Sum(PairedPlan.Share), Is.EqualTo(1).Within(1e-12));
        PairedPlan plan = PairedPlan.Of(TimeSpan.FromMinutes(2));
        Assert.That(
            Enumerable.Range(1, 30).Where(plan.IsLook),
            Is.EqualTo(new[] { 4, 6, 9, 13, 19, 28 })
        );
    }

    // Normal ratios of processes, and normal ones of rounds within them: what Student's bounds are for.
    [TestCase(4)]
    [TestCase(9)]
    public void Bounds_hold_the_true_ratio_as_often_as_they_say(int workers)
    {
        var random = new Random(11);
        int outside = 0;
        const int Times = 1000;
        for (int i = 0; i < Times; i++)
        {
            double[][] ratios =
            [
                .. Enumerable
                    .Range(0, workers)
                    .Select(_ =>
                    {
                        double process = 0.02 * Normal(random);
                        return Enumerable
                            .Range(0, 8)
                            .Select(_ => 1.1 * Math.Exp(process + (0.01 * Normal(random))))
                            .ToArray();
                    }),
            ];
            RatioBounds bounds = PairedBounds.Of(ratios, 0.05, random)!.Value;
            outside += bounds.Low > 1.1 || bounds.High < 1.1 ? 1 : 0;
        }
        Assert.That(outside, Is.InRange(0.02 * Times, 0.07 * Times));
        Assert.That(
            PairedBounds.Of(
                [
                    [1],
                    [1],
                ],
                0.05,
                random
            ),
            Is.Null,
            "two processes tell nothing"
        );
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()))
        * Math.Cos(2 * Math.PI * random.NextDouble());
}
