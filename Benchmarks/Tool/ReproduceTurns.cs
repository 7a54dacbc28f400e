using System.Diagnostics;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// The runs of a job one after another, with the time that each has. Where all of them share some time the shortest comes first; when
/// it is over, those that were begun on another day still tell how far they had come.
/// </summary>
internal sealed class ReproduceTurns
{
    // A machine that does other work meanwhile is measured too slow, and what is bounded by that too long.
    private const double Margin = 2;

    private static readonly PeakOptions Peaks = new()
    {
        Time = TimeSpan.FromMilliseconds(200),
        MostBytes = 1L << 26,
    };

    private readonly ReproduceJob _job;
    private readonly CancellationToken _stop;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly RunOrder<ReproduceRun>? _order;
    private readonly Queue<ReproduceRun> _waiting = new();
    private readonly Dictionary<ReproduceRun, string> _impossible = [];
    private readonly Dictionary<(string Task, int Length, int Sequences), TrainingSize> _sizes = [];
    private readonly List<LeftRun> _left = [];
    private bool _over;

    /// <param name="job">The runs.</param>
    /// <param name="stop">Ends a measurement.</param>
    public ReproduceTurns(ReproduceJob job, CancellationToken stop)
    {
        (_job, _stop) = (job, stop);
        _left.AddRange(job.Left);
        if (job.TotalBudget is null)
        {
            _waiting = new Queue<ReproduceRun>(job.Runs);
            return;
        }
        double rate = Margin * FlopsPerSecond();
        _order = new RunOrder<ReproduceRun>(
            job.Runs,
            // What is asked to end needs no order any more, and data take their time to draw.
            run =>
                _stop.IsCancellationRequested ? double.PositiveInfinity : LeastFlops(run) / rate,
            Measure
        );
    }

    /// <summary>What was not begun and will not be, but where all runs have the time that they take.</summary>
    public IReadOnlyList<LeftRun> Left => _left;

    private TimeSpan Remaining => _job.TotalBudget!.Value - _clock.Elapsed;

    /// <summary>The next run; null where none is left.</summary>
    public ReproduceTurn? Next()
    {
        if (_order is null)
            return _waiting.TryDequeue(out ReproduceRun? run) ? new ReproduceTurn(run) : null;
        while (!_over)
        {
            if (Remaining <= TimeSpan.Zero || _stop.IsCancellationRequested)
            {
                End([]);
                break;
            }
            if (_order.Take(Remaining.TotalSeconds) is not { } next)
            {
                End([]);
                break;
            }
            if (_impossible.TryGetValue(next.Run, out string? reason))
            {
                _left.Add(LeftOf(next, reason, seconds: null));
                continue;
            }
            // A measurement takes some of the time itself.
            if (Remaining <= TimeSpan.Zero || _stop.IsCancellationRequested)
            {
                End([next]);
                break;
            }
            return new ReproduceTurn(next.Run)
            {
                TimeLeft = Remaining,
                Expected = TimeSpan.FromSeconds(next.Seconds),
                IsMeasured = next.IsMeasured,
            };
        }
        return _waiting.TryDequeue(out ReproduceRun? begun)
            ? new ReproduceTurn(begun) { TimeLeft = TimeSpan.Zero }
            : null;
    }

    private void End(IEnumerable<ExpectedRun<ReproduceRun>> taken)
    {
        _over = true;
        foreach (ExpectedRun<ReproduceRun> rest in taken.Concat(_order!.Left))
        {
            if (rest.Run.Saved is not null && !_stop.IsCancellationRequested)
                _waiting.Enqueue(rest.Run);
            else
            {
                _left.Add(
                    LeftOf(
                        rest,
                        _impossible.GetValueOrDefault(rest.Run)
                            ?? (
                                _stop.IsCancellationRequested
                                    ? "the command was interrupted"
                                    : "the time was over"
                            ),
                        double.IsFinite(rest.Seconds) ? Math.Round(rest.Seconds, 1) : null
                    )
                );
            }
        }
    }

    private static LeftRun LeftOf(ExpectedRun<ReproduceRun> left, string reason, double? seconds) =>
        new(
            left.Run.Preset.Task,
            left.Run.Preset.Arch,
            left.Run.Preset.Name,
            left.Run.Seed,
            reason,
            seconds,
            left.IsMeasured
        );

    // Presets of a task have the same data, which take their time to draw.
    private double LeastFlops(ReproduceRun run)
    {
        (string, int, int) key = (
            run.Preset.Task,
            run.Preset.Length,
            run.Preset.Training.Sequences
        );
        if (!_sizes.TryGetValue(key, out TrainingSize size))
            _sizes[key] = size = TrainingSize.Of(run.Preset, run.Data);
        return Reproduction.LeastFlops(run.Preset, size, run.Saved?.Position ?? 0);
    }

    private double Measure(ReproduceRun run)
    {
        try
        {
            using Backend backend = _job.CreateBackend(run);
            TimeSpan all = new Reproduction(run.Preset, run.Data, backend).Estimate(
                new ReproductionOptions { Seed = run.Seed, Checkpoint = run.Checkpoint },
                _stop
            );
            return all.TotalSeconds;
        }
        catch (DeviceMemoryException e)
        {
            _impossible[run] = e.Message;
            return double.PositiveInfinity;
        }
        catch (Exception e)
            when (e is CheckpointException or IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"--checkpoint: {e.Message}", e);
        }
        catch (DivergedException)
        {
            // The run itself tells it, with what it came to until then.
            return 0;
        }
    }

    private double FlopsPerSecond()
    {
        using Backend backend = _job.CreateBackend(_job.Runs[0]);
        try
        {
            return MachinePeaks.Measure(backend, Peaks).FlopsPerSecond;
        }
        catch (DeviceMemoryException)
        {
            // Nothing is bounded then, and all runs are measured.
            return double.PositiveInfinity;
        }
    }
}

/// <summary>A run whose turn it is.</summary>
/// <param name="Run">The run.</param>
internal sealed record ReproduceTurn(ReproduceRun Run)
{
    /// <summary>The time that it has from now on; null for as long as it takes.</summary>
    public TimeSpan? TimeLeft { get; init; }

    /// <summary>The time that all of its epochs take; null where it is not known.</summary>
    public TimeSpan? Expected { get; init; }

    /// <summary>Whether a few of its steps were measured; else it takes that long at the least.</summary>
    public bool IsMeasured { get; init; }
}
