using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>The formats that <c>sequor compare</c> reads: a planted change of each figure is found, and no other.</summary>
[TestFixture]
[NonParallelizable]
public sealed class CompareFormatTests : FolderTest
{
    private const string Counts = """
        {"schema":"sequor.counts/1","gpu":"h200","results":[{"arch":"lru","length":60,"batch":8,
         "launches":61,"cudnn_calls":2,"cublas_calls":12,"copies":3,"bytes":9000,"flops":7000,"floor_us":1.5,
         "kernels":[{"name":"scan","launches":4,"bytes":500,"sectors":60,"bank_conflicts":0,"registers":128,"occupancy":0.25,"floor_us":0.5}]}]}
        """;

    private const string Profile = """
        {"schema":"sequor.profile/1","threads":2,
         "machine":{"cpu":"Processor 1","cores":2,"vector_bits":256,"instructions":"AVX2","architecture":"X64"},
         "results":[{"arch":"gru","device":"cpu","length":60,"batch":8,"step_ms":{"median":3,"p05":2,"p95":4},"peak_bytes":4096,
         "layers":[{"name":"0.gru","operation":"recurrent","pass":"forward","ms":1,"bytes_moved":null,"bytes_held":64,"flops":128,"floor_ms":0.5,"launches":2},
                   {"name":"0.gru","operation":"recurrent","pass":"forward","ms":1,"bytes_moved":null,"bytes_held":64,"flops":128,"floor_ms":0.5,"launches":2},
                   {"name":"other","operation":"other","pass":"other","ms":0,"bytes_moved":8,"bytes_held":0,"flops":0,"floor_ms":0,"launches":0}]}]}
        """;

    private const string BenchmarkDotNet = """
        {"Title":"Suite-20261129-183518","HostEnvironmentInfo":{"BenchmarkDotNetVersion":"0.15.8","OsVersion":"Linux","ProcessorName":"AMD EPYC",
          "LogicalCoreCount":2,"RuntimeVersion":".NET 10.0.12","Architecture":"X64","Configuration":"RELEASE"},
         "Benchmarks":[{"DisplayInfo":"Suite.Step: Job-A [Arch=gru]","FullName":"Suite.Step(Arch: \"gru\")","Statistics":{"Median":5000000},
          "Memory":{"BytesAllocatedPerOperation":24},
          "Measurements":[
           {"IterationMode":"Overhead","IterationStage":"Actual","LaunchIndex":1,"IterationIndex":1,"Operations":2,"Nanoseconds":7},
           {"IterationMode":"Workload","IterationStage":"Actual","LaunchIndex":1,"IterationIndex":1,"Operations":2,"Nanoseconds":99},
           LAUNCHES]}]}
        """;

    private string Write(string name, string text)
    {
        File.WriteAllText(PathOf(name), text);
        return PathOf(name);
    }

    private JsonNode Compare(int code, string before, string after, params string[] more)
    {
        ProgramResult result = InProcess.Run([
            "compare",
            Write("before", before),
            Write("after", after),
            .. more,
            "--json",
            PathOf("result"),
        ]);
        Assert.That(result.ExitCode, Is.EqualTo(code), result.Output + result.Error);
        return JsonNode.Parse(File.ReadAllBytes(PathOf("result")))!;
    }

    private static string[] Changed(JsonNode report) =>
        [
            .. report["rows"]!
                .AsArray()
                .Where(row => (string)row!["verdict"]! is not ("same" or "unclear"))
                .Select(row => $"{row!["name"]}: {row["metric"]} {row["verdict"]}"),
        ];

    private void RequireFound(string text, string key, string from, string to, string name)
    {
        string changed = text.Replace(
            $"\"{key}\":{from}",
            $"\"{key}\":{to}",
            StringComparison.Ordinal
        );
        Assert.That(changed, Is.Not.EqualTo(text), key);
        Assert.That(
            Changed(Compare(1, text, changed)),
            Is.EqualTo(new[] { $"{name}: {key} more" })
        );
        Assert.That(
            Changed(Compare(0, changed, text)),
            Is.EqualTo(new[] { $"{name}: {key} less" })
        );
    }

