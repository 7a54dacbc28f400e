using System.Text;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Charts;
using Sequor.Workloads;

namespace Sequor.Tests.Profiles;

/// <summary>The Chrome trace of profiled steps: its format, its nesting, its units and its size.</summary>
[TestFixture]
public sealed class ChromeTraceTests
{
    private static byte[] Trace(params IReadOnlyList<ProfiledStep> steps) =>
        ChromeTrace.ToUtf8([.. steps.Select(s => MadeProfile.Of(s))], MadeProfile.Peaks);

    [Test]
    public void Passes_layers_and_operations_lie_in_each_other()
    {
        IReadOnlyList<TraceEvent> events = TraceCheck.Require(Trace(MadeProfile.Step()), 1);
        Assert.That(
            events.Where(e => e.Phase == "X").Select(e => $"{e.Category} {e.Name}"),
            Is.EqualTo(
                new[]
                {
                    "step step",
                    "pass copy",
                    "layer copies",
                    "operation upload",
                    "pass forward",
                    "layer 0",
                    "layer 0.a",
                    "operation matmul",
                    "layer 0.b",
                    "operation recurrent",
                    "layer model",
                    "operation pack",
                    "pass loss",
                    "layer loss",
                    "operation mean squared error",
                    "pass backward",
                    "layer 0",
                    "layer 0.b",
                    "operation recurrent gradient",
                    "layer 0.a",
                    "operation matmul",
                    "operation matmul",
                    "pass update",
                    "layer optimizer",
                    "operation update",
                }
            )
        );
    }

    [Test]
    public void Times_are_microseconds_to_the_nanosecond()
    {
        ProfiledStep step = MadeProfile.Step();
        IReadOnlyList<TraceEvent> events = TraceCheck.Require(Trace(step), 1);
        Assert.That(
            events.Single(e => e.Category == "step").Duration,
            Is.EqualTo(step.Nanoseconds / 1000m)
        );
        TraceEvent first = events.First(e => e.Name == "matmul");
        Assert.That((first.Begin, first.Duration), Is.EqualTo((10.007m, 1000m)));
        TraceEvent second = events.First(e => e.Name == "recurrent");
        Assert.That((second.Begin, second.Duration), Is.EqualTo((1010.012m, 2000.001m)));
        TraceEvent backward = events.Single(e => e is { Category: "pass", Name: "backward" });
        Assert.That(backward.Duration, Is.EqualTo(6000.011m), "what lies between is part of it");
    }

    [Test]
    public void An_operation_has_its_shapes_and_counts()
    {
        IReadOnlyList<TraceEvent> events = TraceCheck.Require(Trace(MadeProfile.Step()), 1);
        Assert.That(
            events.First(e => e.Name == "matmul").Arguments.GetRawText(),
            Is.EqualTo(
                """{"layer":"0.a","kind":"Made","shapes":"[2, 3]","bytes_moved":1000000,"flops":40000000,"floor_us":400,"launches":2}"""
            )
        );
        Assert.That(
            events.First(e => e.Name == "pack").Arguments.GetRawText(),
            Is.EqualTo("""{"layer":"model","kind":"Made","shapes":"[2, 3]"}""")
        );
    }

    [Test]
    public void Memory_is_a_counter_by_category()
    {
        TraceEvent[] counters =
        [
            .. TraceCheck.Require(Trace(MadeProfile.Step()), 1).Where(e => e.Phase == "C"),
        ];
        Assert.That(
            counters[0].Arguments.GetRawText(),
            Is.EqualTo("""{"parameters":1024,"activations":100}""")
        );
        Assert.That(
            counters.Max(c => c.Arguments.GetProperty("activations").GetInt64()),
            Is.EqualTo(2_000_000)
        );
        // Of 12 rows, two follow one with the same.
        Assert.That(counters, Has.Length.EqualTo(10));
    }

    [Test]
    public void Each_workload_is_a_process() =>
        TraceCheck.Require(Trace(MadeProfile.Step(), MadeProfile.Step()), 2);

    [Test]
    public void A_step_of_500_operations_is_less_than_a_megabyte()
    {
        byte[] trace = Trace(MadeProfile.Long(500));
        IReadOnlyList<TraceEvent> events = TraceCheck.Require(trace, 1);
        Assert.That(events.Count(e => e.Category == "operation"), Is.EqualTo(500));
        TestContext.Out.WriteLine($"{trace.Length} bytes");
        Assert.That(trace, Has.Length.LessThan(1_000_000));
    }

