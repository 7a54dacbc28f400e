using NUnit.Framework;
using Sequor.Interop;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>Samples of a GPU beside measured steps: which of them hold when, and which steps are flagged.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed class GpuConditionsTests
{
    [Test]
    public void A_sample_holds_until_the_next()
    {
        // Samples at 0, 10, 20, 30; the second says that the GPU slowed itself, and so for 10 to 20.
        NvmlState[] samples =
        [
            At(0, 1000),
            At(10, 1000, ClockReasons.PowerLimit),
            At(20, 1000),
            At(30, 1000),
        ];
        Assert.That(Flagged(samples, (1, 10)), Is.EqualTo(0), "it ends as the sample comes");
        Assert.That(Flagged(samples, (1, 11)), Is.EqualTo(1), "it ends within");
        Assert.That(Flagged(samples, (12, 15)), Is.EqualTo(1), "it lies within");
        Assert.That(Flagged(samples, (19, 25)), Is.EqualTo(1), "it begins within");
        Assert.That(Flagged(samples, (1, 40)), Is.EqualTo(1), "it has it within");
        Assert.That(Flagged(samples, (20, 40)), Is.EqualTo(0), "it begins as it ends");
        Assert.That(Flagged(samples, (35, 1000)), Is.EqualTo(0), "the last sample holds for ever");
        Assert.That(Flagged(samples, (1, 2), (3, 12), (13, 14), (15, 22), (23, 24)), Is.EqualTo(3));
    }

    [TestCase(ClockReasons.None, false)]
    [TestCase(ClockReasons.Idle, false)]
    [TestCase(ClockReasons.ApplicationsClocks, false)]
    [TestCase(ClockReasons.SyncBoost, false)]
    [TestCase(ClockReasons.DisplayClock, false)]
    [TestCase((ClockReasons)(1 << 20), false)]
    [TestCase(ClockReasons.PowerLimit, true)]
    [TestCase(ClockReasons.HardwareSlowdown, true)]
    [TestCase(ClockReasons.Temperature, true)]
    [TestCase(ClockReasons.HardwareTemperature, true)]
    [TestCase(ClockReasons.PowerBrake, true)]
    [TestCase(ClockReasons.Idle | ClockReasons.Temperature, true)]
    public void Steps_are_flagged_where_the_gpu_slowed_itself(ClockReasons reasons, bool flagged)
    {
        Assert.That(Flagged([At(0, 1000, reasons)], (1, 2)), Is.EqualTo(flagged ? 1 : 0));
    }

    [TestCase(900, 0)]
    [TestCase(899, 1)]
    [TestCase(0, 1)]
    public void Steps_are_flagged_where_the_clock_was_below_nine_tenths_of_the_fastest(
        int clock,
        int flagged
    )
    {
        Assert.That(Flagged([At(0, 1000), At(10, clock)], (1, 2), (11, 12)), Is.EqualTo(flagged));
    }

    [Test]
    public void The_fastest_clock_is_that_of_all_samples_also_of_those_of_no_step()
    {
        Assert.That(Flagged([At(0, 500), At(10, 500), At(20, 1000)], (1, 2)), Is.EqualTo(1));
    }

    [Test]
    public void Samples_that_hold_during_no_step_do_not_count()
    {
        NvmlState[] samples = [At(0, 10), At(10, 100), At(20, 1000), At(30, 1010), At(40, 5)];
        GpuConditions conditions = GpuConditions.Of(samples, [(22, 25), (26, 33)]);
        Assert.That(conditions.Samples, Is.EqualTo(2));
        Assert.That(conditions.SmClock, Is.EqualTo(new Extent(1005, 1000, 1010)));
        Assert.That(conditions.Steps, Is.EqualTo(2));
        Assert.That(conditions.FlaggedSteps, Is.Zero);
    }

    [Test]
    public void What_is_not_told_is_null_and_flags_nothing()
    {
        GpuConditions conditions = GpuConditions.Of([default, default], [(1, 2)]);
        Assert.That(conditions.Samples, Is.EqualTo(1));
        Assert.That(conditions.SmClock, Is.Null);
        Assert.That(conditions.Power, Is.Null);
        Assert.That(conditions.Reasons, Is.Null);
        Assert.That(conditions.FlaggedSteps, Is.Null);
        Assert.That(conditions.IsSpoilt, Is.False);
        GpuConditions clocks = GpuConditions.Of([new NvmlState { SmClock = 5 }], [(1, 2), (3, 4)]);
        Assert.That(clocks.FlaggedSteps, Is.Zero);
    }

    [Test]
    public void Without_samples_or_steps_there_is_nothing()
    {
        Assert.That(GpuConditions.Of([], [(1, 2)]).Samples, Is.Zero);
        Assert.That(GpuConditions.Of([], [(1, 2)]).FlaggedSteps, Is.Null);
        Assert.That(GpuConditions.Of([At(0, 1)], []).Samples, Is.Zero);
    }

    [Test]
    public void Steps_that_nobody_waits_for_share_the_time_until_their_losses_are_read()
    {
        var steps = new QueuedSteps();
        steps.End();
        Assert.That(steps.Count, Is.Zero, "none was queued");
        foreach (int count in (int[])[3, 1])
        {
            for (int i = 0; i < count; i++)
                steps.Begin();
            Thread.Sleep(2);
            for (int i = 0; i < count; i++)
                steps.End();
            Thread.Sleep(2);
        }
        steps.Begin();
        (long Begin, long End)[] windows = [.. steps.Windows];
        Assert.That(steps.Count, Is.EqualTo(4), "the last was not read");
        Assert.That(windows, Has.Length.EqualTo(4));
        Assert.That(windows.Select(w => w.End - w.Begin), Has.All.Positive);
        Assert.That(windows[1].Begin, Is.EqualTo(windows[0].End));
        Assert.That(windows[2].Begin, Is.EqualTo(windows[1].End));
        Assert.That(
            windows[3].Begin,
            Is.GreaterThan(windows[2].End),
            "what lies between is no step"
        );
        Assert.That(
            windows[1].End - windows[1].Begin,
            Is.EqualTo(windows[0].End - windows[0].Begin).Within(1)
        );
    }

    [TestCase(0, false)]
    [TestCase(1, false)]
    [TestCase(2, true)]
    [TestCase(null, false)]
    public void More_than_a_twentieth_spoils_a_measurement(int? flagged, bool spoilt)
    {
        var conditions = new GpuConditions { Steps = 20, FlaggedSteps = flagged };
        Assert.That(conditions.IsSpoilt, Is.EqualTo(spoilt));
    }

    [Test]
    public void Reasons_have_names_and_unknown_ones_their_number()
    {
        Assert.That(
            GpuConditions.Names((ClockReasons)0x8000_0000_0000_03ff),
            Is.EqualTo(
                new[]
                {
                    "idle",
                    "clocks set by someone",
                    "power limit",
                    "hardware slowdown",
                    "tied to another GPU",
                    "temperature",
                    "temperature, by the hardware",
                    "power supply",
                    "display",
                    "0x200",
                    "0x8000000000000000",
                }
            )
        );
        Assert.That(GpuConditions.Names(ClockReasons.None), Is.Empty);
    }

    [Test]
    public void Rounds_become_one()
    {
        GpuConditionsReport one = GpuConditionsReport.Of(
            new GpuConditions
            {
                Samples = 3,
                SmClock = new(1000, 900, 1100),
                Reasons = ClockReasons.Idle,
                Steps = 10,
                FlaggedSteps = 0,
                Unknown = ["power: no"],
            }
        )!;
        GpuConditionsReport two = one with
        {
            Samples = 4,
            SmMhz = new(800, 700, 1050),
            Reasons = ["power limit"],
            FlaggedSteps = 3,
        };
        GpuConditionsReport all = GpuConditionsReport.Merge([one, null, two], 20)!;
        Assert.That(all.Samples, Is.EqualTo(7));
        Assert.That(all.SmMhz, Is.EqualTo(new Extent(900, 700, 1100)));
        Assert.That(all.Reasons, Is.EqualTo(new[] { "idle", "power limit" }));
        Assert.That(all.FlaggedSteps, Is.EqualTo(3));
        Assert.That(all.Spoilt, Is.True);
        Assert.That(all.PowerW, Is.Null);
        Assert.That(all.Unknown, Is.EqualTo(new[] { "power: no" }));
        Assert.That(GpuConditionsReport.Merge([null], 20), Is.Null);
        Assert.That(
            GpuConditionsReport.Merge([one with { FlaggedSteps = null }], 20)!.FlaggedSteps,
            Is.Null
        );
    }

    private static int? Flagged(NvmlState[] samples, params (long, long)[] steps) =>
        GpuConditions.Of(samples, steps).FlaggedSteps;

    private static NvmlState At(long time, int clock, ClockReasons reasons = ClockReasons.None) =>
        new()
        {
            Timestamp = time,
            SmClock = clock,
            Reasons = reasons,
        };
}
