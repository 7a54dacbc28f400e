using System.Diagnostics;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Profiles training steps of workloads, one workload after another, each on a backend of its own. Steps with and without a profile
/// take turns, so that a machine that becomes slower or faster does so for both alike, and which of them is first takes turns too.
/// </summary>
public static class Profiling
{
    // Those before the measured ones with a profile, which make its memory, and on a GPU the step's graph and then the one with marks.
    private const int WarmupWithProfile = StepGraph.EagerSteps + 2;

    /// <summary>Measures.</summary>
    /// <param name="workloads">What to measure. The limits of the options are shared among them.</param>
    /// <param name="createBackend">A new backend on the device.</param>
    /// <param name="options">How many steps, without a profile; as many have one.</param>
    /// <param name="progress">Called between steps with the fraction done and the workload that is measured.</param>
    /// <param name="stop">Asked before a step whether to leave it and all others out; null for never.</param>
    /// <param name="measured">Given each workload's result; of a stopped measurement one that has steps of both kinds.</param>
    /// <exception cref="DeviceMemoryException">A workload does not fit in memory.</exception>
    public static void Run(
        IReadOnlyList<Workload> workloads,
        Func<Backend> createBackend,
        MeasurementOptions options,
        Action<double, Workload>? progress = null,
        Func<bool>? stop = null,
        Action<Profiled>? measured = null
    )
    {
        ArgumentNullException.ThrowIfNull(workloads);
        ArgumentNullException.ThrowIfNull(createBackend);
        ArgumentNullException.ThrowIfNull(options);
        bool stopped = false;
        for (int i = 0; i < workloads.Count && !stopped; i++)
        {
            Workload workload = workloads[i];
            double before = i;
            using var subject = new Subject(workload, createBackend(), options.Seed);
            subject.Run(
                options with
                {
                    Limit = options.Limit / workloads.Count,
                    WarmupLimit = options.WarmupLimit / workloads.Count,
                },
                done => progress?.Invoke((before + done) / workloads.Count, workload),
                () => stopped |= stop?.Invoke() == true
            );
            if (subject.IsMeasured)
                measured?.Invoke(subject.Result());
        }
    }

    private sealed class Subject(Workload workload, Backend backend, ulong seed) : IDisposable
    {
        private readonly TrainingStep _step = new(workload, backend, seed);
        private readonly List<double> _plain = [];
        private readonly ProfiledSteps _profiled = new();
        private readonly List<(long Begin, long End)> _when = [];
        private GpuWatch? _watch;
        private int _warmup;

        public bool IsMeasured => _plain.Count > 0 && _profiled.Times.Count > 0;

        public void Run(MeasurementOptions options, Action<double> progress, Func<bool> stop)
        {
            int all = options.Warmup + options.Steps;
            var clock = Stopwatch.StartNew();
            var code = new CodeSettling();
            bool Settles() => options.WarmupLimit is not null && !code.IsSettled();
            for (; _warmup < options.Warmup || Settles(); _warmup++)
            {
                if (_warmup > 0 && clock.Elapsed > options.WarmupLimit)
                    break;
                progress((double)Math.Min(_warmup, options.Warmup) / all);
                if (stop())
                    return;
                _step.Run();
            }
            using Profile profile = Profile.Start(_step.Plan);
            profile.IsPaused = true;
            for (int i = 0; i < WarmupWithProfile; i++)
            {
                if (stop())
                    return;
                _step.RunProfiled(profile);
            }
            _watch = GpuWatch.Of(_step.Backend, options);
            _watch?.Begin();
            try
            {
                Measure(profile, options, clock, progress, stop);
            }
            finally
            {
                _watch?.End();
            }
        }

        private void Measure(
            Profile profile,
            MeasurementOptions options,
            Stopwatch clock,
            Action<double> progress,
            Func<bool> stop
        )
        {
            int all = options.Warmup + options.Steps;
            for (int round = 0; round < options.Steps; round++)
            {
                if (round > 0 && clock.Elapsed > options.Limit)
                    break;
                double done = (double)(options.Warmup + round) / all;
                if (options.Limit is { } limit)
                    done = Math.Max(done, clock.Elapsed / limit);
                progress(Math.Min(done, 1));
                for (int turn = 0; turn < 2; turn++)
                {
                    if (stop())
                        return;
                    long begin = Stopwatch.GetTimestamp();
                    if ((turn + round) % 2 == 0)
                        _plain.Add(_step.RunTimed().Whole);
                    else
                        _profiled.Add(_step.RunProfiled(profile));
                    _when.Add((begin, Stopwatch.GetTimestamp()));
                }
            }
        }

        public Profiled Result()
        {
            MemoryLedger memory = _step.Backend.Memory;
            return new Profiled(
                workload,
                _step.Backend.Info,
                _warmup,
                _plain,
                _profiled.Times,
                _profiled.Nearest(Statistics.Median(_plain)),
                memory.PeakBytes,
                Enum.GetValues<MemoryCategory>().ToDictionary(c => c, memory.AtPeak),
                _step.Graph.Nodes,
                _step.Graph.EagerReason
            )
            {
                Fallbacks = _step.Fallbacks,
                Choices = _step.Backend.Choices,
                Conditions = _watch?.Conditions(_when),
            };
        }

        public void Dispose()
        {
            _watch?.Dispose();
            _step.Dispose();
        }
    }
}
