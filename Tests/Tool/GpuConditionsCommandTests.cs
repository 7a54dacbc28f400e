using System.Text.Json.Nodes;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.Tests.Tool;

/// <summary>What bench and doctor say of a GPU's clocks, and what a profiler is told of the measured steps.</summary>
[TestFixture]
[VirtualGpuOnly]
public sealed class GpuConditionsCommandTests : CudaCommandFixture
{
    private const string Tiny = "--device cuda --length 5 --hidden 4 --layers 2 --batch 2";

    [Test]
    public void A_quiet_gpu_flags_no_step()
    {
        (JsonNode conditions, string output) = Bench("--steps 4 --warmup 1");
        Assert.That((int)conditions["flagged_steps"]!, Is.Zero);
        Assert.That((bool)conditions["spoilt"]!, Is.False);
        Assert.That((int)conditions["samples"]!, Is.Positive);
        Assert.That((double)conditions["period_ms"]!, Is.EqualTo(50));
        Assert.That((double)conditions["sm_mhz"]!["median"]!, Is.EqualTo(1777));
        Assert.That((int)conditions["sm_mhz_max"]!, Is.EqualTo(1777));
        Assert.That((double)conditions["memory_mhz"]!["max"]!, Is.EqualTo(7501));
        Assert.That((double)conditions["power_w"]!["min"]!, Is.EqualTo(20));
        Assert.That((double)conditions["power_limit_w"]!, Is.EqualTo(170));
        Assert.That(conditions["unknown"]!.AsArray(), Is.Empty);
        Assert.That(
            output,
            Does.Match(
                @"(?m)^GPU: 1777 MHz of 1777, 7501 MHz memory of 7501, 40 C, 20 W of 170, 0 % busy; \d+ samples?, 50 ms apart; it slowed itself in no step \(clocks: idle\)\.$"
            )
        );
        Assert.That(output, Does.Not.Contain("Warning"));
    }

    [Test]
    public void A_gpu_that_slows_itself_is_told_and_its_steps_are_kept()
    {
        Virtual!.Sensors.Reasons = 0x04 | 0x20;
        Virtual.Sensors.SmClock = 1200;
        (JsonNode conditions, string output) = Bench("--steps 4 --warmup 1");
        Assert.That((int)conditions["flagged_steps"]!, Is.EqualTo(4));
        Assert.That((bool)conditions["spoilt"]!, Is.True);
        Assert.That(
            conditions["reasons"]!.AsArray().Select(r => (string?)r),
            Is.EqualTo(new[] { "power limit", "temperature" })
        );
        Assert.That(
            output,
            Does.Contain("it slowed itself in 4 of 4 steps (clocks: power limit, temperature).")
                .And.Contain(
                    "Warning: the GPU slowed itself in more than 5 % of the steps of gru T=5 (4 of 4); these times are those of a slower GPU."
                )
        );
    }

    [Test]
    public void Without_nvml_that_is_told_in_a_line()
    {
        Virtual!.Refuse("nvmlInit", (int)nvmlReturn_t.NVML_ERROR_DRIVER_NOT_LOADED);
        (JsonNode conditions, string output) = Bench("--steps 2 --warmup 1");
        const string reason = "nvmlInit gave NVML_ERROR_DRIVER_NOT_LOADED";
        Assert.That((string?)conditions["reason"], Is.EqualTo(reason));
        Assert.That(conditions["sm_mhz"], Is.Null);
        Assert.That(conditions["flagged_steps"], Is.Null);
        Assert.That(
            output,
            Does.Contain($"GPU: clocks, temperature and power are not known: {reason}.\n")
        );
    }

    [Test]
    public void What_a_user_may_not_see_is_null_and_named()
    {
        Virtual!.Refuse("nvmlDeviceGetPowerUsage", (int)nvmlReturn_t.NVML_ERROR_NO_PERMISSION);
        (JsonNode conditions, string output) = Bench("--steps 2 --warmup 1");
        Assert.That(conditions["power_w"], Is.Null);
        Assert.That((double)conditions["sm_mhz"]!["median"]!, Is.EqualTo(1777));
        Assert.That(
            output,
            Does.Contain("GPU: not told by NVML: power: NVML_ERROR_NO_PERMISSION.\n")
        );
    }

