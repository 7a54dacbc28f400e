using BenchmarkDotNet.Attributes;
using Sequor.Layers;

namespace Sequor.Suites;

/// <summary>
/// Losses with the gradient of the output, at the outputs of the papers' tasks: squared error of the adding problem; classes of copy memory,
/// of characters and of words of the Penn Treebank (Bai, Kolter and Koltun 2018); 88 notes of polyphonic music (Chung et al. 2014).
/// </summary>
public class LossSuite : PlanSuite
{
    /// <summary>The loss and its rows.</summary>
    [ParamsSource(nameof(Shapes))]
    public LossShape Shape { get; set; } = null!;

    /// <summary>The losses.</summary>
    public static IEnumerable<LossShape> Shapes =>
        [
            new("adding", LossKind.SquaredError, 1, 32, 1),
            new("copy", LossKind.Classes, 1020, 32, 10),
            new("ptb-char", LossKind.Classes, 320, 32, 50),
            new("ptb-word", LossKind.Classes, 40, 16, 10_000),
            new("music", LossKind.Binary, 61, 16, 88),
        ];

    [GlobalSetup]
    public void SetUp()
    {
        MakePlan(new Linear(1, Shape.Outputs), Shape.Length, Shape.Batch);
        Loss loss = Own(Shape.Create(Plan));
        // Targets are for the input that the plan was asked for.
        Tensor input = Plan.Input(Shape.Length, Shape.Batch);
        input.Write(Numbers(input.Count, seed: 3));
        long rows = (long)Shape.Length * Shape.Batch;
        loss.SetTargets(
            Shape.Kind switch
            {
                LossKind.Classes => Classes(rows, Shape.Outputs, seed: 4),
                LossKind.Binary => Classes(rows * Shape.Outputs, 2, seed: 4),
                _ => Numbers(rows * Shape.Outputs, seed: 4),
            }
        );
        Plan.Forward(input);
        Measure(() => loss.Compute());
    }

    /// <summary>The loss and the gradient of the output.</summary>
    [Benchmark]
    public void Compute() => Run();
}

/// <summary>What a loss compares.</summary>
public enum LossKind
{
    /// <summary>Numbers: the mean of squared errors.</summary>
    SquaredError,

    /// <summary>One class of several: cross-entropy after softmax.</summary>
    Classes,

    /// <summary>Each output by itself: binary cross-entropy.</summary>
    Binary,
}

/// <summary>A loss and what it is given.</summary>
/// <param name="Name">The task that the sizes are of.</param>
/// <param name="Kind">What it compares.</param>
/// <param name="Length">T, steps that have a target.</param>
/// <param name="Batch">B, sequences.</param>
/// <param name="Outputs">Channels of the output.</param>
public sealed record LossShape(string Name, LossKind Kind, int Length, int Batch, int Outputs)
{
    /// <summary>The loss of a plan.</summary>
    internal Loss Create(Plan plan) =>
        Kind switch
        {
            LossKind.Classes => new SoftmaxCrossEntropy(plan),
            LossKind.Binary => new BinaryCrossEntropy(plan),
            _ => new MeanSquaredError(plan),
        };

    /// <summary>As in music Binary T61 B16 K88.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"{Name} {Kind} T{Length} B{Batch} K{Outputs}");
}
