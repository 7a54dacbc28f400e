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

    // Answers every turn with a time; $w in it is 1 in every second process, and else 5.
    private string Answering(string name, string ms, BenchResult? result = null) =>
        Script(
            name,
            "echo >>\"$0.begun\"; w=$(($(wc -l <\"$0.begun\") % 2 * 4 + 1))\n"
                + $"cat <<'END'\n{Hello(result)}\nEND\nwhile read turn; do echo {ms}; done\n"
        );

    private static ComparisonReport Run(
        string before,
        string after,
        TimeSpan? patience = null,
        long? freeBytes = null,
        double seconds = 3,
        int orderSeed = 1,
        int mostPairs = 16
    ) =>
        new PairedRun(
            () => new(before),
            () => new(after),
            new PairedPlan(TimeSpan.FromSeconds(seconds))
            {
                FreeBytes = freeBytes,
                OrderSeed = orderSeed,
                MostPairs = mostPairs,
            },
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

    // An older program tells no processor time; where both do, it decides what wall time does not.
    [TestCase("1", "1.1", "slower", "wall", 1.1)]
    [TestCase("1", "0.9/1", "faster", "wall", 0.9)]
    [TestCase("1/1", "1.005/2", "same", "wall", 1.005)]
    [TestCase("2/2", "$w/3", "slower", "processor", 1.5)]
    [Platform(Exclude = "Win", Reason = "a shell's script")]
    public void Turns_are_compared(
        string before,
        string after,
        string verdict,
        string clock,
        double ratio
    )
    {
        ComparisonReport report = Run(Answering("base", before), Answering("head", after));
        ComparisonRow row = report.Rows.Single(r => r.Metric == "step_ms");
        Assert.That(
            (report.Verdict, row.Verdict, row.Clock),
            Is.EqualTo((verdict, verdict, clock))
        );
        Assert.That(row.Ratio, Is.EqualTo(ratio).Within(1e-6));
        Assert.That(
            report.Pairs!.Count(pair => pair.Workers > 0),
            Is.GreaterThanOrEqualTo(30),
            "three rounds of ten pairs"
        );
        Assert.That(
            report.Pairs!.Where(pair => pair.Workers > 0).DistinctBy(pair => pair.Workers).Count(),
            Is.GreaterThanOrEqualTo(10),
            "pairs of processes"
        );
        Assert.That(report.Pairs![0].Workers, Is.Not.Positive, "equal ones come first");
    }

    [Test]
    public void Processes_of_one_program_that_differ_leave_no_verdict()
    {
        var verdicts = new PairedVerdicts(new JudgementOptions());
        TurnPair[] turns =
        [
            .. Enumerable
                .Range(0, 60)
                .Select(i => new TurnPair("row", -(i % 4), 1, 1.2 + (0.001 * (i % 4)))),
            .. Enumerable.Range(0, 60).Select(i => new TurnPair("row", 1 + (i % 10), 1, 2)),
        ];
        verdicts.Look(turns, ["row"], 1);
        var counted = new ComparisonReport
        {
            Verdict = RowVerdict.Unclear,
            Base = "base",
            Head = "head",
            Rows = [new("row", "step_ms", "ms", 1, 2, 2, null, null, RowVerdict.Unclear)],
        };
        ComparisonReport report = verdicts.Report(counted, turns, ["row"]);
        Assert.That(verdicts.Of("row"), Is.EqualTo("slower"), "of the turns alone");
        Assert.That(report.Rows[0].Verdict, Is.EqualTo("unclear"));
        Assert.That(
            report.Notes,
            Has.Exactly(1).Contains("processes of one program differ in row")
        );
    }

    // Memory for one pair at a time makes no bounds, and is no reason to fail.
    [Test]
    [Platform(Exclude = "Win", Reason = "a shell's script")]
    public void Processes_are_as_many_as_the_memory_has_room_for()
    {
        ComparisonReport report = Run(
            Answering("base", "1"),
            Answering("head", "2"),
            freeBytes: 1000,
            seconds: 0.3
        );
        Assert.That(report.Pairs!.Select(pair => pair.Workers), Is.All.EqualTo(1));
        Assert.That(report.Verdict, Is.EqualTo("unclear"));
        Assert.That(
            report.Notes,
            Has.Exactly(1).Contains("memory for 1 pairs of processes, and a verdict needs 10")
        );
        // Two at a time are ten in five waves, each with processes of one program against each other.
        report = Run(Answering("base2", "1"), Answering("head2", "2"), freeBytes: 600_000_000);
        Assert.That(report.Verdict, Is.EqualTo("slower"));
        Assert.That(
            report.Pairs!.Select(pair => pair.Workers).Distinct().Order(),
            Is.EqualTo(Enumerable.Range(-9, 20))
        );
        PairedPlan plan = new(TimeSpan.FromMinutes(2)) { FreeBytes = 10_000, ProcessBytes = 100 };
        Assert.That(
            ((double[])[1, 800, 4_000, 1e6]).Select(plan.PairsFor),
            Is.EqualTo(new[] { 16, 7, 1, 1 })
        );
    }

    // Code that is still compiled anew has no verdict, however clear its times are; where it settles, turns before do not count.
    [Test]
    [Platform(Exclude = "Win", Reason = "a shell's script")]
    public void Turns_of_code_that_has_not_settled_do_not_count()
    {
        string settled = Answering("base", "1 settled");
        ComparisonReport report = Run(
            settled,
            Answering("never", "$([ ${turn%% *} = settle ] || echo 2) unsettled"),
            seconds: 1
        );
        Assert.That(report.Verdict, Is.EqualTo("unclear"));
        Assert.That(report.Pairs!.Select(pair => pair.Settled), Has.Member(false));
        Assert.That(report.Notes, Has.Exactly(1).Contains("had not settled for 3 rounds"));
        string late = Script(
            "late",
            $"cat <<'END'\n{Hello()}\nEND\nn=0; while read what ms; do n=$((n + 1)); w=unsettled; [ $n -le 9 ] || w=settled; if [ $what = settle ]; then echo $w; else echo 2 $w; fi; done\n"
        );
        report = Run(settled, late);
        Assert.That(report.Verdict, Is.EqualTo("slower"));
        Assert.That(report.Pairs!.Select(pair => pair.Settled), Is.All.True);
        Assert.That(report.Rows.Single(r => r.Metric == "step_ms").Ratio, Is.EqualTo(2));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "a shell's script")]
    public void The_order_of_turns_is_another_each_time_and_can_be_repeated()
    {
        int[] first = Order(7);
        Assert.That(Order(7), Is.EqualTo(first));
        Assert.That(Order(8), Is.Not.EqualTo(first));
        Assert.That(
            new PairedPlan(TimeSpan.FromMinutes(2)) { OrderSeed = 5 }.OrderSeed,
            Is.EqualTo(5)
        );
        int one = new PairedPlan(TimeSpan.FromMinutes(2)).OrderSeed;
        Thread.Sleep(5);
        Assert.That(new PairedPlan(TimeSpan.FromMinutes(2)).OrderSeed, Is.Not.EqualTo(one));

        int[] Order(int seed)
        {
            ComparisonReport report = Run(
                Answering("base", "1"),
                Answering("head", "1"),
                seconds: 2,
                orderSeed: seed,
                mostPairs: 10
            );
            Assert.That(report.OrderSeed, Is.EqualTo(seed));
            // Three rounds of ten pairs there are on any machine, where all of them began in time.
            return
            [
                .. report
                    .Pairs!.Select(pair => pair.Workers)
                    .Where(workers => workers > 0)
                    .Take(30),
            ];
        }
    }

    // A clock that is set on while a step is timed gives a turn of years: one of many rounds.
    [Test]
    [Platform(Exclude = "Win", Reason = "a shell's script")]
    public void A_clock_that_jumps_is_one_round()
    {
        string jumping = Script(
            "jumping",
            $"cat <<'END'\n{Hello()}\nEND\nn=0; while read turn; do n=$((n + 1)); if [ $n = 4 ]; then echo 1e9; else echo 1; fi; done\n"
        );
        ComparisonReport report = Run(Answering("base", "1"), jumping);
        Assert.That(report.Pairs!.Max(pair => pair.Head), Is.EqualTo(1e9));
        Assert.That(report.Verdict, Is.Not.EqualTo("slower"));
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
                "2 and 2 times, and not 1"
            );
        });
    }

    [Test]
    public void A_failure_of_the_command_is_no_verdict()
    {
        string none = PathOf("none");
        InProcess.Run($"{Tiny} --paired", none).RequireFailure(2, "--paired", "no program");
        InProcess.Run($"{Tiny} --bisect --paired", none).RequireFailure(125, "no program");
        InProcess
            .Run($"{Tiny} --paired", Folder)
            .RequireFailure(2, "no bundle", "start.sh", PairedCommand.Others);
        InProcess
            .Run($"{Tiny} --bisect --nonsense --paired", none)
            .RequireFailure(125, "--nonsense");
    }

    // Nobody may execute it, and root neither; or the system does not know how.
    [Test]
    [Platform(Exclude = "Win", Reason = "a file there has no such right")]
    public void What_cannot_be_executed_is_told_with_what_could_be()
    {
        string plain = PathOf("sequor.dll");
        File.WriteAllText(plain, "no program");
        InProcess
            .Run($"{Tiny} --paired", plain)
            .RequireFailure(
                2,
                "--paired",
                plain,
                "cannot be executed",
                "chmod +x",
                PairedCommand.Others
            );
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(plain, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        InProcess
            .Run($"{Tiny} --paired", plain)
            .RequireFailure(2, "--paired", plain, "cannot be started", PairedCommand.Others);
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
            "$sequor" {Tiny} --paired other --minutes 0.01 --order-seed 12 --json {json}
            """
        );
        Assert.That(result.ExitCode, Is.Zero.Or.EqualTo(1), result.Error);
        JsonNode report = JsonNode.Parse(File.ReadAllBytes(json))!;
        Assert.That(
            report["rows"]!
                .AsArray()
                .Where(row => (string)row!["metric"]! != "step_ms")
                .Select(row => (string)row!["verdict"]!),
            Is.All.EqualTo("same").And.Not.Empty
        );
        Assert.That((int)report["order_seed"]!, Is.EqualTo(12));
        Assert.That(result.Output, Does.Contain("--order-seed 12"));
        JsonArray pairs = report["pairs"]!.AsArray();
        Assert.That(pairs.Select(pair => pair!["settled"]), Has.None.Null);
        Assert.That(pairs.Select(pair => (int)pair!["workers"]!), Has.Member(1));
        Assert.That(pairs.Select(pair => (double)pair!["base"]!), Is.All.Positive);
    }

    [Test]
    public void Looks_share_the_error()
    {
        double[] spent = [.. Enumerable.Range(0, 11).Select(i => PairedPlan.Spent(0.01, i / 10.0))];
        Assert.That(spent, Is.Ordered.Ascending);
        Assert.That((spent[0], spent[^1]), Is.EqualTo((0.0, 0.01)));
        // 2 (1 - F(2.5758 / sqrt(1/2))), by a table of the normal distribution.
        Assert.That(spent[5], Is.EqualTo(2.70e-4).Within(0.02e-4));
        Assert.That(PairedPlan.Spent(0.01, 7), Is.EqualTo(0.01));
    }

    // Drawn means and variances of the two-level bootstrap, against the exact ones.
    [Test]
    public void The_bounds_are_those_of_resampling()
    {
        var random = new Random(5);
        double[][] ratios =
        [
            .. Enumerable
                .Range(0, 6)
                .Select(_ =>
                    Enumerable.Range(0, 7).Select(_ => Math.Exp(0.1 * Normal(random))).ToArray()
                ),
        ];
        const int Times = 40_000;
        double[] drawn = new double[Times];
        for (int i = 0; i < Times; i++)
        {
            for (int w = 0; w < 6; w++)
            {
                double[] rounds = ratios[random.Next(6)];
                drawn[i] +=
                    Statistics.Median(
                        Enumerable.Range(0, 7).Select(_ => Math.Log(rounds[random.Next(7)]))
                    ) / 6;
            }
        }
        double mean = drawn.Average();
        double deviation = Math.Sqrt(drawn.Average(d => (d - mean) * (d - mean)) * 6 / 5);
        RatioBounds bounds = PairedBounds.Of(ratios, 0.05)!.Value;
        // 2.5706: Student's 97.5% of 5 degrees of freedom, by a table.
        double width = 2.5706 * deviation;
        Assert.That(Math.Log(bounds.High / bounds.Low) / 2, Is.EqualTo(width).Within(0.02 * width));
        Assert.That(PairedBounds.Of(ratios, 0), Is.Null);
        Assert.That(
            PairedBounds.Of([.. ratios.Select(r => (double[])[1e9, .. r])], 0.05)!.Value.Ratio,
            Is.EqualTo(bounds.Ratio),
            "the oldest of eight rounds"
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
            RatioBounds bounds = PairedBounds.Of(ratios, 0.05)!.Value;
            outside += bounds.Low > 1.1 || bounds.High < 1.1 ? 1 : 0;
        }
        Assert.That(outside, Is.InRange(0.01 * Times, 0.06 * Times));
        Assert.That(
            PairedBounds.Of(
                [
                    [1],
                    [1],
                ],
                0.05
            ),
            Is.Null,
            "two processes tell nothing"
        );
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()))
        * Math.Cos(2 * Math.PI * random.NextDouble());
}
