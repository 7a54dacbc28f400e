using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Runs the same steps with and without graphs.</summary>
public abstract class StepGraphFixture : CudaFixture
{
    private protected const int T = 3;
    private protected const int B = 2;
    private protected const int Inputs = 2;
    private protected const int Steps = 11;

    /// <summary>The step that changes something, where that happens once.</summary>
    private protected const int Change = 6;

    // The same steps with and without graphs.
    private protected StepGraph Alike(
        Func<StepRun> make,
        Action<StepRun>? step = null,
        Action<StepRun>? before = null,
        Action<StepRun>? after = null,
        int steps = Steps
    )
    {
        using StepRun graphed = make();
        using StepRun eager = make();
        eager.IsEager = true;
        foreach (StepRun run in new[] { graphed, eager })
        {
            run.Step = step ?? run.Step;
            for (int i = 0; i < steps; i++)
                run.Next(before, after);
        }
        Assert.That(eager.Graph.Replays + eager.Graph.EagerRuns, Is.Zero);
        Assert.That(eager.Noted.Distinct().Count(), Is.GreaterThan(2));
        Same(graphed.Noted, eager.Noted);
        if (graphed.Plan.Mode == Mode.Training)
            Same(graphed.Plan.Parameters.ToArray(), eager.Plan.Parameters.ToArray());
        return graphed.Graph;
    }

    // A real GPU's libraries may add up in another order each time.
    private void Same(IReadOnlyList<float> actual, IReadOnlyList<float> expected) =>
        Assert.That(actual, Is.EqualTo(expected).Within(Virtual is null ? 1e-4 : 0));
}