    [TestCase("launches", "61", "62", "")]
    [TestCase("cudnn_calls", "2", "3", "")]
    [TestCase("cublas_calls", "12", "13", "")]
    [TestCase("copies", "3", "4", "")]
    [TestCase("bytes", "9000", "9001", "")]
    [TestCase("flops", "7000", "7001", "")]
    [TestCase("floor_us", "1.5", "1.501", "")]
    [TestCase("launches", "4", "5", ", scan")]
    [TestCase("sectors", "60", "61", ", scan")]
    [TestCase("bank_conflicts", "0", "1", ", scan")]
    [TestCase("registers", "128", "129", ", scan")]
    public void A_planted_count_is_found(string key, string from, string to, string part) =>
        RequireFound(Counts, key, from, to, $"lru T=60 B=8{part}");

    [Test]
    public void A_kernel_that_is_gone_is_none_that_is_missing()
    {
        string without =
            Counts[..Counts.IndexOf("{\"name\":\"scan\"", StringComparison.Ordinal)] + "]}]}";
        Assert.That(Changed(Compare(0, Counts, without)), Is.Empty);
        Assert.That(
            Changed(Compare(0, without, Counts)),
            Has.Length.EqualTo(6).And.All.EndsWith(" new")
        );
        Compare(2, Counts, Counts.Replace("h200", "a100", StringComparison.Ordinal));
    }

    [TestCase("peak_bytes", "4096", "4097", "gru T=60 B=8")]
    [TestCase("bytes_moved", "8", "9", "gru T=60 B=8, other other other")]
    public void A_profile_is_compared_layer_by_layer(
        string key,
        string from,
        string to,
        string name
    ) => RequireFound(Profile, key, from, to, name);

    [Test]
    public void Rows_of_a_layer_are_added_up_and_their_times_are_no_verdict()
    {
        string changed = Profile.Replace(
            "\"launches\":2},\n           ",
            "\"launches\":3},\n           ",
            StringComparison.Ordinal
        );
        int at = Profile.IndexOf("\"launches\":2", StringComparison.Ordinal);
        changed = Profile[..at] + "\"launches\":3" + Profile[(at + 12)..];
        JsonNode report = Compare(1, Profile, changed);
        Assert.That(
            Changed(report),
            Is.EqualTo(new[] { "gru T=60 B=8, 0.gru recurrent forward: launches more" })
        );
        JsonNode row = report["rows"]![0]!;
        Assert.That(((double)row["base"]!, (double)row["head"]!), Is.EqualTo((4.0, 5.0)));
        report = Compare(
            0,
            Profile,
            Profile.Replace("\"median\":3", "\"median\":9", StringComparison.Ordinal)
        );
        Assert.That((string)report["verdict"]!, Is.EqualTo("unclear"));
    }

    [Test]
    public void A_launch_of_BenchmarkDotNet_is_a_round()
    {
        string before = Launches(1, 7);
        JsonNode report = Compare(1, before, Launches(2, 7));
        Assert.That(Changed(report), Is.EqualTo(new[] { "Suite.Step(Arch: \"gru\"): ms slower" }));
        // Two operations of an iteration, of nanoseconds.
        Assert.That((double)report["rows"]![0]!["base"]!, Is.EqualTo(5.0003).Within(1e-9));
        Assert.That(
            (string)Compare(0, Launches(1, 1), Launches(2, 1))["verdict"]!,
            Is.EqualTo("unclear")
        );
        string more = before.Replace("Operation\":24", "Operation\":32", StringComparison.Ordinal);
        Assert.That(
            Changed(Compare(1, before, more)),
            Is.EqualTo(new[] { "Suite.Step(Arch: \"gru\"): allocated_bytes more" })
        );
        Compare(2, before, before.Replace("EPYC", "Ryzen", StringComparison.Ordinal));
        int at = before.IndexOf("\"Measurements\"", StringComparison.Ordinal);
        Compare(2, before, before[..at] + "\"Other\":[]}]}");
    }

