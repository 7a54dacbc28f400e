using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using NUnit.Framework;
using Sequor.BenchmarkDotNet;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Tool;
using Sequor.Workloads;

namespace Sequor.Tests.Suites;

/// <summary>The diagnoser in BenchmarkDotNet: what a benchmark reports becomes columns, and a file that compare reads.</summary>
[TestFixture]
[NonParallelizable]
public sealed class DiagnoserTests : FolderTest
{
    private readonly AccumulationLogger _log = new();

    private Summary RunTiny(Job job)
    {
        IConfig config = ManualConfig
            .CreateEmpty()
            .AddJob(job)
            .AddLogger(_log)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .WithArtifactsPath(Folder)
            .WithOptions(ConfigOptions.DisableOptimizationsValidator)
            .WithBuildTimeout(TimeSpan.FromMinutes(10));
        Summary summary = BenchmarkRunner.Run<TinyBenchmark>(config);
        Assert.That(summary.Reports, Has.Length.EqualTo(4), _log.GetLog());
        Assert.That(summary.Reports.All(report => report.Success), _log.GetLog());
        return summary;
    }

    [Test]
    public void A_benchmark_in_this_process_tells_what_it_takes()
    {
        Summary summary = RunTiny(Job.Dry.WithToolchain(InProcessEmitToolchain.Instance));
        Check(summary);
        Assert.That(SequorDiagnostics.IsAsked, Is.False, "the run is over");
        SuitesReport report = Report();
        Assert.That(report.Status, Is.EqualTo(RunStatus.Finished));
        Assert.That(
            report.Results.Select(result => result.Name),
            Does.Contain("Sequor.Tests.Suites.TinyBenchmark.Forward(Batch: 3)")
        );
        CheckCompared(report);
    }

    [Test]
    [Category("Long")]
    public void A_benchmark_in_a_process_of_its_own_tells_the_same()
    {
        Check(RunTiny(Job.Dry));
        CheckCompared(Report());
    }

    private void Check(Summary summary)
    {
        foreach (BenchmarkReport report in summary.Reports)
        {
            var batch = (int)report.BenchmarkCase.Parameters["Batch"];
            if (
                report.BenchmarkCase.Descriptor.WorkloadMethod.Name
                == nameof(TinyBenchmark.Forgetful)
            )
            {
                Assert.That(report.Metrics.Keys, Has.None.StartsWith("Sequor."));
                continue;
            }
            (WorkCost work, IReadOnlyDictionary<MemoryCategory, long> peak) = Expected(batch);
            Assert.That(report.Metrics["Sequor.DeviceTime"].Value, Is.GreaterThan(0));
            Assert.That(report.Metrics["Sequor.OfFloor"].Value, Is.GreaterThan(0));
            Assert.That(
                report.Metrics["Sequor.MovedMiB"].Value * (1 << 20),
                Is.EqualTo(work.BytesMoved)
            );
            Assert.That(
                report.Metrics["Sequor.MFLOP"].Value * 1e6,
                Is.EqualTo((double)work.Flops).Within(1e-6)
            );
            Assert.That(
                report.Metrics["Sequor.PeakMiB"].Value * (1 << 20),
                Is.EqualTo(peak.Values.Sum())
            );
            Assert.That(
                report.Metrics["Sequor.ActivationsMiB"].Value * (1 << 20),
                Is.EqualTo(peak[MemoryCategory.Activations])
            );
            // A CPU launches nothing, and has no graphs.
            Assert.That(report.Metrics.Keys, Has.None.EqualTo("Sequor.Launches"));
            Assert.That(report.Metrics.Keys, Has.None.EqualTo("Sequor.GraphsMiB"));
        }
        string[] titles = summary.Table.FullHeader;
        foreach (
            string title in (string[])["Device Time", "Of Floor", "Moved MiB", "Peak MiB", "IO MiB"]
        )
            Assert.That(titles, Does.Contain(title));
        Assert.That(titles, Does.Not.Contain("Launches"));
        Assert.That(_log.GetLog(), Does.Contain("TinyBenchmark.Forgetful reported nothing"));
        Assert.That(_log.GetLog(), Does.Not.Contain("TinyBenchmark.Forward reported nothing"));
    }

    private static (WorkCost Work, IReadOnlyDictionary<MemoryCategory, long> Peak) Expected(
        int batch
    )
    {
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var model = new Gru(2, 4);
        using Plan plan = model.Plan(backend, 5, batch, Mode.Training);
        Tensor input = plan.Input(5, batch);
        input.Write(new float[5 * batch * 2]);
        plan.Forward(input);
        var work = WorkCost.Of(backend, () => plan.Forward(input));
        Assert.That(work.Operations, Is.GreaterThan(0));
        return (work, Enum.GetValues<MemoryCategory>().ToDictionary(c => c, backend.Memory.AtPeak));
    }

    private SuitesReport Report() => ReportWriter.ReadSuites(File.ReadAllText(Json()))!;

    private string Json() => Directory.GetFiles(PathOf("results"), "*-sequor.json").Single();

    // What the run wrote is read by the command, and a planted change in it is found.
    private void CheckCompared(SuitesReport report)
    {
        SuiteResult forward = report.Results.First(result => result.OnDevice is not null);
        Assert.That(report.Results.Count(result => result.OnDevice is null), Is.EqualTo(2));
        Assert.That(forward.OnDevice!.Device, Is.EqualTo("cpu"));
        Assert.That(forward.OnDevice.PeakBytes, Is.EqualTo(Expected(2).Peak.Values.Sum()));
        Assert.That(InProcess.Run("compare", Json(), Json(), "--counts").ExitCode, Is.Zero);
        string text = File.ReadAllText(Json());
        string planted = PathOf("planted.json");
        foreach (string key in (string[])["bytes_moved", "peak_bytes"])
        {
            double value =
                key == "bytes_moved"
                    ? forward.OnDevice.BytesMoved!.Value
                    : forward.OnDevice.PeakBytes;
            File.WriteAllText(
                planted,
                text.Replace(
                    $"\"{key}\":{value}",
                    $"\"{key}\":{value + 4}",
                    StringComparison.Ordinal
                )
            );
            ProgramResult result = InProcess.Run("compare", Json(), planted, "--counts");
            Assert.That(result.ExitCode, Is.EqualTo(1), result.Output + result.Error);
            Assert.That(result.Output, Does.Contain(key));
        }
    }
}
