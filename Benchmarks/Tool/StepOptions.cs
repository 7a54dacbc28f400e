using System.CommandLine;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The options that say of which architectures steps are measured, and how many, shared by bench and profile.</summary>
internal sealed class StepOptions
{
    private const int DefaultSteps = 30;
    private const int DefaultWarmup = 20;

    // With what comes before and after it, a measurement at one length ends within a minute.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan WarmupLimit = TimeSpan.FromSeconds(15);

    public Option<string[]?> Architectures { get; } =
        Options.Choices(
            "--arch",
            $"architectures to compare, of {string.Join(", ", Architecture.Names)} ({string.Join(", ", Architecture.Compared)})",
            Architecture.Names
        );

    public Option<long?> Steps { get; } =
        Options.Whole(
            "--steps",
            "measured steps of each (30, fewer if 45 seconds are over)",
            "N",
            1,
            1_000_000
        );

    public Option<long?> Warmup { get; } =
        Options.Whole(
            "--warmup",
            "steps of each before the measured ones (20, and then until nothing is compiled any more; fewer if 15 seconds are over)",
            "N",
            0,
            1_000_000
        );

    public Option<bool> ProfilerRange { get; } =
        new("--profiler-range")
        {
            Description =
                "on a GPU, lets nsys --capture-range=cudaProfilerApi or ncu --profile-from-start off record the measured steps alone",
        };

    /// <summary>The architectures asked for, else all that are compared.</summary>
    public IEnumerable<Architecture> Of(ParseResult result) =>
        result.GetValue(Architectures) is { Length: > 0 } given
            ? given.Select(Architecture.Get)
            : Architecture.Compared;

    /// <summary>How much is measured: what is asked for whole, else within the limits.</summary>
    public MeasurementOptions Read(ParseResult result, Option<long?> seed)
    {
        long? steps = result.GetValue(Steps);
        long? warmup = result.GetValue(Warmup);
        return new MeasurementOptions
        {
            Warmup = (int)(warmup ?? DefaultWarmup),
            Steps = (int)(steps ?? DefaultSteps),
            Limit = steps is null ? Limit : null,
            WarmupLimit = steps is null && warmup is null ? WarmupLimit : null,
            Seed = (ulong)(result.GetValue(seed) ?? 1),
            ProfilerRange = result.GetValue(ProfilerRange),
        };
    }

    /// <summary>Refuses a profiler's range where there is no GPU to record.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public void RequireGpuForProfiler(ParseResult result, BackendInfo device)
    {
        if (result.GetValue(ProfilerRange) && device.Device == "cpu")
            throw new UsageException(
                $"{ProfilerRange.Name} is for a GPU, and the device is {device.Device} ({device.Reason})"
            );
    }
}