    // Each step is one launch of its graph, once that is made.
    [Test]
    public void A_profiler_records_the_measured_steps_alone()
    {
        Bench("--steps 3 --warmup 5 --profiler-range");
        Assert.That(Virtual!.Counts.Of("cuProfilerStart"), Is.EqualTo(1));
        Assert.That(Virtual.Counts.Of("cuProfilerStop"), Is.EqualTo(1));
        Assert.That(Virtual.Counts.ProfiledOf("cuGraphLaunch"), Is.EqualTo(3));
        Assert.That(Virtual.Counts.Of("cuGraphLaunch"), Is.GreaterThan(3));
        Assert.That(Virtual.Counts.IsProfiled, Is.False);
    }

    [Test]
    public void A_profiler_is_told_nothing_where_that_is_not_asked_for()
    {
        Bench("--steps 1 --warmup 0");
        Assert.That(Virtual!.Counts.OfAll("cuProfiler"), Is.Zero);
    }

    // Steps with a profile and without take turns; all of them are recorded, and no step before them.
    [Test]
    public void Profile_has_a_profilers_range_and_the_gpus_state_as_well()
    {
        Virtual!.Sensors.Reasons = 0x40;
        string json = PathOf("profile.json");
        ProgramResult result = Run(
            $"profile {Tiny} --arch gru --steps 3 --warmup 4 --profiler-range --json",
            json
        );
        result.RequireSuccess();
        Assert.That(Virtual.Counts.ProfiledOf("cuGraphLaunch"), Is.EqualTo(6));
        Assert.That(Virtual.Counts.Of("cuGraphLaunch"), Is.GreaterThan(6));
        Assert.That(Virtual.Counts.IsProfiled, Is.False);
        JsonNode conditions = JsonNode.Parse(File.ReadAllText(json))!["results"]![0]![
            "gpu_conditions"
        ]!;
        Assert.That((int)conditions["flagged_steps"]!, Is.EqualTo(6));
        Assert.That(
            result.Output,
            Does.Contain("it slowed itself in 6 of 6 steps (clocks: temperature, by the hardware).")
                .And.Contain("Warning: the GPU slowed itself in more than 5 % of the steps of gru")
        );
    }

    [Test]
    public void Train_tells_the_gpus_state_and_a_warning_too()
    {
        (JsonNode quiet, string told) = Train();
        Assert.That((int)quiet["flagged_steps"]!, Is.Zero);
        Assert.That((int)quiet["samples"]!, Is.Positive);
        Assert.That((double)quiet["power_w"]!["median"]!, Is.EqualTo(20));
        Assert.That(
            told,
            Does.Match(
                    @"(?m)^GPU: 1777 MHz of 1777, .* it slowed itself in no step \(clocks: idle\)\.$"
                )
                .And.Not.Contain("Warning")
        );
        Virtual!.Sensors.Reasons = 0x20;
        (JsonNode hot, told) = Train();
        Assert.That((int)hot["flagged_steps"]!, Is.EqualTo(5), "all that were trained");
        Assert.That((bool)hot["spoilt"]!, Is.True);
        Assert.That(
            told,
            Does.Contain(
                "Warning: the GPU slowed itself in more than 5 % of the steps of gru (5 of 5)"
            )
        );
    }

    [Test]
    public void Train_without_nvml_trains_all_the_same()
    {
        Virtual!.Refuse("nvmlInit", (int)nvmlReturn_t.NVML_ERROR_DRIVER_NOT_LOADED);
        (JsonNode conditions, string told) = Train();
        Assert.That((string?)conditions["reason"], Does.Contain("DRIVER_NOT_LOADED"));
        Assert.That(told, Does.Contain("GPU: clocks, temperature and power are not known"));
    }

