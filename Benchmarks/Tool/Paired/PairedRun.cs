using System.Diagnostics;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// Measures two programs side by side: pairs of processes, one of each, all of which are alive and take short turns. Pairs take
/// theirs in an order that is drawn anew each round, and so do the two of a pair, one right after the other: what disturbs the
/// machine for longer than that meets both. Before, each has taken steps until its code had settled. Processes of the same
/// program take turns with each other first, and must not be told apart. Where all of them run on a GPU, its state is sampled here meanwhile, and each turn is flagged as a step would be.
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
    private Random _random = new(plan.OrderSeed);
    private readonly PairedVerdicts _verdicts = new(options);
    private ComparisonReport? _counted;
    private string[] _names = [];
    private int _pairs;
    private int _controls;
    private int _wave = 1;
    private int _waves = 1;
    private int _needed = PairedPlan.LeastPairs;

    /// <summary>Runs until every row has a verdict or the budget is spent.</summary>
    /// <param name="force">Whether unlike programs are compared all the same.</param>
    /// <param name="progress">Called with the fraction of the budget that is spent.</param>
    /// <exception cref="UsageException">The two cannot be compared, or one of them failed.</exception>
    public ComparisonReport Run(bool force, Action<double> progress)
    {
        watch?.Begin();
        _waves = plan.WavesOf(plan.MostPairs, _needed);
        for (; _wave <= _waves && !(_wave > 1 && _verdicts.AreAll(_names)); _wave++)
        {
            var alive = new List<Pair>();
            try
            {
                Start(alive, force, progress);
                if (_wave == 1 || alive.Count < _needed)
                    Control(alive, progress);
                Wave(alive, progress);
            }
            finally
            {
                alive.ForEach(pair => pair.Dispose());
            }
        }
        watch?.End();
        return _verdicts.Report(_counted!, _turns, _names) with
        {
            OrderSeed = plan.OrderSeed,
            GpuConditions = GpuConditionsReport.Of(watch?.Conditions(_when)),
        };
    }

    private double Part => _clock.Elapsed / plan.Budget;

    // Of the wave.
    private TimeSpan End => plan.Budget * _wave / _waves;

    private void Start(List<Pair> alive, bool force, Action<double> progress)
    {
        TimeSpan begin = _clock.Elapsed;
        int before = _pairs;
        int most = plan.MostPairs;
        while (true)
        {
            // What is left of those that a verdict needs, shared with the waves to come.
            int waves = _waves - _wave + 1;
            int least = Math.Min((Math.Max(_needed - before, 0) + waves - 1) / waves, most);
            TimeSpan last = alive.Count < least ? End : begin + (plan.StartPart * (End - begin));
            if (alive.Count > 0 && (alive.Count >= most || _clock.Elapsed >= last))
                return;
            progress(Part);
            Pair[] pairs =
            [
                .. Enumerable
                    .Range(0, PairedPlan.Together(alive.Count, least))
                    .Select(_ => new Pair(++_pairs)),
            ];
            alive.AddRange(pairs);
            Begin(pairs);
            foreach (Pair pair in pairs)
            {
                FigureSet one = pair.Base.Greet(stop);
                FigureSet other = pair.Head.Greet(stop);
                _counted = Comparer.Compare(one, other, options, counts: false, force);
                _names =
                [
                    .. one
                        .Figures.Values.Where(f => f.Kind == FigureKind.Timed)
                        .Select(f => f.Name),
                ];
                _needed = PairedPlan.PairsOfVerdict(options.Error, _names.Length);
                most = Math.Min(most, plan.PairsFor(Bytes(one) + Bytes(other)));
                _waves = Math.Max(_waves, plan.WavesOf(most, _needed));
            }
            Settle([.. pairs.SelectMany(pair => (Worker[])[pair.Base, pair.Head])]);
        }
    }

    // Whichever begins first may have the machine for itself for a while: which it is is drawn.
    private void Begin(Pair[] pairs)
    {
        (Pair Pair, bool IsBase)[] order =
        [
            .. pairs.SelectMany(pair => ((Pair, bool)[])[(pair, true), (pair, false)]),
        ];
        Draw(Phase.Start, pairs[0].Number);
        _random.Shuffle(order);
        foreach ((Pair pair, bool isBase) in order)
        {
            if (isBase)
                pair.Base = new Worker(startBase(), Worker.Base, patience);
            else
                pair.Head = new Worker(startHead(), Worker.Head, patience);
        }
    }

    // All at once, so that each has the more of a loaded machine; turns of those that do not settle in time will not count.
    private void Settle(List<Worker> workers)
    {
        foreach (Worker worker in workers)
            worker.BeginTurn(plan.Warmup);
        workers = Unsettled(workers);
        while (workers.Count > 0 && _clock.Elapsed < End)
        {
            foreach (Worker worker in workers)
                worker.BeginSettling(plan.Settling);
            workers = Unsettled(workers);
        }
    }

    // Each has to answer, since what was not read now would be taken for its next turn.
    private List<Worker> Unsettled(List<Worker> workers)
    {
        var left = new List<Worker>();
        foreach (Worker worker in workers)
        {
            if (worker.EndTurn(stop).Settled == false)
                left.Add(worker);
        }
        return left;
    }

    // The same for the same seed however many rounds there were before, of which the machine decides.
    private void Draw(Phase phase, int number) =>
        _random = new Random(
            plan.OrderSeed ^ unchecked((((4 * _wave) + (int)phase) * 1_000_003) + number)
        );

    private enum Phase
    {
        Start,
        Pairs,
        Control,
        Rounds,
    }

    private static double Bytes(FigureSet figures) =>
        figures.Figures.Values.Where(f => f.Metric == "peak_bytes").Sum(f => f.Values.Max());

    // Of equal programs: what they differ by is what the machine makes of nothing. Both programs do it, since one that had more
    // turns would be compiled better than the other.
    private void Control(List<Pair> alive, Action<double> progress)
    {
        Draw(Phase.Pairs, 0);
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
        TimeSpan last = _clock.Elapsed + (plan.ControlPart * (End - _clock.Elapsed));
        int[] order = [.. Enumerable.Range(0, equal.Length)];
        for (int round = 0; round < plan.LeastControlRounds || _clock.Elapsed < last; round++)
        {
            progress(Part);
            Draw(Phase.Control, round);
            _random.Shuffle(order);
            foreach (int i in order)
                Turns(-(_controls + i), equal[i].One, equal[i].Other);
        }
        _controls += equal.Length;

        // One of them began before the other.
        (Worker, Worker) Drawn(Worker one, Worker other) =>
            _random.Next(2) == 0 ? (one, other) : (other, one);
    }

    private void Wave(List<Pair> alive, Action<double> progress)
    {
        TimeSpan middle = _clock.Elapsed + ((End - _clock.Elapsed) / 2);
        bool looked = false;
        for (int round = 0; round < plan.LeastRounds || _clock.Elapsed < End; round++)
        {
            if (
                !looked
                && round >= plan.LeastRounds
                && _clock.Elapsed >= middle
                && Part <= PairedPlan.LatestLook
            )
            {
                looked = true;
                _verdicts.Look(_turns, _names, Math.Min(Part, 1));
                if (_verdicts.AreAll(_names))
                    return;
            }
            progress(Part);
            Draw(Phase.Rounds, round);
            Pair[] order = [.. alive];
            _random.Shuffle(order);
            foreach (Pair pair in order)
                Turns(pair.Number, pair.Base, pair.Head);
        }
        _verdicts.Look(_turns, _names, _wave == _waves ? 1 : Math.Min(Part, 1));
    }

    private void Turns(int number, Worker one, Worker other)
    {
        bool baseFirst = _random.Next(2) == 0;
        WorkerTurn first = Turn(baseFirst ? one : other);
        WorkerTurn last = Turn(baseFirst ? other : one);
        (WorkerTurn before, WorkerTurn after) = baseFirst ? (first, last) : (last, first);
        if (before.Times.Count != _names.Length || after.Times.Count != _names.Length)
            throw new UsageException(
                FormattableString.Invariant(
                    $"no verdict: a turn has {before.Times.Count} and {after.Times.Count} times, and not {_names.Length}"
                )
            );
        for (int i = 0; i < _names.Length; i++)
            _turns.Add(
                new TurnPair(_names[i], number, before.Times[i].Wall, after.Times[i].Wall)
                {
                    BaseProcessor = before.Times[i].Processor,
                    HeadProcessor = after.Times[i].Processor,
                    Settled =
                        before.Settled == false || after.Settled == false ? false
                        : before.Settled == true && after.Settled == true ? true
                        : null,
                }
            );
    }

    private WorkerTurn Turn(Worker worker)
    {
        long begin = Stopwatch.GetTimestamp();
        WorkerTurn turn = worker.Turn(plan.Turn, stop);
        _when.Add((begin, Stopwatch.GetTimestamp()));
        return turn;
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
