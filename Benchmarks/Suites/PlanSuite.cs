using Sequor.BenchmarkDotNet;
using Sequor.Layers;

namespace Sequor.Suites;

/// <summary>Suites of one model's plan: its forward pass, and its backward pass apart.</summary>
public abstract class PlanSuite : Suite
{
    private Plan? _plan;
    private Tensor _input;
    private Tensor _gradient;

    /// <summary>The plan that <see cref="MakePlan"/> made.</summary>
    private protected Plan Plan => _plan!;

    /// <summary>Makes a model's plan, and an input and a gradient of the output that are drawn.</summary>
    private protected void MakePlan(
        Layer model,
        int length,
        int batch,
        Mode mode = Mode.Training,
        bool inputGradient = false
    )
    {
        _plan = Own(
            Own(model)
                .Plan(
                    Backend,
                    length,
                    batch,
                    mode,
                    new PlanOptions { InputGradient = inputGradient }
                )
        );
        _input = Draw(new Shape(length, batch, model.InputSize), seed: 1);
        if (mode == Mode.Training)
            _gradient = Draw(_plan.MaxOutput, seed: 2);
    }

    /// <summary>The benchmark is the forward pass.</summary>
    private protected void MeasureForward() => Measure(Forward);

    /// <summary>The benchmark is the backward pass; a forward pass comes before each.</summary>
    private protected void MeasureBackward() =>
        Measure(Backward, new ReportOptions { Before = Forward });

    private void Forward() => Plan.Forward(_input);

    // Added to what is there, so that nothing is cleared before.
    private void Backward() => Plan.Backward(_gradient, accumulate: true);
}
