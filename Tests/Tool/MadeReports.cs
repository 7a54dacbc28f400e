using Sequor.Layers;
using Sequor.Native;
using Sequor.Tests.Charts;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>Made-up reports that have all keys of their schema between them, or the least that it asks for.</summary>
internal static class MadeReports
{
    /// <summary>A GPU that nobody has.</summary>
    public static GpuReport Gpu { get; } =
        new("GPU", "9.0", 1 << 30, "1", "12.4", "9.6.0", "12.5", "fp32", "cudnn");

    /// <summary>Three benchmarks: one that reported nothing, one that reported all, one that reported the least.</summary>
    public static SuitesReport Suites()
    {
        var least = new DeviceResult
        {
            Device = "cpu",
            Threads = 2,
            VectorBits = 256,
            Ms = 1.5,
            PeakBytes = 0,
            MemoryBytes = MemoryBytes.Of(new Dictionary<MemoryCategory, long>()),
        };
        DeviceResult all = least with
        {
            Device = "cuda:0",
            Gpu = Gpu,
            Launches = 2.5,
            BytesMoved = 3.5 * (1 << 20),
            BytesUnknown = 1,
            Flops = 4.5e6,
            FloorMs = 0.5,
            Peaks = new PeaksReport(1e10, 1e11, 3 << 20, 4),
        };
        var result = new SuiteResult
        {
            Name = "Suite.Step(Arch: \"gru\")",
            Ms = new Spread(2.5, 1.5, 3.5),
            RoundsMs = [2.5],
        };
        return new SuitesReport
        {
            Title = "Suite-20261129-183518",
            Machine = Made.Machine(),
            Date = "2026-11-29T18:35:18Z",
            Results =
            [
                result,
                result with
                {
                    ManagedBytes = 24,
                    OnDevice = all,
                },
                result with
                {
                    OnDevice = least,
                },
            ],
        };
    }

    /// <summary>Two cells that differ by more than the count says, and one that was left out.</summary>
    public static GridReport Grid()
    {
        var left = new GridCell
        {
            Arch = "rnn",
            Hidden = 4,
            Layers = 1,
            Batch = 4,
            Variant = "bidirectional",
            Parameters = 40,
            Steps = 0,
            Skipped = "made up",
        };
        GridCell one = left with
        {
            Batch = 1,
            Steps = 3,
            StepMs = new Spread(1.5, 1.25, 2.5),
            BytesMoved = 400,
            Flops = 4000,
            FloorMs = 0.0000125,
            Skipped = null,
        };
        return new GridReport
        {
            Device = "cpu",
            Length = 25,
            SequenceLength = 25,
            Pairs = 1,
            Cells = [one, one with { Batch = 2, StepMs = new Spread(6, 5.5, 6.5) }, left],
            Cliffs =
            [
                new GridCliff("rnn", 4, 1, 4, 2, 4, 1.5)
                {
                    LeavesCache = new LeftCache(2, 1 << 20, LeftCache.Memory, 1 << 19, 1 << 21),
                },
            ],
        };
    }

    /// <summary>What doctor tells of a machine that has nothing.</summary>
    public static DoctorReport Doctor() =>
        new()
        {
            Machine = Made.Machine(),
            Use = new ChosenDevice("cpu", "CPU", "made up"),
            Cuda = new CudaReport(
                false,
                "made up",
                new DriverReport(null, null, "libcuda.so.1"),
                [
                    new DeviceReport(0, null, null, null, null, null, null, "made up")
                    {
                        State = new GpuStateReport { Reason = "made up" },
                    },
                ]
            )
            {
                Settings = [new CudaSetting("CUDA_CACHE_DISABLE", "1", "made up")],
            },
            Libraries =
            [
                new LibraryReport(
                    "cuDNN",
                    false,
                    null,
                    null,
                    null,
                    "made up",
                    "made up",
                    [new TriedPath("system loader", "libcudnn.so.9", "made up")]
                ),
            ],
            Profiler = new ProfilerReport(null, "made up"),
            MatrixProduct = new Throughput(1.5, 2.5, 2),
        };

    /// <summary>A reproduction that diverged.</summary>
    public static ReproductionReport Reproduction()
    {
        var epoch = new EpochRecord(1, 2, 3, 1e-3f, 4);
        ReproductionResult made = Made.Reproduced("gru", 8.5, 9, [epoch]);
        return new ReproductionReport
        {
            Machine = Made.Machine(),
            Date = "2026-11-21T12:00:00Z",
            Device = "cpu",
            Threads = 2,
            Gpu = Gpu,
            Status = RunStatus.Diverged,
            Reason = "made up",
            TotalBudgetSeconds = 5,
            Results =
            [
                made with
                {
                    Note = "made up",
                    Recalled = 12.5,
                    Runs =
                    [
                        made.Runs[0] with
                        {
                            Recalled = 12.5,
                            Stopped = StopReason.Diverged,
                            Reason = "made up",
                        },
                    ],
                },
            ],
            Left = [new LeftRun("jsb", "tcn", "300k", 1, "made up", 2.5, Measured: true)],
            Failed =
            [
                new FailedRun(
                    "jsb",
                    "gru",
                    "20k",
                    2,
                    RunStatus.Diverged,
                    "made up",
                    [CurvePoint.Of(epoch)]
                ),
            ],
        };
    }

    /// <summary>A comparison of two programs by turns.</summary>
    public static ComparisonReport Paired() =>
        new()
        {
            Verdict = RowVerdict.Same,
            Base = "base",
            Head = "head",
            Rows =
            [
                new("rnn", "step_ms", "ms", 1, 2, 2, 1.5, 2.5, RowVerdict.Slower)
                {
                    Clock = TurnClock.Processor,
                },
            ],
            Pairs =
            [
                new TurnPair("rnn", 1, 1, 2)
                {
                    BaseProcessor = 1,
                    HeadProcessor = 2,
                    Settled = true,
                },
            ],
            OrderSeed = 7,
            GpuConditions = GpuConditionsReport.Of(new GpuConditions()),
        };
}
