using Sequor.Layers;

namespace Sequor.Tests.Examples;

/// <summary>What Layers/PACKAGE.md shows: a model that learns the mean of what it saw.</summary>
internal static class MeanOfASequence
{
    public static float Run()
    {
        // Shown
        const int Length = 20;
        const int Batch = 16;
        using var backend = Backend.Create(Device.Cpu); // Device.Cuda() is a GPU
        using var model = new Sequential(new Gru(1, 16), new Last(16), new Linear(16, 1));
        using Plan plan = model.Plan(backend, Length, Batch, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, learningRate: 1e-2f) { MaxGradientNorm = 1f };

        var random = new Random(1);
        var x = new float[Length * Batch]; // [T, B, C], the time first
        var mean = new float[Batch];
        for (int step = 1; step <= 300; step++)
        {
            for (int i = 0; i < x.Length; i++)
                x[i] = random.NextSingle();
            for (int b = 0; b < Batch; b++)
                mean[b] = Enumerable.Range(0, Length).Average(t => x[t * Batch + b]);
            plan.Forward(x, Length, Batch);
            plan.Backward(loss.Compute(mean));
            adam.Step();
            if (step % 100 == 0)
                Console.WriteLine($"step {step}: {loss.ReadValue():F5}");
        }
        // Shown
        return loss.ReadValue();
    }
}
