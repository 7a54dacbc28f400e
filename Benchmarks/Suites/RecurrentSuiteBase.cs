using BenchmarkDotNet.Attributes;

namespace Sequor.Suites;

/// <summary>
/// Passes of recurrent networks. The backward pass gives the gradients of the weights and, where it is not left out, of the input: the
/// walk back through time is the same for both.
/// </summary>
public abstract class RecurrentSuiteBase : PlanSuite
{
    /// <summary>The network and its batch.</summary>
    [ParamsSource("Shapes")]
    public RecurrentShape Shape { get; set; } = null!;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward()
    {
        MakePlan(Shape.Create(), Shape.Length, Shape.Batch);
        MeasureForward();
    }

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward()
    {
        MakePlan(Shape.Create(), Shape.Length, Shape.Batch, inputGradient: true);
        MeasureBackward();
    }

    [GlobalSetup(Target = nameof(BackwardWeights))]
    public void SetUpBackwardWeights()
    {
        MakePlan(Shape.Create(), Shape.Length, Shape.Batch);
        MeasureBackward();
    }

    [IterationSetup(Targets = [nameof(Backward), nameof(BackwardWeights)])]
    public void BeforeBackward() => RunBefore();

    /// <summary>The forward pass of a training step.</summary>
    [Benchmark]
    public void Forward() => Run();

    /// <summary>The gradients of the input and of the weights.</summary>
    [Benchmark]
    public void Backward() => Run();

    /// <summary>The gradients of the weights alone, as of a first layer.</summary>
    [Benchmark]
    public void BackwardWeights() => Run();
}
