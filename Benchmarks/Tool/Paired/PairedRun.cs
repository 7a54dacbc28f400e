using System.Diagnostics;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// Measures two programs side by side: pairs of processes, one of each, that take short turns in random order. What disturbs the
/// machine meets both. Two processes of the base come first, and must not be told apart.
/// </summary>
internal sealed class PairedRun(
    Func<ProcessStartInfo> startBase,
    Func<ProcessStartInfo> startHead,
    PairedPlan plan,
    JudgementOptions options,
    TimeSpan patience,
    CancellationToken stop
)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<TurnPair> _pairs = [];
    private readonly Random _random = new(1);
    private string[] _names = [];

    /// <summary>Runs until every row has a verdict or the budget is spent.</summary>
    /// <param name="force">Whether unlike programs are compared all the same.</param>
    /// <param name="progress">Called with the fraction of the budget that is spent.</param>
    /// <exception cref="UsageException">The two cannot be compared, or one of them failed.</exception>
    public ComparisonReport Run(bool force, Action<double> progress)
    {
        // Of equal programs: what they differ by is what the machine makes of nothing.
        ComparisonReport counted = Pair(0, startBase, force, progress);
        var verdicts = new PairedVerdicts(options);
        int workers = 0;
        int look = 0;
        do
        {
            counted = Pair(++workers, startHead, force, progress);
            if (plan.IsLook(workers))
                verdicts.Look(_pairs, _names, PairedPlan.Share(++look));
        } while (!verdicts.AreAll(_names) && _clock.Elapsed < plan.Budget);
        // What the last processes gave since the last look counts too.
        if (!verdicts.AreAll(_names) && !plan.IsLook(workers))
            verdicts.Look(_pairs, _names, PairedPlan.Share(++look));
        return verdicts.Report(counted, _pairs, _names);
    }

    private ComparisonReport Pair(
        int number,
        Func<ProcessStartInfo> second,
        bool force,
        Action<double> progress
    )
    {
        // Whichever begins last has had less time to compile its code again: which it is is drawn as well.
        bool headLast = _random.Next(2) == 0;
        using Worker earlier = Start(isBase: headLast);
        using Worker later = Start(isBase: !headLast);
        (Worker one, Worker other) = headLast ? (earlier, later) : (later, earlier);
        ComparisonReport counted = Comparer.Compare(
            one.Figures,
            other.Figures,
            options,
            counts: false,
            force
        );
        _names =
        [
            .. one
                .Figures.Figures.Values.Where(f => f.Kind == FigureKind.Timed)
                .Select(f => f.Name),
        ];
        for (int turn = 0; turn < plan.WarmupTurns; turn++)
        {
            earlier.Turn(plan.Warmup, stop);
            later.Turn(plan.Warmup, stop);
        }
        for (int round = 0; round < plan.Rounds; round++)
        {
            progress(_clock.Elapsed / plan.Budget);
            bool baseFirst = _random.Next(2) == 0;
            double[] first = (baseFirst ? one : other).Turn(plan.Turn, stop);
            double[] last = (baseFirst ? other : one).Turn(plan.Turn, stop);
            (double[] before, double[] after) = baseFirst ? (first, last) : (last, first);
            if (before.Length != _names.Length || after.Length != _names.Length)
                throw new UsageException(
                    FormattableString.Invariant(
                        $"no verdict: a turn has {before.Length} and {after.Length} times, and not {_names.Length}"
                    )
                );
            for (int i = 0; i < _names.Length; i++)
                _pairs.Add(new TurnPair(_names[i], number, before[i], after[i]));
        }
        return counted;

        Worker Start(bool isBase) =>
            new(
                isBase ? startBase() : second(),
                isBase || number == 0 ? "BASE" : "HEAD",
                patience,
                stop
            );
    }
}
