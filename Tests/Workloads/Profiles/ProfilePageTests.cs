using System.Text.Json;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Charts;
using Sequor.Workloads;
using Sequor.Workloads.Charts;

namespace Sequor.Tests.Profiles;

/// <summary>The HTML page of a profile: its timeline, its memory, its tables, and the escaping of names.</summary>
[TestFixture]
public sealed partial class ProfilePageTests
{
    private static readonly DateTimeOffset Date = new(2026, 3, 4, 5, 6, 0, TimeSpan.Zero);

    private static string Render(params IReadOnlyList<Profiled> profiles) =>
        ProfilePage.Render(MadeProfile.Report(profiles), profiles, MadeProfile.Peaks, Date);

    private static string Render(ProfiledStep step) => Render(MadeProfile.Of(step));

    [Test]
    public void The_timeline_has_every_span_where_its_time_is()
    {
        ProfiledStep step = MadeProfile.Step();
        string page = Render(step);
        Made.RequireWhole(page);
        (StepSpan Span, int Depth)[] spans = [.. StepSpan.Of(step).All()];
        Match[] drawn = [.. Span().Matches(page).Cast<Match>()];
        Assert.That(drawn, Has.Length.EqualTo(spans.Length));
        for (int i = 0; i < drawn.Length; i++)
        {
            (StepSpan span, int depth) = spans[i];
            double left = Number(drawn[i], "left");
            double width = Number(drawn[i], "width");
            Assert.That(Number(drawn[i], "top"), Is.EqualTo(22 * depth));
            Assert.That(left, Is.EqualTo(100.0 * span.Begin / step.Nanoseconds).Within(1e-5));
            Assert.That(
                width,
                Is.EqualTo(100.0 * (span.End - span.Begin) / step.Nanoseconds).Within(1e-5)
            );
            Assert.That(left + width, Is.LessThanOrEqualTo(100.0001));
            Assert.That(drawn[i].Groups["name"].Value, Does.StartWith(span.Name));
        }
        Assert.That(
            page,
            Does.Contain(
                "title=\"0.a (Made), forward: matmul [2, 3]; 1.00 ms, 11.1%; 0.95 MiB moved; 40 MFLOP; floor 0.400 ms; 2 launches\""
            )
        );
    }

    private static double Number(Match span, string name) =>
        double.Parse(span.Groups[name].Value, System.Globalization.CultureInfo.InvariantCulture);

    [Test]
    public void Memory_lies_on_the_same_axis()
    {
        ProfiledStep step = MadeProfile.Step();
        string page = Render(step);
        Assert.That(page, Does.Contain($"viewBox=\"0 0 {step.Nanoseconds} 1000\""));
        Assert.That(page, Does.Contain("in use, at most 1.91 MiB"));
        Assert.That(page, Does.Contain("<title>activations, at most 1.91 MiB</title>"));
        string without = Render(step with { Memory = [], PeakOwners = [] });
        Assert.That(without, Does.Not.Contain("<svg").And.Not.Contain("Most memory in use"));
        Made.RequireWhole(without);
    }

    [Test]
    public void The_tables_have_the_layers_the_operations_and_the_owners()
    {
        string[] cells = Made.Cells(Render(MadeProfile.Step()));
        Assert.That(
            cells,
            Is.SupersetOf(
                new[]
                {
                    "0",
                    "\u00a0\u00a00.a",
                    "step",
                    "recurrent gradient",
                    "between operations",
                    "activations",
                    "35%",
                }
            )
        );
    }

    [Test]
    public void The_page_carries_the_report_and_what_is_amiss()
    {
        string page = Render(MadeProfile.Of(MadeProfile.Step(), plain: 4));
        using JsonDocument report = JsonDocument.Parse(Made.Island(page, "report"));
        Assert.That(
            report.RootElement.GetProperty("schema").GetString(),
            Is.EqualTo("sequor.profile/1")
        );
        Assert.That(page, Does.Contain("Warning: the profiled step takes 9.031 ms"));
        Assert.That(page, Does.Contain("copies 10.0 GB/s, products 100 GFLOP/s"));
    }

    [Test]
    public void What_was_interrupted_has_a_page_as_well()
    {
        string page = ProfilePage.Render(
            MadeProfile.Report() with
            {
                Status = RunStatus.Interrupted,
                Reason = "made up",
            },
            [],
            null,
            Date
        );
        Made.RequireWhole(page);
        Assert.That(page, Does.Contain("Not finished: interrupted").And.Contain("made up"));
    }

    [Test]
    public void Hostile_names_stay_text()
    {
        string page = Render(
            MadeProfile.Step(
                MadeProfile.Operation(Made.Hostile, Made.Hostile, ProfilePass.Forward, 500) with
                {
                    Kind = Made.Hostile,
                    Shapes = Made.Hostile,
                }
            )
        );
        Made.RequireWhole(page);
        Assert.That(Made.Cells(page), Does.Contain(Made.Hostile));
    }

    // Nothing that is divided by it is no number.
    [Test]
    public void A_step_that_took_no_time_has_a_page()
    {
        string page = Render(
            MadeProfile.Step(MadeProfile.Operation("0", "x", ProfilePass.Forward, 0))
        );
        Made.RequireWhole(page);
        Assert.That(page, Does.Not.Contain("NaN").And.Not.Contain("∞"));
    }

    [GeneratedRegex(
        "<div class=\"span [^\"]*\" style=\"top:(?<top>[^p]*)px;left:(?<left>[^%]*)%;width:(?<width>[^%]*)%\" title=\"[^\"]*\"><b>(?<name>[^<]*)</b></div>"
    )]
    private static partial Regex Span();
}
