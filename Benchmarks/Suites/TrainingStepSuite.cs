using BenchmarkDotNet.Attributes;
using Sequor.BenchmarkDotNet;
using Sequor.Workloads;

namespace Sequor.Suites;

/// <summary>
/// A training step of each architecture with 70,000 parameters on the adding problem, as bench measures it: copying the batch in, forward,
/// loss, backward and Adam.
/// </summary>
public class TrainingStepSuite : Suite
{
    private const long Parameters = 70_000;

    /// <summary>The architecture's name.</summary>
    [ParamsSource(nameof(Architectures))]
    public string Arch { get; set; } = "";

    /// <summary>Those that bench measures.</summary>
    public static IEnumerable<string> Architectures => Architecture.Compared.Select(a => a.Name);

    /// <summary>Length and batch.</summary>
    [ParamsSource(nameof(Shapes))]
    public TrainingShape Shape { get; set; } = null!;

    /// <summary>Where the work lies in many steps, in few, and between.</summary>
    public static IEnumerable<TrainingShape> Shapes => [new(600, 32), new(2000, 8), new(100, 128)];

    [GlobalSetup]
    public void SetUp()
    {
        Architecture architecture = Architecture.Get(Arch);
        var task = new AddingProblem(Shape.Length);
        PresetModel sizes = Budget.Find(architecture, task, Parameters);
        var workload = new Workload(architecture, task, Shape.Batch, sizes);
        TrainingStep step = Own(new TrainingStep(workload, Backend, seed: 1));
        Measure(step.Queue, new ReportOptions { Eager = step.QueueEager });
    }

    /// <summary>One step.</summary>
    [Benchmark]
    public void Step() => Run();
}

/// <summary>Sizes of a batch.</summary>
/// <param name="Length">Steps of a sequence.</param>
/// <param name="Batch">Sequences.</param>
public sealed record TrainingShape(int Length, int Batch)
{
    /// <summary>As in T600 B32.</summary>
    public override string ToString() => FormattableString.Invariant($"T{Length} B{Batch}");
}
