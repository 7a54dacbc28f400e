namespace Sequor.Workloads;

/// <summary>
/// The order in which runs are begun where they share an amount of time: always the one that takes the least, so that as many as
/// possible come to their end. Of each a bound is known, and what it really takes has to be measured; none is measured whose bound is
/// above what another one takes.
/// </summary>
/// <typeparam name="T">A run.</typeparam>
public sealed class RunOrder<T>
{
    private readonly List<Waiting> _waiting;
    private readonly Func<T, double> _measure;

    /// <summary>An order of runs.</summary>
    /// <param name="runs">The runs; of those that take as long the first comes first.</param>
    /// <param name="least">The seconds that a run takes at least.</param>
    /// <param name="measure">The seconds that a run takes.</param>
    public RunOrder(IEnumerable<T> runs, Func<T, double> least, Func<T, double> measure)
    {
        ArgumentNullException.ThrowIfNull(runs);
        ArgumentNullException.ThrowIfNull(least);
        ArgumentNullException.ThrowIfNull(measure);
        _waiting = [.. runs.Select(run => new Waiting(run, least(run), IsMeasured: false))];
        _measure = measure;
    }

    /// <summary>Those that were not taken, the shortest first.</summary>
    public IReadOnlyList<ExpectedRun<T>> Left =>
        [
            .. _waiting
                .OrderBy(w => w.Seconds)
                .Select(w => new ExpectedRun<T>(w.Run, w.Seconds, w.IsMeasured)),
        ];

    /// <summary>Takes the run that takes the least; null where none is left.</summary>
    /// <param name="seconds">
    /// The time that there is. A run whose bound is above it is not measured: it does not come to its end anyway.
    /// </param>
    public ExpectedRun<T>? Take(double seconds = double.PositiveInfinity)
    {
        while (_waiting.Count > 0)
        {
            int first = 0;
            for (int i = 1; i < _waiting.Count; i++)
            {
                if (_waiting[i].Seconds < _waiting[first].Seconds)
                    first = i;
            }
            Waiting least = _waiting[first];
            if (least.IsMeasured || least.Seconds > seconds)
            {
                _waiting.RemoveAt(first);
                return new ExpectedRun<T>(least.Run, least.Seconds, least.IsMeasured);
            }
            // Out of the order while it is measured: it may fail.
            _waiting.RemoveAt(first);
            double measured = _measure(least.Run);
            _waiting.Insert(first, new Waiting(least.Run, Math.Max(measured, 0), IsMeasured: true));
        }
        return null;
    }

    private readonly record struct Waiting(T Run, double Seconds, bool IsMeasured);
}

/// <summary>A run with the time that it takes.</summary>
/// <typeparam name="T">A run.</typeparam>
/// <param name="Run">The run.</param>
/// <param name="Seconds">The seconds that it takes; where it was not measured, at least.</param>
/// <param name="IsMeasured">Whether a few of its steps were measured.</param>
public readonly record struct ExpectedRun<T>(T Run, double Seconds, bool IsMeasured);
