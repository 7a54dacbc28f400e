using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Examples;

/// <summary>What README.md shows of the library: a model, its training in steps that a GPU can be given as graphs, its answers.</summary>
internal static class TrainingLoop
{
    /// <returns>The last loss, the first answer, and how many steps were replayed as a graph.</returns>
    public static (float Loss, float Answer, long Replays) Run(
        Device device,
        int length,
        int size,
        int steps
    )
    {
        // Shown
        using var backend = Backend.Create(device);
        using var model = new Sequential(
            new Tcn(2, [24, 24, 24], kernel: 8),
            new Last(24),
            new Linear(24, 1)
        );
        using Plan plan = model.Plan(backend, maxLength: length, maxBatch: size, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, learningRate: 2e-3f) { MaxGradientNorm = 1f };

        var task = new AddingProblem(length); // from Sequor.Workloads
        var batch = new SequenceBatch(task, size);
        using var step = new StepGraph(
            plan,
            () =>
            {
                plan.Forward(plan.Input(batch.Length, batch.Size));
                plan.Backward(loss.Compute());
                adam.Step();
            }
        );
        for (int i = 0; i < steps; i++)
        {
            batch.Load(task, i * (long)size, size);
            plan.SetInput(batch.X, batch.Length, batch.Size);
            loss.SetTargets(batch.Targets);
            step.Run();
            if (i % 100 == 99)
                Console.WriteLine($"step {i + 1}: {loss.ReadValue()}"); // waits for the device
        }

        Prediction answers = model.Predict(batch.X, batch.Length, batch.Size);
        float first = answers.At(step: 0, sequence: 0)[0]; // or answers.Values, of answers.Shape
        float[] all = plan.Output.ToArray(); // of the last step, [T, B, C]
        // Shown
        return (loss.ReadValue(), all.Length == size ? first : float.NaN, step.Replays);
    }
}
