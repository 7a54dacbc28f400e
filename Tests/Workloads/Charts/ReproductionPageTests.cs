using System.Text.Json;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;
using Sequor.Workloads.Charts;

namespace Sequor.Tests.Charts;

/// <summary>
/// The HTML page of a reproduction: its loss charts, its table beside the papers' figures, and the escaping of names.
/// </summary>
[TestFixture]
public sealed class ReproductionPageTests
{
    private static readonly DateTimeOffset Date = new(2026, 3, 4, 5, 6, 0, TimeSpan.Zero);

    private static EpochRecord Epoch(int number, double train, double valid) =>
        new(number, train, valid, 1e-3f, number * 2.5);

    private static string Render(params ReproductionResult[] results) =>
        ReproductionPage.Render(
            new ReproductionReport
            {
                Machine = Made.Machine(),
                Date = "2026-11-21T12:00:00Z",
                Device = "cpu",
                Threads = 1,
                BudgetMinutes = 2.5,
                Results = results,
            },
            Date
        );

    [Test]
    public void A_chart_a_task_has_both_losses_of_every_seed()
    {
        string page = Render(
            Made.Reproduced(
                "tcn",
                8.1,
                8.25,
                [Epoch(1, 9, 8.5), Epoch(2, 8, 8.125), Epoch(3, 7, 8.375)],
                [Epoch(1, 10, 9.5)]
            ),
            Made.Reproduced("gru", null, 8.75, [Epoch(1, 9.25, double.NaN)]),
            Made.Reproduced("lstm", 3.2, null, []) with
            {
                Task = "nottingham",
            }
        );
        Made.RequireWhole(page);
        Assert.That(page, Does.Contain("No run came to the end of its first epoch"));
        using JsonDocument charts = JsonDocument.Parse(Made.Island(page, "charts"));
        Assert.That(charts.RootElement.GetArrayLength(), Is.EqualTo(1), "one has no curve");
        JsonElement chart = charts.RootElement[0];
        Assert.That(chart.GetProperty("y").GetProperty("label").GetString(), Does.Contain("nats"));
        JsonElement[] lines = [.. chart.GetProperty("lines").EnumerateArray()];
        Assert.That(
            lines.Select(l => l.GetProperty("name").GetString()),
            Is.EqualTo(
                new[]
                {
                    // In the order of the catalogue.
                    "gru, validation",
                    "gru, training",
                    "tcn, seed 1, validation",
                    "tcn, seed 1, training",
                    "tcn, seed 2, validation",
                    "tcn, seed 2, training",
                }
            )
        );
        Assert.That(Json(lines[2], "values"), Is.EqualTo("[8.5,8.125,8.375]"));
        Assert.That(Json(lines[3], "values"), Is.EqualTo("[9,8,7]"));
        Assert.That(Json(lines[4], "values"), Is.EqualTo("[9.5,null,null]"));
        Assert.That(Json(lines[0], "values"), Is.EqualTo("[null,null,null]"));
        Assert.That(Json(lines[2], "marks"), Is.EqualTo("[1]"), "the best epoch");
        Assert.That(Json(lines[3], "marks"), Is.EqualTo("[]"));
        string[] cells = Made.Cells(page);
        Assert.That(cells, Is.SupersetOf(new[] { "tcn, seed 2", "8.125", "10.000" }));
    }

    private static string Json(JsonElement line, string name) =>
        line.GetProperty(name).GetRawText();

    [Test]
    public void The_table_stands_beside_the_papers()
    {
        string page = Render(
            Made.Reproduced("tcn", 8.1, 8.262, [Epoch(1, 9, 8)]),
            Made.Reproduced("gru", 5.3e-5, 5.3e-3, [Epoch(1, 9, 8)]),
            Made.Reproduced("rnn", 8, 7.6, [Epoch(1, 9, 8)]),
            Made.Reproduced("lru", null, null, [Epoch(1, 9, 8)])
        );
        string[] cells = Made.Cells(page);
        Assert.That(cells, Is.SupersetOf(new[] { "8.10", "8.262", "+2.0%" }));
        Assert.That(cells, Is.SupersetOf(new[] { "5.3e-5", "5.30e-3", "× 100" }));
        Assert.That(cells, Is.SupersetOf(new[] { "−5.0%", "–", "8.762" }));
        Assert.That(cells, Is.SupersetOf(new[] { "54,321", "1 of 50", "12.3 s", "3.00" }));
        Assert.That(page, Does.Contain("<dt>Device</dt><dd>cpu, 1 thread</dd>"));
        Assert.That(page, Does.Contain("<dt>Data</dt><dd>jsb 0123456789abcdef</dd>"));
        Assert.That(
            page,
            Does.Contain("<dt>Limit</dt><dd>2.5 min of training and validation a run</dd>")
        );
    }

    [Test]
    public void Losses_that_span_decades_have_a_logarithmic_axis([Values(0.9, 0.001)] double last)
    {
        string page = Render(Made.Reproduced("tcn", 1, 1, [Epoch(1, 1, 1), Epoch(2, last, last)]));
        using JsonDocument charts = JsonDocument.Parse(Made.Island(page, "charts"));
        Assert.That(
            charts.RootElement[0].GetProperty("y").GetProperty("log").GetBoolean(),
            Is.EqualTo(last < 0.1)
        );
    }

    [Test]
    public void Hostile_names_stay_text()
    {
        ReproductionResult result = Made.Reproduced(Made.Hostile, 1, 1, [Epoch(1, 1, 1)]) with
        {
            Task = Made.Hostile,
            Preset = Made.Hostile,
            Metric = Made.Hostile,
        };
        string page = Render(result);
        Made.RequireWhole(page);
        Assert.That(Made.Cells(page), Does.Contain(Made.Hostile));
    }

    [Test]
    public void A_report_of_nothing_is_refused() =>
        Assert.That(() => Render(), Throws.ArgumentException);
}
