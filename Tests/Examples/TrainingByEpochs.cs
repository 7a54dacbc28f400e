using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Examples;

/// <summary>What README.md shows of the training loop: epochs, validation, a checkpoint, the best parameters.</summary>
internal static class TrainingByEpochs
{
    /// <returns>The loss on a test set, and how many epochs it took.</returns>
    public static (double Test, int Epochs) Run(Backend backend, int sequences, string path)
    {
        // Shown
        var task = new AddingProblem(100);
        using var model = new Sequential(new Gru(2, 32), new Last(32), new Linear(32, 1));
        using var trainer = new Trainer(
            model,
            train: task.Part(stream: 1, first: 0, count: sequences),
            validation: task.HeldOut(count: 500),
            backend,
            plan => new Adam(plan, learningRate: 5e-3f),
            new TrainingOptions
            {
                Batch = 32,
                Clip = 1f,
                Epochs = 10,
                Patience = 3,
            }
        );
        trainer.LossRead = (step, loss) => Console.WriteLine($"step {step}: {loss}"); // many at once
        if (File.Exists(path))
            trainer.Resume(path); // goes on bit for bit
        trainer.Run(progress: now =>
        {
            if (now.Ended is not null)
                trainer.Save(path, new Dictionary<string, string> { ["task"] = task.Name });
        });
        trainer.RestoreBest();
        double test = trainer.Evaluate(task.HeldOut(count: 1000, first: 500));
        // Shown
        return (test, trainer.History.Count);
    }
}
