using BenchmarkDotNet.Attributes;
using Sequor.BenchmarkDotNet;
using Sequor.Layers;

namespace Sequor.Suites;

/// <summary>
/// The LRU's scan in each of its regimes: so many channels that a thread walks all of time, so few that time has to be split, and the
/// papers' sizes between them, those of Orvieto et al. 2023 (arXiv 2303.06349, Table 10: sCIFAR, ListOps, Text, PathX) and those of
/// 70,000 parameters on the adding problem. On a GPU each split is measured as well as the one that is chosen.
/// </summary>
public class ScanSuite : Suite
{
    private DiagonalScanOperation? _scan;
    private Tensor _lambda;
    private Tensor _drawn;
    private Tensor _states;
    private Tensor _gradient;
    private Tensor _dlambda;
    private Tensor _workspace;

    /// <summary>The scan and its batch.</summary>
    [ParamsSource(nameof(Shapes))]
    public ScanShape Shape { get; set; } = null!;

    /// <summary>How a GPU splits it; null for what is chosen.</summary>
    [ParamsSource(nameof(Splits))]
    public ScanMethod? Split { get; set; }

    /// <summary>The scans.</summary>
    public static IEnumerable<ScanShape> Shapes =>
        [
            new("adding", 600, 32, 53),
            new("scifar", 1024, 50, 384),
            new("listops", 2048, 32, 256),
            new("text", 4096, 32, 192),
            new("pathx", 16384, 32, 256),
            new("wide", 16, 4096, 64),
            new("long", 1_000_000, 1, 16),
        ];

    /// <summary>The splits of a GPU, and null; a CPU has one way.</summary>
    public static IEnumerable<ScanMethod?> Splits =>
        SuiteDevice.IsCpu ? [null] : [null, .. Enum.GetValues<ScanMethod>().Cast<ScanMethod?>()];

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward()
    {
        Make();
        Measure(QueueForward, new ReportOptions { Before = Refill });
    }

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward()
    {
        Make();
        Refill();
        QueueForward();
        Measure(QueueBackward, new ReportOptions { Before = RefillGradient });
    }

    // A scan overwrites what it is given.
    [IterationSetup]
    public void BeforeScan() => RunBefore();

    /// <summary>States of u, in place.</summary>
    [Benchmark]
    public void Forward() => Run();

    /// <summary>The gradients of u, in place, and of lambda.</summary>
    [Benchmark]
    public void Backward() => Run();

    private void Make()
    {
        if (Split is { } split)
            Use(SuiteDevice.Create(new CudaOptions { Scan = split }));
        var states = new Shape(Shape.Length, Shape.Batch, 2 * Shape.States);
        Backend.BeginPlan();
        _scan = Own(
            Backend.PlanDiagonalScan(
                new DiagonalScanDescriptor(Shape.States, Shape.Length, Shape.Batch)
            )
        );
        Backend.EndPlan();
        // Within the unit circle.
        _lambda = Take(new Shape(Shape.States, 2));
        _lambda.Write([.. Numbers(2L * Shape.States, seed: 1).Select(x => 0.7f * x)]);
        _drawn = Draw(states, seed: 2);
        _states = Take(states);
        _gradient = Take(states);
        _dlambda = Take(Layers.Shape.Block(_scan.LambdaGradientCount));
        _workspace = Take(Layers.Shape.Block(Math.Max(1, _scan.WorkspaceCount)));
    }

    private void Refill() => Backend.Copy(_drawn, _states);

    private void RefillGradient() => Backend.Copy(_drawn, _gradient);

    private void QueueForward() =>
        _scan!.Forward(_lambda, _states, null, new ScanRange(0, Shape.Length), _workspace);

    private void QueueBackward() =>
        _scan!.Backward(
            _lambda,
            _states,
            null,
            _gradient,
            new ScanRange(0, Shape.Length),
            _dlambda,
            adds: false,
            _workspace
        );
}

/// <summary>The sizes of a scan.</summary>
/// <param name="Name">The task, or the regime, that the sizes are of.</param>
/// <param name="Length">T, steps.</param>
/// <param name="Batch">B, sequences.</param>
/// <param name="States">N, complex states.</param>
public sealed record ScanShape(string Name, int Length, int Batch, int States)
{
    /// <summary>As in scifar T1024 B50 N384.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"{Name} T{Length} B{Batch} N{States}");
}
