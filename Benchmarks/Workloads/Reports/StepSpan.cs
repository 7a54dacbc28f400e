using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>What a span of a step's time is.</summary>
public enum SpanKind
{
    /// <summary>The whole step.</summary>
    Step,

    /// <summary>Forward, loss, backward, update or copies.</summary>
    Pass,

    /// <summary>A layer, or what stands for what is no layer's.</summary>
    Layer,

    /// <summary>An operation.</summary>
    Operation,
}

/// <summary>
/// A span of a profiled step's time with the spans in it: the step, its passes, in them the layers from the outermost to the
/// innermost, in them the operations. Spans that follow each other never overlap, and an inner one never leaves its outer one.
/// </summary>
public sealed class StepSpan
{
    private readonly List<StepSpan> _inner = [];

    private StepSpan(SpanKind kind, string name, long begin, long end, int operation) =>
        (Kind, Name, Begin, End, Operation) = (kind, name, begin, end, operation);

    /// <summary>What it is.</summary>
    public SpanKind Kind { get; }

    /// <summary>The pass, the layer's full name, or the operation; "step" for the whole.</summary>
    public string Name { get; }

    /// <summary>Nanoseconds from the step's begin to its own.</summary>
    public long Begin { get; }

    /// <summary>Nanoseconds from the step's begin to its end.</summary>
    public long End { get; private set; }

    /// <summary>The number of the operation, or of the first one in it.</summary>
    public int Operation { get; }

    /// <summary>The spans in it, in the order of time.</summary>
    public IReadOnlyList<StepSpan> Inner => _inner;

    /// <summary>It and all that is in it, with how many it lies in, outer spans before inner ones.</summary>
    public IEnumerable<(StepSpan Span, int Depth)> All(int depth = 0) =>
        _inner.SelectMany(span => span.All(depth + 1)).Prepend((this, depth));

    /// <summary>The spans of a step. What lies between operations has none: it is what the spans around it have for themselves.</summary>
    public static StepSpan Of(ProfiledStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var whole = new StepSpan(SpanKind.Step, "step", 0, step.Nanoseconds, 0);
        // The spans that are open, from the outermost to the innermost.
        var open = new List<StepSpan> { whole };
        for (int i = 0; i < step.Operations.Count; i++)
        {
            ProfiledOperation operation = step.Operations[i];
            if (LayerRows.IsBetween(operation))
                continue;
            long begin = operation.StartNanoseconds;
            long end = begin + operation.Nanoseconds;
            (SpanKind Kind, string Name)[] path = PathOf(operation);
            int same = 0;
            while (
                same < Math.Min(path.Length, open.Count - 1)
                && (open[same + 1].Kind, open[same + 1].Name) == path[same]
            )
                same++;
            open.RemoveRange(same + 1, open.Count - same - 1);
            foreach ((SpanKind kind, string name) in path[same..])
            {
                var span = new StepSpan(kind, name, begin, end, i);
                open[^1]._inner.Add(span);
                open.Add(span);
            }
            foreach (StepSpan span in open.Skip(1))
                span.End = end;
            open[^1]
                ._inner.Add(new StepSpan(SpanKind.Operation, operation.Operation, begin, end, i));
        }
        return whole;
    }

    private static (SpanKind, string)[] PathOf(ProfiledOperation operation) =>
        [
            (SpanKind.Pass, LayerRows.NameOf(operation.Pass)),
            .. LayerTree
                .Path(LayerRows.NameOf(operation.Layer))
                .Select(name => (SpanKind.Layer, name)),
        ];
}
