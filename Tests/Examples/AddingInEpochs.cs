using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Examples;

/// <summary>What the package Sequor.Workloads shows: training by epochs on the adding problem, and a test.</summary>
internal static class AddingInEpochs
{
    public static double Run()
    {
        // Shown
        var task = new AddingProblem(30);
        using var backend = Backend.Create(Device.Cpu);
        using var model = new Sequential(new Gru(2, 32), new Last(32), new Linear(32, 1));
        using var trainer = new Trainer(
            model,
            train: task.Part(stream: 1, first: 0, count: 2000),
            validation: task.HeldOut(count: 200),
            backend,
            plan => new Adam(plan, learningRate: 5e-3f),
            new TrainingOptions { Clip = 1f, Epochs = 3 }
        );
        trainer.Run(progress: now =>
        {
            if (now.Ended is { } epoch)
                Console.WriteLine($"epoch {now.Epoch}: {epoch.Valid:F4}");
        });
        double test = trainer.Evaluate(task.HeldOut(count: 500, first: 200));
        Console.WriteLine($"mean squared error {test:F4}");
        // Shown
        return test;
    }
}