    private (JsonNode Conditions, string Output) Train()
    {
        string json = PathOf("train.json");
        ProgramResult result = Run(
            $"train {Tiny} --arch gru --steps 5 --eval-every 2 --json",
            json
        );
        result.RequireSuccess();
        return (JsonNode.Parse(File.ReadAllText(json))!["gpu_conditions"]!, result.Output);
    }

    // The programs are scripts, and the GPU is sampled where turns are given.
    [Test]
    [Platform(Exclude = "Win", Reason = "a shell's script")]
    public void Turns_of_two_programs_are_flagged_as_steps_are()
    {
        string script = PathOf("script");
        string hello = System.Text.Encoding.UTF8.GetString(
            ReportWriter.ToUtf8(Made.Report(Made.Result("rnn", 4, 1, 1024)))
        );
        File.WriteAllText(
            script,
            $"#!/bin/sh\ncat <<'END'\n{hello}\nEND\nwhile read turn; do echo 1; done\n"
        );
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Virtual!.Sensors.Reasons = 0x04;
        GpuWatch? watch;
        using (Backend backend = Backend.Create(Device.Cuda()))
            watch = GpuWatch.Of(backend, new MeasurementOptions());
        ComparisonReport report;
        using (watch)
            report = new PairedRun(
                () => new(script),
                () => new(script),
                new PairedPlan(TimeSpan.FromSeconds(0.2)),
                new JudgementOptions(),
                TimeSpan.FromSeconds(20),
                CancellationToken.None,
                watch
            ).Run(force: false, _ => { });
        watch!.Dispose();
        int turns = 2 * report.Pairs!.Count;
        Assert.That(report.GpuConditions!.FlaggedSteps, Is.EqualTo(turns));
        Assert.That(
            GpuConditionsView.Lines([("both programs", turns, report.GpuConditions)], "turn"),
            Has.Some.Contains($"it slowed itself in {turns} of {turns} turns (clocks: power limit)")
                .And.Some.Contains("5 % of the turns of both programs")
        );
    }

    [TestCase("bench")]
    [TestCase("profile")]
    public void A_profilers_range_on_a_cpu_is_refused(string command)
    {
        ProgramResult result = Run($"{command} --device cpu --steps 1 --warmup 0 --profiler-range");
        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(
            result.Error,
            Does.Contain("--profiler-range is for a GPU, and the device is cpu")
        );
    }

    [Test]
    public void Doctor_tells_the_state_now()
    {
        Virtual!.Sensors.Reasons = 0;
        Virtual.Sensors.SmClock = 1500;
        Virtual.Refuse("nvmlDeviceGetTemperature", (int)nvmlReturn_t.NVML_ERROR_NOT_SUPPORTED);
        string json = PathOf("doctor.json");
        ProgramResult result = Run("doctor --json", json);
        result.RequireSuccess();
        Assert.That(
            result.Output,
            Does.Match(
                @"(?m)^  now +1500 MHz of 1777, 7501 MHz memory of 7501, 20 W of 170, 0 % busy, persistence mode off, not told: temperature: NVML_ERROR_NOT_SUPPORTED$"
            )
        );
        JsonNode state = JsonNode.Parse(File.ReadAllText(json))!["cuda"]!["devices"]![0]!["state"]!;
        Assert.That((int)state["sm_mhz"]!, Is.EqualTo(1500));
        Assert.That(state["temperature_c"], Is.Null);
        Assert.That((bool)state["persistence_mode"]!, Is.False);
        Assert.That(state["reasons"]!.AsArray(), Is.Empty);
    }

    private (JsonNode Conditions, string Output) Bench(string words)
    {
        string json = PathOf("bench.json");
        ProgramResult result = Run($"bench {Tiny} --arch gru {words} --json", json);
        result.RequireSuccess();
        JsonNode report = JsonNode.Parse(File.ReadAllText(json))!;
        return (report["results"]![0]!["gpu_conditions"]!, result.Output);
    }
}