    // Ends are added up by whoever reads them: 50.305 + 1.462 is more than 12.599 + 39.168.
    [Test]
    public void Inner_spans_end_within_the_outer_ones_in_double_arithmetic_too()
    {
        var random = new Random(1);
        var operations = new List<ProfiledOperation>();
        for (int i = 0; i < 2000; i++)
        {
            operations.Add(
                MadeProfile.Operation(
                    $"0.{i / 5}.a",
                    "matmul",
                    ProfilePass.Forward,
                    random.Next(1, 100_000)
                )
            );
            if (i % 3 == 0)
                operations.Add(MadeProfile.Between(random.Next(1, 5_000)));
        }
        TraceEvent[] spans =
        [
            .. TraceCheck
                .Require(Trace(MadeProfile.Step(operations)), 1)
                .Where(e => e.Phase == "X"),
        ];
        Assert.That(spans.Count(e => e.Category == "operation"), Is.EqualTo(2000));
        Assert.That(
            spans.Where(e => e.Category == "operation").Select(e => (long)(e.Duration * 1000)),
            Is.EqualTo(operations.Where(o => o.Operation == "matmul").Select(o => o.Nanoseconds)),
            "to the nanosecond"
        );
    }

    [Test]
    public void Hostile_names_stay_names()
    {
        ProfiledStep step = MadeProfile.Step(
            MadeProfile.Operation(
                Made.Hostile + "\u0001\"\\",
                "x\u001b[31m",
                ProfilePass.Forward,
                5
            )
        );
        IReadOnlyList<TraceEvent> events = TraceCheck.Require(Trace(step), 1);
        Assert.That(events.Select(e => e.Name), Does.Contain("x\u001b[31m"));
        string text = Encoding.UTF8.GetString(Trace(step));
        Assert.That(text.Any(char.IsControl), Is.False);
    }

    [Test]
    public void Nothing_measured_is_an_empty_array() =>
        Assert.That(Encoding.UTF8.GetString(ChromeTrace.ToUtf8([], null)), Is.EqualTo("[]"));

    private static readonly (string What, string From, string To)[] Mistakes =
    [
        ("an inner span that leaves its outer one", "\"dur\":1000,", "\"dur\":99000,"),
        ("spans that overlap", "\"ts\":1010.012", "\"ts\":900.5"),
        ("a negative time", "\"dur\":1000,", "\"dur\":-1,"),
        ("an unknown kind", "\"cat\":\"layer\"", "\"cat\":\"lair\""),
        ("an unknown phase", "\"ph\":\"C\"", "\"ph\":\"Z\""),
        ("no name of the thread", "\"thread_name\"", "\"threadname\""),
        ("a counter that is no number", "\"activations\":100}", "\"activations\":-100}"),
        (
            "a category that is gone",
            "{\"parameters\":1024,\"activations\":64}",
            "{\"activations\":64}"
        ),
    ];

    [Test]
    public void The_check_finds_mistakes()
    {
        string trace = Encoding.UTF8.GetString(Trace(MadeProfile.Step()));
        foreach ((string what, string from, string to) in Mistakes)
        {
            string changed = Once(trace, from, to);
            Assert.That(changed, Is.Not.EqualTo(trace), what);
            RequireFound(what, changed);
        }
        string first = trace[1..(trace.IndexOf("},{", StringComparison.Ordinal) + 1)];
        RequireFound("an event that is there twice", $"{trace[..^1]},{first}]");
    }

    // What an assertion within has to say is no failure of this test.
    private static void RequireFound(string what, string trace)
    {
        using var apart = new NUnit.Framework.Internal.TestExecutionContext.IsolatedContext();
        Assert.That(
            () => TraceCheck.Require(Encoding.UTF8.GetBytes(trace), 1),
            Throws.InstanceOf<Exception>(),
            what
        );
    }

    private static string Once(string text, string from, string to)
    {
        int at = text.IndexOf(from, StringComparison.Ordinal);
        return at < 0 ? text : text[..at] + to + text[(at + from.Length)..];
    }
}
