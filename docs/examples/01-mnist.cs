// An LSTM reads MNIST's digits row by row, 28 steps of 28 pixels: dotnet run 01-mnist.cs FOLDER
#:package Sequor.Workloads@*-*
using Sequor.Layers;
using Sequor.Workloads;

if (args is not [{ Length: > 0 } folder])
{
    Console.Error.WriteLine("usage: dotnet run 01-mnist.cs FOLDER, which has MNIST's four files");
    return 2;
}
try
{
    MnistDataset mnist = MnistDataset.Load(folder); // gzipped or not
    using var backend = Backend.Create(Device.Auto);
    using var model = new Sequential(new Lstm(28, 128), new Last(128), new Linear(128, 10));
    using var trainer = new Trainer(
        model,
        mnist.Train,
        validation: null,
        backend,
        plan => new Adam(plan, learningRate: 2e-3f),
        new TrainingOptions { Batch = 64, Epochs = 4 }
    );
    trainer.Run(progress: now =>
    {
        if (now.Ended is { } epoch)
            Console.WriteLine($"epoch {epoch.Epoch}: loss {epoch.Train:F4}, {epoch.Seconds:F1} s");
    });
    double accuracy = trainer.Accuracy(mnist.Test);
    Console.WriteLine($"{100 * accuracy:F2}% of {mnist.Test.Images} test images are recognised");
    return 0;
}
catch (Exception e) when (e is TaskDataException or IOException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
