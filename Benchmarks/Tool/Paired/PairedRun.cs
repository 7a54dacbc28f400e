using System.Diagnostics;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// Measures two programs side by side: pairs of processes, one of each, all of which are alive and take short turns. Pairs take
/// theirs in an order that is drawn anew each round, and so do the two of a pair, one right after the other: what disturbs the
/// machine for longer than that meets both. Processes of the same program take turns with each other first, and must not be told
/// apart. Where all of them run on a GPU, its state is sampled here meanwhile, and each turn is flagged as a step would be.
/// </summary>
internal sealed class PairedRun(
    Func<ProcessStartInfo> startBase,
    Func<ProcessStartInfo> startHead,
    PairedPlan plan,
    JudgementOptions options,
    TimeSpan patience,
    CancellationToken stop,
    GpuWatch? watch = null
)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<TurnPair> _turns = [];
    private readonly List<(long Begin, long End)> _when = [];
    private readonly Random _random = new(1);
    private readonly PairedVerdicts _verdicts = new(options);
    private ComparisonReport? _counted;
    private string[] _names = [];
    private int _pairs;

    /// <summary>Runs until every row has a verdict or the budget is spent.</summary>
    /// <param name="force">Whether unlike programs are compared all the same.</param>
    /// <param name="progress">Called with the fraction of the budget that is spent.</param>
    /// <exception cref="UsageException">The two cannot be compared, or one of them failed.</exception>
    public ComparisonReport Run(bool force, Action<double> progress)
    {
        watch?.Begin();
        for (int wave = 1; wave <= plan.Waves && !(wave > 1 && _verdicts.AreAll(_names)); wave++)
        {
            TimeSpan end = plan.Budget * wave / plan.Waves;
            var alive = new List<Pair>();
            try
            {
                Start(alive, end, force, progress);
                if (wave == 1)
                    Control(alive, end, progress);
                Wave(alive, end, wave == plan.Waves, progress);
            }
            finally
            {
                alive.ForEach(pair => pair.Dispose());
            }
        }
        watch?.End();
        return _verdicts.Report(_counted!, _turns, _names) with
        {
            GpuConditions = GpuConditionsReport.Of(watch?.Conditions(_when)),
        };
    }

    private double Part => _clock.Elapsed / plan.Budget;

    private void Start(List<Pair> alive, TimeSpan end, bool force, Action<double> progress)
    {
        TimeSpan last = _clock.Elapsed + (plan.StartPart * (end - _clock.Elapsed));
        int most = plan.MostPairs;
        while (
            alive.Count == 0
            || (alive.Count < most && _clock.Elapsed < (alive.Count < plan.LeastPairs ? end : last))
        )
        {
            progress(Part);
            var pair = new Pair(++_pairs);
            alive.Add(pair);
            // Whichever begins first may have the machine for itself for a while: which it is is drawn.
            bool baseFirst = _random.Next(2) == 0;
            for (int i = 0; i < 2; i++)
            {
                if (baseFirst == (i == 0))
                    pair.Base = new Worker(startBase(), Worker.Base, patience);
                else
                    pair.Head = new Worker(startHead(), Worker.Head, patience);
            }
            FigureSet before = pair.Base.Greet(stop);
            FigureSet after = pair.Head.Greet(stop);
            _counted = Comparer.Compare(before, after, options, counts: false, force);
            _names =
            [
                .. before.Figures.Values.Where(f => f.Kind == FigureKind.Timed).Select(f => f.Name),
            ];
            most = Math.Min(most, plan.PairsFor(Bytes(before) + Bytes(after)));
            pair.Base.BeginTurn(plan.Warmup);
            pair.Head.BeginTurn(plan.Warmup);
            pair.Base.EndTurn(stop);
            pair.Head.EndTurn(stop);
        }
    }

    private static double Bytes(FigureSet figures) =>
        figures.Figures.Values.Where(f => f.Metric == "peak_bytes").Sum(f => f.Values.Max());

    // Of equal programs: what they differ by is what the machine makes of nothing. Both programs do it, since one that had more
    // turns would be compiled better than the other.
    private void Control(List<Pair> alive, TimeSpan end, Action<double> progress)
    {
        (Worker One, Worker Other)[] equal =
        [
            .. Enumerable
                .Range(0, alive.Count / 2)
                .SelectMany(i =>
                    ((Worker, Worker)[])
                        [
                            Drawn(alive[2 * i].Base, alive[(2 * i) + 1].Base),
                            Drawn(alive[2 * i].Head, alive[(2 * i) + 1].Head),
                        ]
                ),
        ];
        TimeSpan last = _clock.Elapsed + (plan.ControlPart * (end - _clock.Elapsed));
        int[] order = [.. Enumerable.Range(0, equal.Length)];
        for (int round = 0; round < plan.LeastControlRounds || _clock.Elapsed < last; round++)
        {
            progress(Part);
            _random.Shuffle(order);
            foreach (int i in order)
                Turns(-i, equal[i].One, equal[i].Other);
        }

        // One of them began before the other.
        (Worker, Worker) Drawn(Worker one, Worker other) =>
            _random.Next(2) == 0 ? (one, other) : (other, one);
    }

    private void Wave(List<Pair> alive, TimeSpan end, bool isLast, Action<double> progress)
    {
        TimeSpan middle = _clock.Elapsed + ((end - _clock.Elapsed) / 2);
        bool looked = false;
        Pair[] order = [.. alive];
        for (int round = 0; round < plan.LeastRounds || _clock.Elapsed < end; round++)
        {
            if (!looked && round >= plan.LeastRounds && _clock.Elapsed >= middle)
            {
                looked = true;
                _verdicts.Look(_turns, _names, Math.Min(Part, 1));
                if (_verdicts.AreAll(_names))
                    return;
            }
            progress(Part);
            _random.Shuffle(order);
            foreach (Pair pair in order)
                Turns(pair.Number, pair.Base, pair.Head);
        }
        _verdicts.Look(_turns, _names, isLast ? 1 : Math.Min(Part, 1));
    }

    private void Turns(int number, Worker one, Worker other)
    {
        bool baseFirst = _random.Next(2) == 0;
        TurnTime[] first = Turn(baseFirst ? one : other);
        TurnTime[] last = Turn(baseFirst ? other : one);
        (TurnTime[] before, TurnTime[] after) = baseFirst ? (first, last) : (last, first);
        if (before.Length != _names.Length || after.Length != _names.Length)
            throw new UsageException(
                FormattableString.Invariant(
                    $"no verdict: a turn has {before.Length} and {after.Length} times, and not {_names.Length}"
                )
            );
        for (int i = 0; i < _names.Length; i++)
            _turns.Add(
                new TurnPair(_names[i], number, before[i].Wall, after[i].Wall)
                {
                    BaseProcessor = before[i].Processor,
                    HeadProcessor = after[i].Processor,
                }
            );
    }

    private TurnTime[] Turn(Worker worker)
    {
        long begin = Stopwatch.GetTimestamp();
        TurnTime[] times = worker.Turn(plan.Turn, stop);
        _when.Add((begin, Stopwatch.GetTimestamp()));
        return times;
    }

    private sealed class Pair(int number) : IDisposable
    {
        public int Number { get; } = number;

        public Worker Base { get; set; } = null!;

        public Worker Head { get; set; } = null!;

        public void Dispose()
        {
            Base?.Dispose();
            Head?.Dispose();
        }
    }
}