    [Test]
    public void Counts_of_a_suite_on_the_device_are_compared_and_its_launches_are_rounds()
    {
        const string suites = """
            {"schema":"sequor.suites/1","status":"finished","title":"Suite-1",
             "machine":{"cpu":"Processor 1","cores":2,"vector_bits":256,"architecture":"X64"},
             "results":[{"name":"Suite.Step","ms":{"median":2,"p05":1,"p95":3},"rounds_ms":[2,2,2,2,2,2,2],"managed_bytes":24,
              "on_device":{"device":"cuda:0","threads":1,"vector_bits":0,"gpu":{"name":"H200","arithmetic":"fp32"},"ms":1.5,"launches":7,
               "bytes_moved":800,"bytes_unknown":0,"flops":900,"floor_ms":0.5,"peak_bytes":4096}}]}
            """;
        JsonNode same = Compare(
            0,
            suites,
            suites.Replace("Suite-1", "Suite-2", StringComparison.Ordinal)
        );
        Assert.That(Changed(same), Is.Empty);
        foreach (
            (string from, string to, string what) in ((string, string, string)[])
                [
                    ("\"launches\":7", "\"launches\":8", "launches"),
                    ("\"bytes_moved\":800", "\"bytes_moved\":804", "bytes_moved"),
                    ("\"flops\":900", "\"flops\":901", "flops"),
                    ("\"peak_bytes\":4096", "\"peak_bytes\":4100", "peak_bytes"),
                    ("\"managed_bytes\":24", "\"managed_bytes\":32", "managed_bytes"),
                ]
        )
            Assert.That(
                Changed(Compare(1, suites, suites.Replace(from, to, StringComparison.Ordinal))),
                Is.EqualTo(new[] { $"Suite.Step: {what} more" })
            );
        Compare(2, suites, suites.Replace("H200", "H100", StringComparison.Ordinal));
        Compare(2, suites, suites.Replace("cuda:0", "cpu", StringComparison.Ordinal));
        Compare(2, suites, suites.Replace("[2,2,2,2,2,2,2]", "[]", StringComparison.Ordinal));
        // Bytes of another part than before are another figure: what cuDNN moves is not known.
        Compare(
            1,
            suites,
            suites
                .Replace("\"bytes_unknown\":0", "\"bytes_unknown\":2", StringComparison.Ordinal)
                .Replace("\"bytes_moved\":800", "\"bytes_moved\":8", StringComparison.Ordinal)
        );
    }

    [Test]
    public void A_run_of_BenchmarkDotNet_counts_once_in_a_folder()
    {
        Directory.CreateDirectory(PathOf("folder"));
        string text = Launches(1, 7);
        Write("folder/full.json", text);
        Write("folder/compressed.json", text.Replace("\n", "", StringComparison.Ordinal));
        InProcess
            .Run("compare", Write("before", text), PathOf("folder"))
            .RequireFailure(2, "same run");
    }

    private static string Launches(double scale, int count) =>
        BenchmarkDotNet.Replace(
            "LAUNCHES",
            string.Join(
                ",",
                Enumerable
                    .Range(0, count)
                    .SelectMany(launch => Enumerable.Repeat(launch, 3))
                    .Select(launch =>
                        FormattableString.Invariant(
                            $$"""{"IterationMode":"Workload","IterationStage":"Result","LaunchIndex":{{launch}},"IterationIndex":1,"Operations":2,"Nanoseconds":{{scale * (10_000_000 + (launch * 200))}}}"""
                        )
                    )
            ),
            StringComparison.Ordinal
        );

    [Test]
    public void Losses_are_compared_seed_by_seed()
    {
        var epoch = new EpochRecord(1, 2, 3, 1e-3f, 4);
        string before = Reproduced(8.5, 1);
        Assert.That(Changed(Compare(0, before, Reproduced(8.5, 2))), Is.Empty);
        Assert.That(
            (string)Compare(0, before, Reproduced(8.6, 1))["verdict"]!,
            Is.EqualTo("unclear")
        );
        Assert.That(
            Changed(Compare(1, Many(8.5), Many(9.5))),
            Is.EqualTo(new[] { "jsb gru 300k: test more" })
        );

        string Reproduced(double test, int minutes) =>
            Json([Made.Reproduced("gru", 8.5, test, [epoch])], minutes);

        // Seeds never agree.
        string Many(double test)
        {
            ReproductionResult made = Made.Reproduced(
                "gru",
                8.5,
                test,
                [.. Enumerable.Repeat(new[] { epoch }, 8)]
            );
            return Json(
                [
                    made with
                    {
                        Runs =
                        [
                            .. made.Runs.Select((run, i) => run with { Test = test + (i * 0.01) }),
                        ],
                    },
                ],
                1
            );
        }

        static string Json(ReproductionResult[] results, int day) =>
            System.Text.Encoding.UTF8.GetString(
                ReportWriter.ToUtf8(
                    new ReproductionReport
                    {
                        Machine = Made.Machine(),
                        Date = $"2026-11-0{day}T12:00:00Z",
                        Device = "cpu",
                        Threads = 2,
                        Results = results,
                    }
                )
            );
    }

