using System.Text.Encodings.Web;
using System.Text.Json;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Profiled steps as a Chrome trace, which Perfetto and chrome://tracing open: the JSON array of the Trace Event Format, times in
/// microseconds. A workload is a process with one thread, on which complete events ("X") lie in each other as step, pass, layers and
/// operation; its memory in use is a counter ("C") with a value a category.
/// </summary>
public static class ChromeTrace
{
    private const int Thread = 1;

    private static readonly JsonWriterOptions Plain = new()
    {
        // Names stay readable; what has to be escaped in JSON is.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The trace as UTF-8.</summary>
    /// <param name="profiles">What was measured; each is a process, numbered from 1.</param>
    /// <param name="peaks">What floors are of; null for no floors.</param>
    public static byte[] ToUtf8(IReadOnlyList<Profiled> profiles, MachinePeaks? peaks)
    {
        ArgumentNullException.ThrowIfNull(profiles);
        return Written(json =>
        {
            for (int i = 0; i < profiles.Count; i++)
            {
                Workload workload = profiles[i].Workload;
                Write(
                    json,
                    i + 1,
                    Figures.Text($"{workload.Architecture} {workload.Task} B={workload.Batch}"),
                    $"training step on {profiles[i].Device.Device}",
                    profiles[i].Step,
                    peaks
                );
            }
        });
    }

    /// <summary>The trace of one step, of any model, as UTF-8.</summary>
    /// <param name="step">What <see cref="Profile.Read"/> told.</param>
    /// <param name="name">What the trace calls the model.</param>
    /// <param name="peaks">What floors are of; null for no floors.</param>
    public static byte[] ToUtf8(ProfiledStep step, string name, MachinePeaks? peaks = null)
    {
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(name);
        return Written(json => Write(json, 1, name, "step", step, peaks));
    }

    private static byte[] Written(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Plain))
        {
            json.WriteStartArray();
            write(json);
            json.WriteEndArray();
        }
        return stream.ToArray();
    }

    private static void Write(
        Utf8JsonWriter json,
        int process,
        string name,
        string thread,
        ProfiledStep step,
        MachinePeaks? peaks
    )
    {
        Name("process_name", 0, name);
        Name("thread_name", Thread, thread);
        // Of the spans that the next one may lie in, from the outermost.
        var ends = new List<double>();
        var memory = new Queue<MemoryPoint>(MemoryPoint.Of(step));
        foreach ((StepSpan span, int depth) in StepSpan.Of(step).All())
        {
            while (memory.TryPeek(out MemoryPoint next) && next.Nanoseconds <= span.Begin)
                Count(memory.Dequeue());
            Begin(span.Name, "X", span.Begin);
            json.WriteString("cat", span.Kind.ToString().ToLowerInvariant());
            double begin = span.Begin / 1000.0;
            double last = span.End / 1000.0;
            double duration = Duration(
                begin,
                depth == 0 ? last : Math.Min(last, ends[depth - 1]),
                (span.End - span.Begin) / 1000.0
            );
            ends.RemoveRange(depth, ends.Count - depth);
            ends.Add(begin + duration);
            json.WriteNumber("dur", duration);
            json.WriteNumber("tid", Thread);
            if (span.Kind == SpanKind.Operation)
                Arguments(json, step.Operations[span.Operation], peaks);
            json.WriteEndObject();
        }
        foreach (MemoryPoint point in memory)
            Count(point);

        void Name(string what, int thread, string name)
        {
            json.WriteStartObject();
            json.WriteString("name", what);
            json.WriteString("ph", "M");
            json.WriteNumber("pid", process);
            json.WriteNumber("tid", thread);
            json.WriteStartObject("args");
            json.WriteString("name", name);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        void Begin(string name, string phase, long nanoseconds)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("ph", phase);
            json.WriteNumber("ts", nanoseconds / 1000m);
            json.WriteNumber("pid", process);
        }

        void Count(MemoryPoint point)
        {
            Begin("memory in use, bytes", "C", point.Nanoseconds);
            json.WriteStartObject("args");
            foreach ((MemoryCategory category, long bytes) in point.Bytes)
                json.WriteNumber(LayerRows.NameOf(category), bytes);
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }

    // Readers add begin and duration as doubles, and leave an inner span out whose end is one place behind that of the outer one, as
    // DevTools does. So the sum is no more than that, and no more than the end, where the next one may begin.
    private static double Duration(double begin, double end, double plain)
    {
        double duration =
            begin >= end ? 0
            : begin + plain <= end ? plain
            : end - begin;
        while (duration > 0 && begin + duration > end)
            duration = double.BitDecrement(duration);
        return duration;
    }

    private static void Arguments(
        Utf8JsonWriter json,
        ProfiledOperation operation,
        MachinePeaks? peaks
    )
    {
        json.WriteStartObject("args");
        json.WriteString("layer", LayerRows.NameOf(operation.Layer));
        if (operation.Kind.Length > 0)
            json.WriteString("kind", operation.Kind);
        if (operation.Shapes.Length > 0)
            json.WriteString("shapes", operation.Shapes);
        if (operation.BytesMoved is { } bytes)
            json.WriteNumber("bytes_moved", bytes);
        if (operation.Flops is { } flops)
            json.WriteNumber("flops", flops);
        if (peaks?.FloorMilliseconds(operation.BytesMoved, operation.Flops) is { } floor)
            json.WriteNumber("floor_us", Math.Round(floor * 1000, 3));
        if (operation.Launches is { } launches)
            json.WriteNumber("launches", launches);
        json.WriteEndObject();
    }
}
