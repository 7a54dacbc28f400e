using Sequor.Layers;

namespace Sequor.Tests.Examples;

/// <summary>What docs/how-to/from-pytorch.md shows: the loop that PyTorch's users know, step by step.</summary>
internal static class PyTorchLoop
{
    /// <returns>The last loss.</returns>
    public static float Run(
        Backend backend,
        Layer model,
        IEnumerable<(float[] X, float[] Targets)> batches
    )
    {
        // Shown
        using Plan plan = model.Plan(backend, maxLength: 28, maxBatch: 64, Mode.Training);
        using var loss = new SoftmaxCrossEntropy(plan);
        using var adam = new Adam(plan, learningRate: 1e-3f) { MaxGradientNorm = 1f };
        foreach ((float[] x, float[] targets) in batches)
        {
            plan.Forward(x, length: 28, batch: 64);
            plan.Backward(loss.Compute(targets));
            adam.Step();
        }
        // Shown
        return loss.ReadValue();
    }
}
