using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>A case's model planned on a backend, and the comparison of its results with the expected ones.</summary>
internal sealed class PlannedCase : IDisposable
{
    private readonly Layer _model;
    private readonly Storage _outputGradient;

    public PlannedCase(
        GradientCase @case,
        Backend backend,
        int maxLength = 0,
        int maxBatch = 0,
        bool inputGradient = true
    )
    {
        _model = @case.Model();
        Plan = _model.Plan(
            backend,
            Math.Max(maxLength, @case.Time),
            Math.Max(maxBatch, @case.Batch),
            Mode.Training,
            new PlanOptions
            {
                InputGradient = inputGradient && @case.Classes is null,
                Seed = GradientCase.PlanSeed,
                Resets = @case.Resets is not null,
            }
        );
        foreach ((string name, float[] values) in @case.Parameters)
            Plan.Parameter(name).Write(values);
        _outputGradient = backend.Allocate(Plan.MaxOutput.Count, MemoryCategory.InputOutput);
    }

    public Plan Plan { get; }

    /// <summary>Runs the case and compares all its results.</summary>
    public static void Check(GradientCase @case, Backend backend)
    {
        using var planned = new PlannedCase(@case, backend);
        planned.CheckForward(@case);
        planned.Backward();
        planned.CheckGradients(@case);
    }

    public void CheckForward(GradientCase @case)
    {
        if (@case.Resets is not null)
            Plan.SetResets(@case.Resets, @case.Time, @case.Batch);
        Close.Check(
            Plan.Forward(@case.X, @case.Time, @case.Batch).ToArray(),
            @case.Expected.Output,
            Close.Output,
            "output"
        );
    }

    public void Backward(bool accumulate = false)
    {
        var gradient = new Tensor(_outputGradient, 0, Plan.Output.Shape);
        gradient.Write(GradientCase.OutputGradient(gradient.Count));
        Plan.Backward(gradient, accumulate);
    }

    public void CheckGradients(GradientCase @case, bool inputGradient = true)
    {
        foreach ((string name, Expectation.Gradient expected) in @case.Expected.Gradients)
        {
            bool ofInput = name == Expectation.Input;
            if (!ofInput || inputGradient)
                Check(@case, name, ofInput ? Plan.InputGradient : Plan.Gradient(name), expected);
        }
    }

    private static void Check(
        GradientCase @case,
        string name,
        Tensor gradient,
        Expectation.Gradient expected
    )
    {
        float[] actual = gradient.ToArray();
        int count = name == Expectation.Input ? @case.X.Length : @case.Parameters[name].Length;
        NUnit.Framework.Assert.That(
            actual,
            NUnit.Framework.Has.Length.EqualTo(count),
            $"number of values of the gradient of {name}"
        );
        Close.Check(
            Array.ConvertAll(expected.At, i => actual[i]),
            expected.Values,
            Close.Gradient,
            $"gradient of {name}"
        );
        double length = Math.Sqrt(actual.Sum(value => (double)value * value));
        for (int k = 0; k < expected.Along.Length; k++)
        {
            double along = actual.Zip(expected.Directions[k], (a, b) => a * b).Sum();
            Close.Check(
                along,
                expected.Along[k],
                Math.Max(length, Math.Abs(expected.Along[k])),
                @case.Kinked && @case.Large ? Close.KinkedDirection : Close.Direction,
                $"gradient of {name} along direction {k}"
            );
        }
    }

    public void Dispose()
    {
        _outputGradient.Dispose();
        Plan.Dispose();
        _model.Dispose();
    }
}
