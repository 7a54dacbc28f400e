using System.Diagnostics;

namespace Sequor.Workloads;

/// <summary>
/// When steps ran that nobody waits for one by one, as those of a trainer: from where the first of several is queued to where losses are
/// read, which waits for all of them. Within that time each is taken to last as long as the others.
/// </summary>
public sealed class QueuedSteps
{
    private readonly List<(long Begin, long End, int Count)> _spans = [];
    private bool _areOver = true;

    /// <summary>Steps that are over.</summary>
    public long Count => _spans.Sum(span => (long)span.Count);

    /// <summary>When each began and ended, in their order, by <see cref="Stopwatch.GetTimestamp"/>.</summary>
    public IEnumerable<(long Begin, long End)> Windows =>
        from span in _spans
        from step in Enumerable.Range(0, span.Count)
        select (At(span, step), At(span, step + 1));

    /// <summary>A step is going to be queued.</summary>
    public void Begin()
    {
        if (!_areOver)
            return;
        _areOver = false;
        _spans.Add((Stopwatch.GetTimestamp(), 0, 0));
    }

    /// <summary>A step of those that were queued is known to be over, as the others are.</summary>
    public void End()
    {
        if (_spans.Count == 0)
            return;
        (long begin, _, int count) = _spans[^1];
        _spans[^1] = (begin, Stopwatch.GetTimestamp(), count + 1);
        _areOver = true;
    }

    private static long At((long Begin, long End, int Count) span, int step) =>
        span.Begin + (long)((double)(span.End - span.Begin) * step / span.Count);
}
