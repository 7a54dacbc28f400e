using Sequor.Layers;
using Sequor.Tests.Charts;
using Sequor.Workloads;

namespace Sequor.Tests.Profiles;

/// <summary>Made-up profiled steps.</summary>
internal static class MadeProfile
{
    /// <summary>10 GB/s and 100 GFLOP/s: a MB takes 0.1 ms, a MFLOP 0.01 ms.</summary>
    public static readonly MachinePeaks Peaks = new(10e9, 100e9, 1 << 20, 64);

    /// <summary>An operation without its time.</summary>
    public static ProfiledOperation Operation(
        string layer,
        string operation,
        ProfilePass pass,
        long nanoseconds,
        long? bytes = 0,
        long? flops = 0,
        int? launches = 0
    ) =>
        new()
        {
            Layer = layer,
            Kind = layer is "loss" or "optimizer" or "copies" or "other" ? "" : "Made",
            Operation = operation,
            Pass = pass,
            Shapes = "[2, 3]",
            StartNanoseconds = 0,
            Nanoseconds = nanoseconds,
            BytesMoved = bytes,
            Flops = flops,
            Launches = launches,
        };

    /// <summary>What lies between operations.</summary>
    public static ProfiledOperation Between(long nanoseconds) =>
        Operation("other", ProfiledOperation.Between, ProfilePass.Other, nanoseconds) with
        {
            Shapes = "",
        };

    /// <summary>A step of operations one after another; each byte that it moves is in use while it runs.</summary>
    public static ProfiledStep Step(params IReadOnlyList<ProfiledOperation> operations)
    {
        var placed = new List<ProfiledOperation>();
        long at = 0;
        foreach (ProfiledOperation operation in operations)
        {
            placed.Add(operation with { StartNanoseconds = at });
            at += operation.Nanoseconds;
        }
        ProfiledMemory[] memory =
        [
            .. placed.Select(
                (o, i) => new ProfiledMemory(i, Bytes(1024, activations: o.BytesMoved ?? 0))
            ),
        ];
        ProfiledMemory peak = memory.MaxBy(m => m.Bytes)!;
        return new ProfiledStep
        {
            Number = 1,
            Nanoseconds = at,
            IsReplay = false,
            Operations = placed,
            Memory = memory,
            PeakOwners =
            [
                new(
                    "0.a",
                    true,
                    MemoryCategory.Activations,
                    peak.InUse(MemoryCategory.Activations)
                ),
                new("0", true, MemoryCategory.Parameters, 1024),
            ],
            Held =
            [
                new("0.a", true, MemoryCategory.Activations, 5000),
                new("0.a", true, MemoryCategory.Gradients, 24),
                new("optimizer", false, MemoryCategory.Optimizer, 300),
                new("scratch", false, MemoryCategory.Workspace, 7),
            ],
        };
    }

    /// <summary>A step of a model with a layer in a layer, forward, loss, backward and update.</summary>
    public static ProfiledStep Step() =>
        Step(
            Operation("copies", "upload", ProfilePass.Copy, 10_000, 100),
            Between(7),
            Operation("0.a", "matmul", ProfilePass.Forward, 1_000_000, 1_000_000, 40_000_000, 2),
            Between(5),
            Operation("0.b", "recurrent", ProfilePass.Forward, 2_000_001, null, 10_000_000, 1),
            Operation("", "pack", ProfilePass.Forward, 30, null, null, null),
            Operation("loss", "mean squared error", ProfilePass.Loss, 500, 64, 6, 1),
            Operation("0.b", "recurrent gradient", ProfilePass.Backward, 3_000_000, null, null),
            Operation("0.a", "matmul", ProfilePass.Backward, 1_500_000, 2_000_000, 80_000_000, 2),
            Between(11),
            Operation("0.a", "matmul", ProfilePass.Backward, 1_500_000, 2_000_000, 80_000_000, 2),
            Operation("optimizer", "update", ProfilePass.Update, 20_000, 4096, 100, 1)
        );

    /// <summary>A step of so many operations with long names, between which time lies, in layers that lie four deep.</summary>
    public static ProfiledStep Long(int operations)
    {
        var all = new List<ProfiledOperation>();
        for (int i = 0; i < operations; i++)
        {
            ProfilePass pass = i < operations / 2 ? ProfilePass.Forward : ProfilePass.Backward;
            all.Add(
                Operation(
                    $"0.blocks.{i / 3 % 40}.convolution",
                    "add glu gradient and gelu",
                    pass,
                    12_345 + i,
                    123_456_789 + i,
                    987_654_321,
                    12
                ) with
                {
                    Kind = "CausalConvolution",
                    Shapes = "[600, 32, 70] x [70, 70] + [600, 32, 70] -> [600, 32, 140]",
                }
            );
            all.Add(Between(1 + (i % 700)));
        }
        return Step(all);
    }

    /// <summary>A measurement whose told step is the given one.</summary>
    public static Profiled Of(ProfiledStep step, double plain = 9, string device = "cpu")
    {
        Workload workload = new(
            Architecture.Get("gru"),
            new AddingProblem(4),
            batch: 2,
            width: 3,
            depth: 1
        );
        return new Profiled(
            workload,
            new BackendInfo(device, "made up", 2, 256, "made up"),
            Warmup: 1,
            Plain: [plain, plain],
            WithProfile: [step.Milliseconds, step.Milliseconds],
            step,
            PeakBytes: 6000,
            Enum.GetValues<MemoryCategory>()
                .ToDictionary(c => c, c => c == MemoryCategory.Activations ? 6000L : 0),
            GraphNodes: 0,
            EagerReason: null
        );
    }

    /// <summary>A report of measurements.</summary>
    public static ProfileReport Report(params IReadOnlyList<Profiled> profiles) =>
        new()
        {
            Machine = Made.Machine(),
            Date = "2026-11-21T12:00:00Z",
            Threads = 2,
            Task = "adding",
            Seed = 7,
            Warmup = 1,
            Steps = 2,
            Seconds = 1.5,
            Peaks = PeaksReport.Of(Peaks),
            Results = [.. profiles.Select(p => ProfileResult.From(p, 4, Peaks))],
        };

    private static long[] Bytes(long parameters, long activations)
    {
        var bytes = new long[Enum.GetValues<MemoryCategory>().Length];
        bytes[(int)MemoryCategory.Parameters] = parameters;
        bytes[(int)MemoryCategory.Activations] = activations;
        return bytes;
    }
}
