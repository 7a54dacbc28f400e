using System.Text.Json;
using NUnit.Framework;

namespace Sequor.Tests.Profiles;

/// <summary>
/// What the Trace Event Format asks of a trace as an array of events, and what Sequor's add to that: order, nesting, names, counters.
/// </summary>
internal static class TraceCheck
{
    private static readonly string[] Nesting = ["step", "pass", "layer", "operation"];

    /// <summary>Fails unless it is a trace of so many processes, each with a step.</summary>
    public static IReadOnlyList<TraceEvent> Require(byte[] trace, int processes)
    {
        using JsonDocument document = JsonDocument.Parse(trace);
        TraceEvent[] events = [.. document.RootElement.EnumerateArray().Select(TraceEvent.Of)];
        Assert.That(
            events.Select(e => e.Text).Distinct().Count(),
            Is.EqualTo(events.Length),
            "an event is there twice"
        );
        Assert.That(
            events.Select(e => e.Process).Distinct(),
            Is.EqualTo(Enumerable.Range(1, processes))
        );
        foreach (var process in events.GroupBy(e => e.Process))
            RequireProcess([.. process]);
        return events;
    }

    private static void RequireProcess(TraceEvent[] events)
    {
        Assert.That(events.Select(e => e.Phase), Is.All.AnyOf("M", "X", "C"));
        TraceEvent[] names = [.. events.Where(e => e.Phase == "M")];
        Assert.That(names.Select(e => e.Name), Is.EqualTo(new[] { "process_name", "thread_name" }));
        foreach (TraceEvent name in names)
            Assert.That(name.Arguments.GetProperty("name").GetString(), Is.Not.Empty);

        TraceEvent[] timed = [.. events.Where(e => e.Phase != "M")];
        Assert.That(timed.Select(e => e.Begin), Is.Ordered.And.All.AtLeast(0));
        TraceEvent[] spans = [.. timed.Where(e => e.Phase == "X")];
        Assert.That(spans.Select(e => e.Thread), Is.All.EqualTo(names[1].Thread));
        RequireNested(spans);

        TraceEvent[] counters = [.. timed.Where(e => e.Phase == "C")];
        string[]? keys = null;
        foreach (TraceEvent counter in counters)
        {
            JsonProperty[] values = [.. counter.Arguments.EnumerateObject()];
            keys ??= [.. values.Select(v => v.Name)];
            Assert.That(counter.Name, Is.EqualTo(counters[0].Name).And.Contains("bytes"));
            Assert.That(values.Select(v => v.Name), Is.EqualTo(keys), "all categories each time");
            foreach (JsonProperty value in values)
                Assert.That(value.Value.GetInt64(), Is.Not.Negative, value.Name);
            Assert.That(counter.Start, Is.LessThanOrEqualTo(spans[0].End));
        }
    }

    private static void RequireNested(TraceEvent[] spans)
    {
        Assert.That(spans.Count(s => s.Category == "step"), Is.EqualTo(1));
        Assert.That(spans[0].Category, Is.EqualTo("step"));
        Assert.That(spans[0].Begin, Is.Zero);
        var open = new Stack<TraceEvent>();
        var last = new Stack<double>();
        foreach (TraceEvent span in spans)
        {
            Assert.That(span.Duration, Is.AtLeast(0), span.Text);
            int kind = Array.IndexOf(Nesting, span.Category);
            Assert.That(kind, Is.Not.Negative, span.Text);
            // What it does not lie in is over: by its kind, or as a layer of another name.
            while (
                open.Count > 0
                && !(
                    span.Start >= open.Peek().Start
                    && span.End <= open.Peek().End
                    && Holds(open.Peek(), span)
                )
            )
            {
                open.Pop();
                last.Pop();
            }
            Assert.That(open.Count > 0, Is.EqualTo(kind > 0), $"what it lies in: {span.Text}");
            if (open.Count > 0)
            {
                Assert.That(span.Start, Is.AtLeast(last.Pop()), $"overlaps: {span.Text}");
                last.Push(span.End);
            }
            open.Push(span);
            last.Push(span.Start);
        }
    }

    private static bool Holds(TraceEvent outer, TraceEvent inner) =>
        (outer.Category, inner.Category) switch
        {
            ("step", "pass") or ("pass", "layer") or ("layer", "operation") => true,
            ("layer", "layer") => inner.Name.StartsWith(outer.Name + ".", StringComparison.Ordinal),
            _ => false,
        };
}

/// <summary>An event, times in microseconds: as they are meant, to the nanosecond, and as those who read them as doubles add them up.</summary>
internal sealed record TraceEvent(
    string Text,
    string Name,
    string Phase,
    int Process,
    int? Thread,
    decimal Begin,
    decimal Duration,
    string? Category,
    JsonElement Arguments
)
{
    public double Start => (double)Begin;

    public required double End { get; init; }

    public static TraceEvent Of(JsonElement json)
    {
        string phase = json.GetProperty("ph").GetString()!;
        double length = phase == "X" ? json.GetProperty("dur").GetDouble() : 0;
        double start = phase == "M" ? 0 : json.GetProperty("ts").GetDouble();
        return new TraceEvent(
            json.GetRawText(),
            json.GetProperty("name").GetString()!,
            phase,
            json.GetProperty("pid").GetInt32(),
            json.TryGetProperty("tid", out JsonElement thread) ? thread.GetInt32() : null,
            phase == "M" ? 0 : json.GetProperty("ts").GetDecimal(),
            Math.Round((decimal)length, 3),
            phase == "X" ? json.GetProperty("cat").GetString() : null,
            json.TryGetProperty("args", out JsonElement arguments) ? arguments.Clone() : default
        )
        {
            End = start + length,
        };
    }
}
