using NUnit.Framework;
using Sequor.BenchmarkDotNet;

namespace Sequor.Tests.Suites;

/// <summary>The benchmark that the package's README shows, and what it says of columns.</summary>
[TestFixture]
[NonParallelizable]
public sealed class ReadmeTests
{
    [Test]
    public void The_benchmark_is_the_one_that_is_compiled()
    {
        string shown = Resource("GruBenchmark.cs");
        Assert.That(
            Resource("README.md"),
            Does.Contain(shown[shown.IndexOf("[SequorDiagnoser]", StringComparison.Ordinal)..])
        );
        // Without the diagnoser it only cleans up.
        var benchmark = new GruBenchmark();
        benchmark.SetUp();
        benchmark.Forward();
        benchmark.CleanUp();
    }

    [Test]
    public void Every_column_is_told_of()
    {
        string[] told = [.. Resource("README.md").Split('\n').Where(line => line.StartsWith('|'))];
        string[] categories = ["Parameters", "Gradients", "Optimizer", "Activations"];
        foreach (string title in SequorMetric.All.Take(6).Select(metric => metric.DisplayName))
            Assert.That(
                told.Any(line => line.StartsWith($"| {title}", StringComparison.Ordinal)),
                title
            );
        Assert.That(
            SequorMetric.All.Skip(6).Take(4).Select(metric => metric.DisplayName),
            Is.EqualTo(categories.Select(name => $"{name} MiB"))
        );
        Assert.That(
            SequorMetric.All.Select(metric => metric.Id),
            Is.Unique.And.All.StartsWith("Sequor.")
        );
    }

    private static string Resource(string name)
    {
        using Stream stream = typeof(ReadmeTests).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
