using System.Diagnostics;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>What the measured steps of a stream gave.</summary>
/// <param name="Workload">What streamed.</param>
/// <param name="Device">Where.</param>
/// <param name="Warmup">Steps before the measured ones.</param>
/// <param name="Microseconds">One a measured step.</param>
/// <param name="WeightBytes">See <see cref="StreamStep.WeightBytes"/>.</param>
/// <param name="StateBytes">See <see cref="StreamStep.StateBytes"/>.</param>
/// <param name="CacheBytesPerSecond">How fast a thread reads so many bytes, again and again, in the same run.</param>
/// <param name="NativeAllocations">Allocations of the backend a step.</param>
/// <param name="ManagedBytes">
/// Bytes taken from the managed heap in the median step, so that what the runtime takes of its own in some of them is no part of it.
/// </param>
/// <param name="Preparations">How often something that depends on parameters alone was prepared in the measured steps.</param>
public sealed record StreamMeasured(
    Workload Workload,
    BackendInfo Device,
    int Warmup,
    IReadOnlyList<double> Microseconds,
    long WeightBytes,
    long StateBytes,
    double CacheBytesPerSecond,
    double NativeAllocations,
    double ManagedBytes,
    long Preparations
)
{
    /// <summary>The least microseconds in which a step's weights and states can be read.</summary>
    public double Floor => (WeightBytes + StateBytes) / CacheBytesPerSecond * 1e6;
}

/// <summary>
/// Measures steps of streams. The workloads take turns, some hundred steps each, so that a machine that becomes slower or faster does so
/// for all alike.
/// </summary>
public static class StreamMeasurement
{
    // Long enough that the weights are in the caches again for most of the steps, as they are in a stream that nothing else disturbs.
    private const int StepsOfTurn = 500;

    /// <summary>Measures.</summary>
    /// <param name="workloads">What streams.</param>
    /// <param name="createBackend">A new backend of a CPU.</param>
    /// <param name="options">How many steps.</param>
    /// <param name="progress">Called between turns with the fraction done and the workload that comes next.</param>
    /// <param name="stop">Asked before a turn whether to leave it and all others out; null for never.</param>
    /// <returns>One a workload, in their order; of a stopped measurement those that have a measured step.</returns>
    /// <exception cref="NotSupportedException">A model cannot stream; the message says why.</exception>
    public static IReadOnlyList<StreamMeasured> Run(
        IReadOnlyList<Workload> workloads,
        Func<Backend> createBackend,
        MeasurementOptions options,
        Action<double, Workload>? progress = null,
        Func<bool>? stop = null
    )
    {
        ArgumentNullException.ThrowIfNull(workloads);
        ArgumentNullException.ThrowIfNull(createBackend);
        ArgumentNullException.ThrowIfNull(options);
        var clock = Stopwatch.StartNew();
        var subjects = new List<Subject>(workloads.Count);
        try
        {
            foreach (Workload workload in workloads)
                subjects.Add(
                    new Subject(new StreamStep(workload, createBackend(), options.Seed), options)
                );
            var code = new CodeSettling();
            if (!Turns(options.Warmup, options.WarmupLimit, timed: false))
                return [];
            while (options.WarmupLimit is { } limit && clock.Elapsed < limit && !code.IsSettled())
            {
                if (!Turns(StepsOfTurn, limit, timed: false))
                    return [];
            }
            Turns(options.Steps, options.Limit, timed: true);
            return [.. subjects.Where(s => s.IsMeasured).Select(s => s.Result())];
        }
        finally
        {
            subjects.ForEach(s => s.Dispose());
        }

        bool Turns(int steps, TimeSpan? limit, bool timed)
        {
            for (int done = 0; done < steps; done += StepsOfTurn)
            {
                if (done > 0 && clock.Elapsed > limit)
                    break;
                foreach (Subject subject in subjects)
                {
                    if (stop?.Invoke() == true)
                        return false;
                    progress?.Invoke(timed ? (double)done / steps : 0, subject.Workload);
                    subject.Run(Math.Min(StepsOfTurn, steps - done), timed);
                }
            }
            return true;
        }
    }

    private sealed class Subject(StreamStep step, MeasurementOptions options) : IDisposable
    {
        private readonly long[] _ticks = new long[options.Steps];
        private readonly double[] _managed = new double[options.Steps];
        private int _count;
        private int _warmup;
        private long _native;
        private long _preparations;

        public Workload Workload => step.Workload;

        public bool IsMeasured => _count > 0;

        public void Run(int steps, bool timed)
        {
            if (!timed)
            {
                for (int i = 0; i < steps; i++)
                    step.Run();
                _warmup += steps;
                return;
            }
            // What other workloads have put into the caches in their turns leaves them here.
            for (int i = 0; i < 3; i++)
                step.Run();
            long native = step.Backend.Memory.Allocations;
            long preparations = step.Preparations;
            for (int i = 0; i < steps; i++)
            {
                long managed = GC.GetAllocatedBytesForCurrentThread();
                _ticks[_count] = step.Run();
                _managed[_count++] = GC.GetAllocatedBytesForCurrentThread() - managed;
            }
            _native += step.Backend.Memory.Allocations - native;
            _preparations += step.Preparations - preparations;
        }

        public StreamMeasured Result() =>
            new(
                Workload,
                step.Backend.Info,
                _warmup,
                [.. _ticks.Take(_count).Select(t => t * 1e6 / Stopwatch.Frequency)],
                step.WeightBytes,
                step.StateBytes,
                CachePeak.Measure(step.Backend, step.WeightBytes + step.StateBytes),
                (double)_native / _count,
                Statistics.Median(_managed.Take(_count)),
                _preparations
            );

        public void Dispose() => step.Dispose();
    }
}
