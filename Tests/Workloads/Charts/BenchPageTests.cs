using System.Text.Json;
using NUnit.Framework;
using Sequor.Workloads;
using Sequor.Workloads.Charts;

namespace Sequor.Tests.Charts;

/// <summary>
/// The HTML page of a benchmark or sweep: its charts, tables and heading, the report inside it, and the escaping of names.
/// </summary>
[TestFixture]
public sealed class BenchPageTests
{
    private static readonly DateTimeOffset Date = new(2026, 3, 4, 5, 6, 0, TimeSpan.Zero);

    private static readonly BenchReport Swept = Made.Report(
        Made.Result("lstm", 16, 2.0, 1 << 20),
        Made.Result("tcn", 16, 1.0, 1 << 21),
        Made.Result("lstm", 64, 8.0, 1 << 21),
        Made.Result("tcn", 64, 16.0, 1 << 25)
    );

    [Test]
    public void A_sweep_has_charts_of_all_lengths_and_architectures()
    {
        string page = BenchPage.Render(Swept, Date);
        Made.RequireWhole(page);
        using JsonDocument charts = JsonDocument.Parse(Made.Island(page, "charts"));
        Assert.That(
            charts.RootElement.EnumerateArray().Select(c => c.GetProperty("id").GetString()),
            Is.EqualTo(new[] { "time", "memory" })
        );
        Require(charts.RootElement[0], "ms", [2.0, 8.0], [1.0, 16.0], "1.00", "2.00");
        Require(charts.RootElement[1], "MiB", [1, 2], [2, 32], "0.50", "2.00");
    }

    private static void Require(
        JsonElement chart,
        string unit,
        double[] lstm,
        double[] tcn,
        params string[] exponents
    )
    {
        Assert.That(chart.GetProperty("x").GetProperty("log").GetBoolean());
        Assert.That(chart.GetProperty("x").GetProperty("label").GetString(), Does.Contain("steps"));
        Assert.That(chart.GetProperty("y").GetProperty("log").GetBoolean());
        Assert.That(chart.GetProperty("y").GetProperty("label").GetString(), Does.EndWith(unit));
        Assert.That(Numbers(chart.GetProperty("places")), Is.EqualTo(new[] { 16.0, 64 }));
        JsonElement lines = chart.GetProperty("lines");
        Assert.That(Numbers(lines[0].GetProperty("values")), Is.EqualTo(lstm));
        Assert.That(Numbers(lines[1].GetProperty("values")), Is.EqualTo(tcn));
        JsonElement entries = chart.GetProperty("entries");
        for (int i = 0; i < exponents.Length; i++)
            Assert.That(entries[i].GetProperty("note").GetString(), Does.EndWith(exponents[i]));
        Assert.That(entries[0].GetProperty("name").GetString(), Is.EqualTo("lstm"));
        Assert.That(
            entries[0].GetProperty("style").GetInt32(),
            Is.Not.EqualTo(entries[1].GetProperty("style").GetInt32())
        );
    }

    private static double[] Numbers(JsonElement array) =>
        [.. array.EnumerateArray().Select(n => n.GetDouble())];

    [Test]
    public void The_tables_have_every_value()
    {
        string page = BenchPage.Render(Swept, Date);
        string[] cells = Made.Cells(page);
        Assert.That(cells, Is.SupersetOf(new[] { "T = 16", "T = 64" }));
        foreach (BenchResult r in Swept.Results)
        {
            MemoryBytes memory = r.MemoryBytes;
            long[] bytes =
            [
                r.PeakBytes,
                r.FloorBytes,
                memory.Parameters,
                memory.Gradients,
                memory.Optimizer,
                memory.Activations,
                memory.Workspace,
                memory.Io,
            ];
            double[] times = [r.StepMs.Median, r.ForwardMs, r.BackwardMs, r.OptimizerMs];
            string[] wanted =
            [
                r.Arch,
                "33 × 2",
                "54,321",
                Figures.Count(r.TokensPerS),
                $"{Figures.Milliseconds(r.StepMs.P05)}–{Figures.Milliseconds(r.StepMs.P95)}",
                .. times.Select(Figures.Milliseconds),
                .. bytes.Select(Figures.Mebibytes),
            ];
            foreach (string text in wanted)
                Assert.That(cells, Does.Contain(text));
        }
    }

