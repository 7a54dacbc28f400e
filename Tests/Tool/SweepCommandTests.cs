using System.Text.Json;
using NUnit.Framework;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;

namespace Sequor.Tests.Tool;

/// <summary><c>sequor bench --sweep</c>: its JSON report, fitted exponents and HTML page.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class SweepCommandTests : FolderTest
{
    private const string Small = "--hidden 6 --batch 2 --steps 2 --warmup 0 --threads 1";

    [Test]
    public void A_sweep_has_one_result_a_length_and_architecture(
        [ValueSource(typeof(Listed), nameof(Listed.DrawnTasks))] string task
    )
    {
        string json = PathOf("sweep.json");
        string html = PathOf("sweep.html");
        File.WriteAllText(html, "old");
        ProgramResult result = Program.Run([
            "bench",
            .. $"--sweep 8,12,40 --arch gru,tcn --task {task} {Small}".Split(' '),
            "--json",
            json,
            "--html",
            html,
        ]);
        result.RequireSuccess();
        Assert.That(Names(), Is.EqualTo(new[] { "sweep.html", "sweep.json" }));
        Assert.That(result.Output, Does.Contain("T=8, 12, 40,").And.Contain("exponent"));

        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        JsonElement report = document.RootElement;
        Assert.That(report.GetProperty("schema").GetString(), Is.EqualTo("sequor.bench/1"));
        Assert.That(report.GetProperty("steps").GetInt32(), Is.EqualTo(2));
        JsonElement[] results = [.. report.GetProperty("results").EnumerateArray()];
        Assert.That(
            results.Select(r =>
                (r.GetProperty("length").GetInt32(), r.GetProperty("arch").GetString())
            ),
            Is.EqualTo(
                new[] { (8, "gru"), (8, "tcn"), (12, "gru"), (12, "tcn"), (40, "gru"), (40, "tcn") }
            )
        );
        foreach (JsonElement r in results)
        {
            int beyond = task == "copy" ? 20 : 0;
            Assert.That(
                r.GetProperty("sequence_length").GetInt32(),
                Is.EqualTo(r.GetProperty("length").GetInt32() + beyond)
            );
            Assert.That(r.GetProperty("samples_ms").GetArrayLength(), Is.EqualTo(2));
        }
        foreach (
            IGrouping<string?, JsonElement> arch in results.GroupBy(r =>
                r.GetProperty("arch").GetString()
            )
        )
        {
            Assert.That(
                arch.Select(r => r.GetProperty("parameters").GetInt64()).Distinct().Count(),
                Is.EqualTo(1),
                "the model stays the same"
            );
            Assert.That(arch.Select(r => r.GetProperty("peak_bytes").GetInt64()), Is.Ordered);
        }
        RequireExponents(report.GetProperty("exponents"), results);
        RequirePage(File.ReadAllText(html), results);
    }

    // Two of the three lengths would not do: the slope is that of all.
    private static void RequireExponents(JsonElement exponents, JsonElement[] results)
    {
        Assert.That(
            exponents.EnumerateArray().Select(e => e.GetProperty("arch").GetString()),
            Is.EqualTo(new[] { "gru", "tcn" })
        );
        foreach (JsonElement e in exponents.EnumerateArray())
        {
            JsonElement[] own =
            [
                .. results.Where(r =>
                    r.GetProperty("arch").GetString() == e.GetProperty("arch").GetString()
                ),
            ];
            double[] u =
            [
                .. own.Select(r => Math.Log(r.GetProperty("sequence_length").GetInt32())),
            ];
            Assert.That(
                e.GetProperty("step_time").GetDouble(),
                Is.EqualTo(
                        Slope(u, r => r.GetProperty("step_ms").GetProperty("median").GetDouble())
                    )
                    .Within(1e-3)
            );
            Assert.That(
                e.GetProperty("peak_memory").GetDouble(),
                Is.EqualTo(Slope(u, r => r.GetProperty("peak_bytes").GetDouble())).Within(1e-3)
            );

            double Slope(double[] u, Func<JsonElement, double> cost)
            {
                double[] v = [.. own.Select(r => Math.Log(cost(r)))];
                double n = u.Length;
                double both = u.Zip(v, (a, b) => a * b).Sum();
                return ((n * both) - (u.Sum() * v.Sum()))
                    / ((n * u.Sum(a => a * a)) - (u.Sum() * u.Sum()));
            }
        }
    }

    private static void RequirePage(string page, JsonElement[] results)
    {
        Made.RequireWhole(page.TrimEnd('\n'));
        string[] cells = Made.Cells(page);
        foreach (JsonElement r in results)
        {
            double median = r.GetProperty("step_ms").GetProperty("median").GetDouble();
            Assert.That(cells, Does.Contain(Sequor.Workloads.Figures.Milliseconds(median)));
            long peak = r.GetProperty("peak_bytes").GetInt64();
            Assert.That(cells, Does.Contain(Sequor.Workloads.Figures.Mebibytes(peak)));
        }
    }

    [Test]
    public void One_length_has_no_exponents_and_a_page_as_well()
    {
        string json = PathOf("bench.json");
        string html = PathOf("bench.html");
        Program
            .Run([
                "bench",
                .. $"--length 9 --arch rnn {Small}".Split(' '),
                "--json",
                json,
                "--html",
                html,
            ])
            .RequireSuccess();
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(json));
        Assert.That(document.RootElement.TryGetProperty("exponents", out _), Is.False);
        RequirePage(
            File.ReadAllText(html),
            [.. document.RootElement.GetProperty("results").EnumerateArray()]
        );
    }

    [Test]
    public void Both_results_need_a_file_of_their_own()
    {
        string path = PathOf("both");
        ProgramResult result = Program.Run("bench", "--json", path, "--html", path);
        result.RequireFailure(2, "--json", "--html", "different");
        Assert.That(result.Output, Is.Empty);
        Assert.That(Names(), Is.Empty);
    }

    [Test]
    public void Help_tells_of_the_time_that_a_sweep_takes()
    {
        ProgramResult result = Program.Run("bench", "--help");
        result.RequireSuccess();
        Assert.That(result.Output, Does.Contain("--sweep").And.Contain("--html"));
        Assert.That(result.Output, Does.Contain("45 seconds of its own"));
    }
}
