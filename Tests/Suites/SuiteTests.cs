using System.Reflection;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Filters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using NUnit.Framework;
using Sequor.Suites;
using Sequor.Tests.Support;

namespace Sequor.Tests.Suites;

/// <summary>The suites: each benchmark sets up, runs, and reports what it takes; shapes are told apart by their names.</summary>
[TestFixture]
[NonParallelizable]
public sealed class SuiteTests : FolderTest
{
    private string? _device;

    private static IEnumerable<Type> Suites =>
        typeof(Suite)
            .Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(Suite)) && !type.IsAbstract);

    [SetUp]
    public void UseCpu()
    {
        _device = Environment.GetEnvironmentVariable(SuiteDevice.Variable);
        Environment.SetEnvironmentVariable(SuiteDevice.Variable, "cpu");
    }

    [TearDown]
    public void UseOld() => Environment.SetEnvironmentVariable(SuiteDevice.Variable, _device);

    [TestCaseSource(nameof(Suites))]
    public void Shapes_of_a_suite_have_different_names_and_every_benchmark_is_set_up(Type suite)
    {
        foreach (PropertyInfo property in suite.GetProperties())
        {
            if (property.GetCustomAttribute<ParamsSourceAttribute>() is not { } source)
                continue;
            var values = (System.Collections.IEnumerable)
                suite.GetProperty(source.Name)!.GetValue(null)!;
            string[] names = [.. values.Cast<object?>().Select(value => $"{value}")];
            Assert.That(names, Is.Unique.And.Not.Empty);
            Assert.That(names.Max(name => name.Length), Is.LessThanOrEqualTo(64));
        }
        BenchmarkRunInfo info = BenchmarkConverter.TypeToBenchmarks(suite);
        Assert.That(info.BenchmarksCases, Is.Not.Empty);
        foreach (BenchmarkCase benchmark in info.BenchmarksCases)
        {
            Assert.That(benchmark.Descriptor.GlobalSetupMethod, Is.Not.Null, benchmark.DisplayInfo);
            Assert.That(
                benchmark.Descriptor.GlobalCleanupMethod,
                Is.Not.Null,
                benchmark.DisplayInfo
            );
        }
    }

    [TestCase("LossSuite", "adding")]
    [TestCase("RecurrentSuite", "music Gru")]
    [TestCase("ConvolutionSuite", "jsb")]
    public void The_smallest_of_a_suite_runs_and_reports(string suite, string shape) =>
        Run(
            suite,
            benchmark =>
                $"{benchmark.Parameters["Shape"]}".Contains(shape, StringComparison.Ordinal)
        );

    [Test]
    [Category("Long")]
    public void Every_suite_runs_and_reports(
        [Values(
            "LossSuite",
            "OptimizerSuite",
            "StreamingSuite",
            "UploadSuite",
            "ConvolutionSuite",
            "RecurrentSuite",
            "TrainingStepSuite"
        )]
            string suite
    ) => Run(suite, _ => true);

    private void Run(string suite, Func<BenchmarkCase, bool> chosen)
    {
        var log = new AccumulationLogger();
        IConfig config = ManualConfig
            .CreateEmpty()
            .AddJob(Job.Dry.WithToolchain(InProcessEmitToolchain.Instance))
            .AddLogger(log)
            .AddFilter(new SimpleFilter(chosen))
            .WithArtifactsPath(Folder)
            .WithOptions(ConfigOptions.DisableOptimizationsValidator);
        Summary summary = BenchmarkRunner.Run(Suites.Single(type => type.Name == suite), config);
        Assert.That(summary.Reports, Is.Not.Empty, log.GetLog());
        foreach (BenchmarkReport report in summary.Reports)
        {
            string name = report.BenchmarkCase.DisplayInfo;
            Assert.That(report.Success, name + log.GetLog());
            Assert.That(report.Metrics["Sequor.DeviceTime"].Value, Is.GreaterThan(0), name);
            Assert.That(report.Metrics["Sequor.MovedMiB"].Value, Is.GreaterThan(0), name);
        }
    }
}
