using System.Diagnostics;
using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>How much is measured.</summary>
public sealed record MeasurementOptions
{
    /// <summary>Steps of each workload before the measured ones, at least 0.</summary>
    public int Warmup { get; init; } = 3;

    /// <summary>Measured steps of each workload, at least 1.</summary>
    public int Steps { get; init; } = 30;

    /// <summary>No further round begins after this time, but for the first ones (<see cref="LeastRounds"/>); null for no limit.</summary>
    public TimeSpan? Limit { get; init; }

    /// <summary>
    /// No further round of warm-up begins after this time, but for the first ones; within it, further rounds follow until the runtime has compiled
    /// nothing for some tenths of a second. Null for no limit, and for as many steps as were asked for.
    /// </summary>
    public TimeSpan? WarmupLimit { get; init; }

    /// <summary>Rounds of warm-up, and then of measured steps, that begin whatever the limits say, as far as there are so many; at least 1.</summary>
    public int LeastRounds { get; init; } = 1;

    /// <summary>Seed of parameters and data.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Whether a profiler is told where the measured steps begin and end (<see cref="Interop.CudaContext.StartProfiler"/>).</summary>
    public bool ProfilerRange { get; init; }

    /// <summary>The time between two samples of a GPU's state.</summary>
    public TimeSpan SamplePeriod { get; init; } = GpuSampler.DefaultPeriod;
}

/// <summary>What the measured steps of a workload gave.</summary>
/// <param name="Workload">What was measured.</param>
/// <param name="Device">Where.</param>
/// <param name="Warmup">Steps before the measured ones.</param>
/// <param name="Steps">One a measured step.</param>
/// <param name="PeakBytes">The most memory that the backend had allocated.</param>
/// <param name="BytesAtPeak">The same by category.</param>
/// <param name="NativeAllocations">Allocations of the backend a step.</param>
/// <param name="ManagedBytes">
/// Bytes taken from the managed heap in the median step, so that what the runtime takes of its own in some of them is no part of it.
/// </param>
/// <param name="GraphNodes">Operations of the CUDA graph that a step was replayed as; 0 where it was not.</param>
/// <param name="EagerReason">Why a step was not replayed; null where it was.</param>
public sealed record Measured(
    Workload Workload,
    BackendInfo Device,
    int Warmup,
    IReadOnlyList<StepTime> Steps,
    long PeakBytes,
    IReadOnlyDictionary<MemoryCategory, long> BytesAtPeak,
    double NativeAllocations,
    double ManagedBytes,
    long GraphNodes,
    string? EagerReason
)
{
    /// <summary>What its plan computes in another way than was asked for (<see cref="Plan.Fallbacks"/>).</summary>
    public IReadOnlyList<string> Fallbacks { get; init; } = [];

    /// <summary>What a GPU's backend chose for the shapes of the model; empty of a CPU's.</summary>
    public IReadOnlyList<CudaChoice> Choices { get; init; } = [];

    /// <summary>The GPU's state during the measured steps; null on a CPU.</summary>
    public GpuConditions? Conditions { get; init; }

    /// <summary>What a step moves and computes, counted after the measured steps; null where the measurement was stopped.</summary>
    public WorkCost? Work { get; init; }

    /// <summary>Medians of what the host took for the steps that were replayed; null where none was.</summary>
    public HostTime? Host
    {
        get
        {
            HostTime[] times = [.. Steps.Select(s => s.Host).OfType<HostTime>()];
            double[] processor = [.. times.Select(t => t.Processor).OfType<double>()];
            return times.Length == 0
                ? null
                : new HostTime(
                    Statistics.Median(times.Select(t => t.Wall)),
                    processor.Length == 0 ? null : Statistics.Median(processor)
                );
        }
    }

    /// <summary>Median of the whole step in milliseconds.</summary>
    public double Median => Statistics.Median(Steps.Select(s => s.Whole));

    /// <summary>Steps of sequences in a second, at the median.</summary>
    public double TokensPerSecond => Workload.Tokens / (Median / 1000);

    /// <summary>Peak bytes as a multiple of <see cref="Workload.FloorBytes"/>.</summary>
    public double FloorRatio => (double)PeakBytes / Workload.FloorBytes;
}