    [Test]
    public void Bars_are_as_wide_as_their_values()
    {
        // 32 MiB of an axis that ends at 40: activations are a half of it, the floor lies in the middle.
        string page = BenchPage.Render(Swept, Date);
        Assert.That(page, Does.Contain("width:40%\" title=\"tcn, activations: 16.0 MiB, 50.0%\""));
        Assert.That(page, Does.Contain("left:40%\" title=\"tcn, floor: 16.0 MiB\""));
        Assert.That(page, Does.Contain("left:100%\">40</span>"));
    }

    [Test]
    public void One_length_has_bars_and_no_lines()
    {
        BenchReport one = Made.Report(
            Made.Result("gru", 16, 2.0, 1 << 20),
            Made.Result("rnn", 16, 4.0, 1 << 20)
        );
        string page = BenchPage.Render(one, Date);
        Made.RequireWhole(page);
        Assert.That(page, Does.Not.Contain("id=\"charts\"").And.Not.Contain("uPlot"));
        Assert.That(page, Does.Contain("gru, forward: 0.50 ms").And.Contain("rnn, activations"));
        Assert.That(Made.Cells(page), Does.Contain("1.75–2.25"));
    }

    [Test]
    public void What_a_step_moves_and_computes_stands_beside_the_peaks()
    {
        BenchResult gru = Made.Result("gru", 16, 2.0, 1 << 20) with
        {
            BytesMoved = 8_000_000,
            BytesUnknown = 0,
            Flops = 100_000_000,
            FloorMs = 1.2,
        };
        BenchReport one = Made.Report(gru, Made.Result("rnn", 16, 4.0, 1 << 20)) with
        {
            Peaks = new PeaksReport(20e9, 100e9, 64 << 20, 1024),
        };
        string page = BenchPage.Render(one, Date);
        Made.RequireWhole(page);
        // 8 MB in 2 ms are 4 GB/s of 20; 0.1 GFLOP are 50 GFLOP/s of 100.
        Assert.That(
            string.Join(" ", Made.Cells(page)),
            Does.Contain("gru 7.63 4.0 20% 0.10 50.0 50% 1.20 60%")
        );
        Assert.That(page, Does.Contain("copy 20.0 GB/s").And.Contain("product 100 GFLOP/s"));
        // An axis that ends at 4.
        Assert.That(
            page,
            Does.Contain("left:30%\" title=\"gru, least at the machine&#39;s peaks: 1.20 ms\"")
        );
        Assert.That(page, Does.Not.Contain("title=\"rnn, least"), "nothing was counted of it");

        page = BenchPage.Render(one with { Peaks = null }, Date);
        Assert.That(
            string.Join(" ", Made.Cells(page)),
            Does.Contain("gru 7.63 4.0 - 0.10 50.0 - 1.20 60%")
        );
        page = BenchPage.Render(Swept, Date);
        Assert.That(page, Does.Not.Contain("moves and computes"));
    }

    [Test]
    public void The_top_says_what_when_and_where()
    {
        string page = BenchPage.Render(Swept, Date);
        Assert.That(page, Does.Contain("2026-03-04 05:06").And.Contain("Processor 1, 2 cores"));
        Assert.That(page, Does.Contain("T = 16, 64; B = 4").And.Contain("seed 7"));
        Assert.That(page, Does.Contain("3 of warm-up, 2 measured").And.Contain("0.1.0 (0123456)"));
    }

    [Test]
    public void Hostile_names_stay_text()
    {
        BenchReport report = Made.Report(
            Made.Result(Made.Hostile, 16, 2.0, 1 << 20, Made.Hostile),
            Made.Result(Made.Hostile, 32, 4.0, 1 << 20, Made.Hostile)
        );
        report = report with { Machine = Made.Machine(Made.Hostile), Task = Made.Hostile };
        string page = BenchPage.Render(report, Date);
        Made.RequireWhole(page);
        Assert.That(Made.Cells(page), Does.Contain(Made.Hostile));
        using JsonDocument charts = JsonDocument.Parse(Made.Island(page, "charts"));
        Assert.That(
            charts.RootElement[0].GetProperty("lines")[0].GetProperty("name").GetString(),
            Is.EqualTo(Made.Hostile)
        );
    }

    [Test]
    public void The_page_carries_the_report()
    {
        using JsonDocument report = JsonDocument.Parse(
            Made.Island(BenchPage.Render(Swept, Date), "report")
        );
        Assert.That(
            report.RootElement.GetProperty("schema").GetString(),
            Is.EqualTo("sequor.bench/1")
        );
        Assert.That(report.RootElement.GetProperty("results").GetArrayLength(), Is.EqualTo(4));
    }

    [Test]
    public void A_report_of_nothing_is_refused() =>
        Assert.That(() => BenchPage.Render(Made.Report(), Date), Throws.ArgumentException);
}
