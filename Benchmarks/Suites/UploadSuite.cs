using BenchmarkDotNet.Attributes;
using Sequor.Layers;

namespace Sequor.Suites;

/// <summary>
/// Copying a batch into a plan's memory, as before each step: the adding problem and sequential MNIST (Bai, Kolter and Koltun 2018), and
/// colour images pixel by pixel (sCIFAR in Orvieto et al. 2023).
/// </summary>
public class UploadSuite : PlanSuite
{
    private float[] _values = [];

    /// <summary>The batch.</summary>
    [ParamsSource(nameof(Shapes))]
    public BatchShape Shape { get; set; } = null!;

    /// <summary>The batches.</summary>
    public static IEnumerable<BatchShape> Shapes =>
        [new("adding", 600, 32, 2), new("mnist", 784, 64, 1), new("scifar", 1024, 50, 3)];

    [GlobalSetup]
    public void SetUp()
    {
        MakePlan(new Linear(Shape.Channels, 1), Shape.Length, Shape.Batch);
        _values = Numbers((long)Shape.Length * Shape.Batch * Shape.Channels, seed: 3);
        Measure(() => Plan.SetInput(_values, Shape.Length, Shape.Batch));
    }

    /// <summary>One batch.</summary>
    [Benchmark]
    public void SetInput() => Run();
}

/// <summary>The sizes of a batch of inputs.</summary>
/// <param name="Name">The task that the sizes are of.</param>
/// <param name="Length">T, steps.</param>
/// <param name="Batch">B, sequences.</param>
/// <param name="Channels">Numbers a step.</param>
public sealed record BatchShape(string Name, int Length, int Batch, int Channels)
{
    /// <summary>As in scifar T1024 B50 C3.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"{Name} T{Length} B{Batch} C{Channels}");
}
