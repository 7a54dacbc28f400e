using BenchmarkDotNet.Attributes;
using Sequor.BenchmarkDotNet;
using Sequor.Layers;

namespace Sequor.Suites;

/// <summary>
/// Whole training steps of models as papers have them, with Adam, on numbers that are drawn: Bai, Kolter and Koltun 2018 (arXiv 1803.01271,
/// Table 2) and Orvieto et al. 2023 (arXiv 2303.06349, Table 10). On a GPU steps are replayed as graphs.
/// </summary>
public class PaperStepSuite : PlanSuite
{
    /// <summary>The model and its batch.</summary>
    [ParamsSource(nameof(Models))]
    public PaperModel Model { get; set; } = null!;

    /// <summary>The models.</summary>
    public static IEnumerable<PaperModel> Models =>
        (
            (IEnumerable<PaperModel>)
                [
                    new("tcn copy", 1020, 32, 1, 10, () => Tcn(1, 10, 8, kernel: 8), 10),
                    new(
                        "tcn mnist",
                        784,
                        64,
                        1,
                        10,
                        () => Tcn(1, 25, 8, kernel: 7),
                        25,
                        Pools: true
                    ),
                    new("lstm mnist", 784, 64, 1, 10, () => new Lstm(1, 130), 130, Pools: true),
                    new("tcn ptb-char", 400, 32, 100, 50, () => Tcn(100, 450, 3, kernel: 3), 450),
                    new("lstm ptb-char", 400, 32, 100, 50, () => new Lstm(100, 600, 2), 600),
                    new("lru listops", 2048, 32, 18, 10, () => new Lru(18, 128, 256, 6), 128, true),
                    new("lru scifar", 1024, 50, 3, 10, () => new Lru(3, 512, 384, 6), 512, true),
                ]
        ).Where(model => SuiteDevice.Takes(model.Flops));

    [GlobalSetup]
    public void SetUp()
    {
        MakePlan(Model.Create(), Model.Length, Model.Batch);
        Loss loss = Own(new SoftmaxCrossEntropy(Plan));
        Optimizer adam = Own(new Adam(Plan, learningRate: 1e-5f));
        Tensor input = Plan.Input(Model.Length, Model.Batch);
        input.Write(Numbers(input.Count, seed: 3));
        loss.SetTargets(Classes(Model.Targets, Model.Classes, seed: 4));
        StepGraph graph = Own(
            new StepGraph(
                Plan,
                () =>
                {
                    Plan.Forward(Plan.Input(Model.Length, Model.Batch));
                    Plan.Backward(loss.Compute());
                    adam.Step();
                }
            )
        );
        Measure(graph.Run, new ReportOptions { Eager = () => graph.RunEager() });
    }

    /// <summary>Forward, loss, backward and update.</summary>
    [Benchmark]
    public void Step() => Run();

    private static Tcn Tcn(int inputs, int width, int levels, int kernel) =>
        new(inputs, [.. Enumerable.Repeat(width, levels)], kernel);
}

/// <summary>A model of a paper and its batch.</summary>
/// <param name="Name">Architecture and task.</param>
/// <param name="Length">T, steps.</param>
/// <param name="Batch">B, sequences.</param>
/// <param name="Inputs">Channels in.</param>
/// <param name="Classes">Classes that are told apart.</param>
/// <param name="Body">Makes all but the last layer.</param>
/// <param name="Width">Channels of the body's output.</param>
/// <param name="Pools">Whether there is one answer a sequence, from the mean over its steps.</param>
public sealed record PaperModel(
    string Name,
    int Length,
    int Batch,
    int Inputs,
    int Classes,
    Func<Layer> Body,
    int Width,
    bool Pools = false
)
{
    /// <summary>Answers a batch.</summary>
    internal long Targets => Pools ? Batch : (long)Length * Batch;

    /// <summary>Operations of a step, about: two a parameter and row forward, twice that backward.</summary>
    internal double Flops
    {
        get
        {
            using Sequential model = Create();
            return 6.0 * model.ParameterCount * Length * Batch;
        }
    }

    /// <summary>The model.</summary>
    internal Sequential Create() =>
        Pools
            ? new Sequential(Body(), new Mean(Width), new Linear(Width, Classes))
            : new Sequential(Body(), new Linear(Width, Classes));

    /// <summary>As in lru scifar T1024 B50.</summary>
    public override string ToString() => FormattableString.Invariant($"{Name} T{Length} B{Batch}");
}