    [Test]
    public void A_total_budget_is_a_difference_where_it_cut_a_run()
    {
        Assert.That(Changed(Compare(0, Json(false, 60), Json(false, 3600))), Is.Empty);
        Assert.That(Changed(Compare(0, Json(true, 60), Json(true, 60))), Is.Empty);
        JsonNode refused = Compare(2, Json(true, 60), Json(true, 3600));
        Assert.That((string)refused["reason"]!, Does.Contain("total budget of seconds (60; 3600)"));
        refused = Compare(2, Json(true, 60), Json(false, 60));
        Assert.That((string)refused["reason"]!, Does.Contain("total budget of seconds (60; none)"));

        static string Json(bool cut, double seconds)
        {
            ReproductionResult made = Made.Reproduced(
                "gru",
                8.5,
                8.5,
                [new EpochRecord(1, 2, 3, 1e-3f, 4)]
            );
            ReproductionRun run = made.Runs[0] with
            {
                Stopped = cut ? StopReason.Budget : StopReason.Epochs,
            };
            return System.Text.Encoding.UTF8.GetString(
                ReportWriter.ToUtf8(
                    new ReproductionReport
                    {
                        Machine = Made.Machine(),
                        Date = "2026-11-01T12:00:00Z",
                        Device = "cpu",
                        Threads = 2,
                        TotalBudgetSeconds = seconds,
                        Results = [made with { Runs = [run] }],
                    }
                )
            );
        }
    }

    [Test]
    public void Every_reader_has_a_test_here() =>
        Assert.That(
            FigureReader.All.Select(reader => reader.Format),
            Is.EqualTo(
                new[]
                {
                    "BenchmarkDotNet",
                    "sequor.bench/1",
                    "sequor.counts/1",
                    "sequor.profile/1",
                    "sequor.reproduce/1",
                    "sequor.suites/1",
                }
            )
        );

    [Test]
    public void Every_reader_of_the_assembly_is_in_the_list_that_the_build_makes() =>
        Assert.That(
            FigureReader.All.Select(reader => reader.GetType()),
            Is.EquivalentTo(
                typeof(FigureReader)
                    .Assembly.GetTypes()
                    .Where(type => type.IsSubclassOf(typeof(FigureReader)) && !type.IsAbstract)
            )
        );

    [Test]
    public void A_folder_of_several_formats_is_compared_as_a_whole()
    {
        foreach (string side in (string[])["one", "two"])
        {
            Directory.CreateDirectory(PathOf(side));
            Write($"{side}/counts.json", Counts);
            Write($"{side}/suite.json", Launches(side == "one" ? 1 : 2, 7));
        }
        InProcess.Run("compare", PathOf("one"), PathOf("two"), "--counts");
        ProgramResult result = InProcess.Run(
            "compare",
            PathOf("one"),
            PathOf("two"),
            "--json",
            PathOf("result")
        );
        Assert.That(result.ExitCode, Is.EqualTo(1));
        File.Delete(PathOf("two/counts.json"));
        result = InProcess.Run("compare", PathOf("one"), PathOf("two"), "--counts");
        Assert.That(result.ExitCode, Is.EqualTo(1), "all that counts.json told is missing");
        InProcess
            .Run("compare", PathOf("one/counts.json"), PathOf("two/suite.json"))
            .RequireFailure(2, "nothing in common", "sequor.counts/1", "BenchmarkDotNet");
    }
}
