using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Examples;

/// <summary>What docs/getting-started.md shows: a model is trained, saved and asked.</summary>
internal static class GettingStarted
{
    /// <returns>The losses of epochs on the held-out sequences, and the answer.</returns>
    public static (double?[] Losses, float Answer) Run(
        Device device,
        int sequences,
        int held,
        int epochs,
        string path
    )
    {
        // Shown
        using var backend = Backend.Create(device); // a GPU that passes its self-check, else the CPU
        Console.WriteLine(backend.Info.Description);
        var task = new AddingProblem(100); // sequences of 100 steps
        using var model = new Sequential(
            new Lru(inputSize: 2, modelSize: 32, stateSize: 32, blocks: 2),
            new Mean(32), // over the steps
            new Linear(32, 1)
        );
        using var trainer = new Trainer(
            model,
            train: task.Part(stream: 1, first: 0, count: sequences),
            validation: task.HeldOut(count: held),
            backend,
            plan => new Adam(plan, learningRate: 4e-3f),
            new TrainingOptions
            {
                Batch = 32,
                Clip = 1f,
                Epochs = epochs,
            }
        );
        trainer.Run(progress: now =>
        {
            if (now.Ended is { } epoch)
                Console.WriteLine($"epoch {epoch.Epoch}: held out {epoch.Valid:F4}");
        });
        trainer.RestoreBest();
        model.Save(path);

        // Two numbers of a sequence are marked: 0.25 and 0.5.
        float[] x = new float[100 * 2]; // [T, B, C]: steps, sequences, channels
        (x[2 * 10], x[2 * 10 + 1]) = (0.25f, 1f);
        (x[2 * 60], x[2 * 60 + 1]) = (0.5f, 1f);
        float answer = model.Predict(x, length: 100).Values[0];
        Console.WriteLine($"0.25 + 0.5 = {answer:F2}");
        // Shown
        return ([.. trainer.History.Select(epoch => epoch.Valid)], answer);
    }
}