/// <summary>
/// Measures training steps of workloads in turn, a step of each a round, so that a machine that becomes slower or faster
/// does so for all alike. Each has a backend of its own, whose ledger tells its memory; threads of the others sleep.
/// </summary>
public static class Measurement
{
    /// <summary>Measures.</summary>
    /// <param name="workloads">What to measure.</param>
    /// <param name="createBackend">A new backend on the device.</param>
    /// <param name="options">How many steps.</param>
    /// <param name="progress">Called between steps with the fraction done and the workload that comes next.</param>
    /// <param name="stop">Asked before a step whether to leave it and all others out, until it is true; null for never.</param>
    /// <returns>One a workload, in their order; of a stopped measurement those that have a measured step.</returns>
    /// <exception cref="DeviceMemoryException">The workloads do not fit in memory together.</exception>
    public static IReadOnlyList<Measured> Run(
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
        GpuWatch? watch = null;
        bool stopped = false;
        var code = new CodeSettling();
        try
        {
            foreach (Workload workload in workloads)
            {
                if (Stops())
                    return [];
                progress?.Invoke(0, workload);
                Backend backend = createBackend();
                if (subjects.Count == 0)
                    RequireMemoryOrDispose(backend);
                subjects.Add(new Subject(workload, backend, options));
            }
            for (int round = 0; round < options.Warmup || Settles(); round++)
            {
                if (round >= options.LeastRounds && clock.Elapsed > options.WarmupLimit)
                    break;
                if (!Round(Math.Min(round, options.Warmup), timed: false))
                    return [];
            }
            if (subjects.Count > 0)
                watch = GpuWatch.Of(subjects[0].Backend, options);
            watch?.Begin();
            for (int round = 0; round < options.Steps; round++)
            {
                if (round >= options.LeastRounds && clock.Elapsed > options.Limit)
                    break;
                if (!Round(options.Warmup + round, timed: true))
                    break;
            }
            watch?.End();
            // A step more of each, unless someone waits for the end.
            return
            [
                .. subjects
                    .Where(s => s.IsMeasured)
                    .Select(s => s.Result(watch, counted: !Stops())),
            ];
        }
        finally
        {
            watch?.Dispose();
            subjects.ForEach(s => s.Dispose());
        }

        bool Settles() => options.WarmupLimit is not null && !code.IsSettled();

        bool Stops() => stopped = stopped || stop?.Invoke() == true;

        void RequireMemoryOrDispose(Backend backend)
        {
            try
            {
                RequireMemory(workloads, backend);
            }
            catch
            {
                backend.Dispose();
                throw;
            }
        }

        bool Round(int round, bool timed)
        {
            for (int i = 0; i < subjects.Count; i++)
            {
                if (Stops())
                    return false;
                double done =
                    (round + ((double)i / subjects.Count)) / (options.Warmup + options.Steps);
                if (options.Limit is { } limit)
                    done = Math.Max(done, clock.Elapsed / limit);
                progress?.Invoke(Math.Min(done, 1), subjects[i].Workload);
                subjects[i].Step(timed);
            }
            return true;
        }
    }

    /// <summary>Says early what would fail late, for workloads that are in memory together.</summary>
    /// <param name="workloads">All of them.</param>
    /// <param name="backend">Any backend of the device.</param>
    /// <exception cref="DeviceMemoryException">The least that the workloads need is more than the device has free.</exception>
    public static void RequireMemory(IReadOnlyList<Workload> workloads, Backend backend)
    {
        ArgumentNullException.ThrowIfNull(workloads);
        ArgumentNullException.ThrowIfNull(backend);
        var least = new Dictionary<MemoryCategory, long>();
        foreach (Workload workload in workloads)
        {
            foreach ((MemoryCategory category, long bytes) in workload.FloorByCategory)
                least[category] = checked(least.GetValueOrDefault(category) + bytes);
        }
        var table = new MemoryTable(backend.Memory, least, backend.FreeBytes);
        if (!(table.WantedBytes > table.FreeBytes))
            return;
        string names = string.Join(", ", workloads.Select(w => w.Architecture.Name));
        throw new DeviceMemoryException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{names}: training needs at least {Gibibytes(table.WantedBytes)} GiB at this length, batch and size; {backend.Info.Description}, has {Gibibytes(table.FreeBytes ?? 0)} GiB free"
            ),
            table
        );

        static string Gibibytes(long bytes) =>
            (bytes / (double)(1L << 30)).ToString("0.0", CultureInfo.InvariantCulture);
    }

    private sealed class Subject : IDisposable
    {
        private readonly TrainingStep _step;
        private readonly StepTime[] _times;
        private readonly double[] _managed;
        private readonly (long Begin, long End)[] _when;
        private long _native;
        private int _warmup;
        private int _count;

        public Subject(Workload workload, Backend backend, MeasurementOptions options)
        {
            _step = new TrainingStep(workload, backend, options.Seed);
            _times = new StepTime[options.Steps];
            _managed = new double[options.Steps];
            _when = new (long, long)[options.Steps];
        }

        public Workload Workload => _step.Workload;

        public Backend Backend => _step.Backend;

        public bool IsMeasured => _count > 0;

        public void Step(bool timed)
        {
            if (!timed)
            {
                _step.Run();
                _warmup++;
                return;
            }
            long native = _step.Backend.Memory.Allocations;
            long managed = GC.GetTotalAllocatedBytes(precise: true);
            long begin = Stopwatch.GetTimestamp();
            StepTime time = _step.RunTimed();
            _when[_count] = (begin, Stopwatch.GetTimestamp());
            _managed[_count] = GC.GetTotalAllocatedBytes(precise: true) - managed;
            _native += _step.Backend.Memory.Allocations - native;
            _times[_count++] = time;
        }

        public Measured Result(GpuWatch? watch, bool counted)
        {
            MemoryLedger memory = _step.Backend.Memory;
            var measured = new Measured(
                Workload,
                _step.Backend.Info,
                _warmup,
                [.. _times.Take(_count)],
                memory.PeakBytes,
                Enum.GetValues<MemoryCategory>().ToDictionary(c => c, memory.AtPeak),
                (double)_native / _count,
                Statistics.Median(_managed.Take(_count)),
                _step.Graph.Nodes,
                _step.Graph.EagerReason
            )
            {
                Fallbacks = _step.Fallbacks,
                Choices = _step.Backend.Choices,
                Conditions = watch?.Conditions(_when.Take(_count)),
            };
            if (!counted)
                return measured;
            var work = WorkCost.Of(_step.Backend, _step.QueueEager);
            _step.Backend.Synchronize();
            return measured with { Work = work };
        }

        public void Dispose() => _step.Dispose();
    }
}
