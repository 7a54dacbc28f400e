using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Examples.Api;

/// <summary>What the reference shows of backends, tensors, files and profiles, each with what it gives.</summary>
[TestFixture]
public sealed class BackendTypeExamples
{
    [Test]
    public void An_example_of_Backend()
    {
        // Shown: Backend
        using var backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 2 });
        Console.WriteLine(backend.Info.Description); // processor, threads, instructions
        using var model = new Lstm(16, 32);
        using Plan plan = model.Plan(backend, maxLength: 50, maxBatch: 8, Mode.Training);
        long bytes = backend.Memory.CurrentBytes; // all that the plan took, exactly
        // Shown
        Assert.That(bytes, Is.Positive);
        Assert.That(backend.Info.Threads, Is.EqualTo(2));
    }

    [Test]
    public void An_example_of_Device()
    {
        // Shown: Device
        Device device = Device.Parse("cpu"); // or "auto", "cuda", "cuda:1"
        if (!Device.TryParse("gpu", out _))
            Console.WriteLine("there is no device of that name");
        using var backend = Backend.Create(device); // Device.Auto: a GPU that passes its self-check, else the CPU
        Console.WriteLine(backend.Info.Reason); // why it was chosen
        // Shown
        Assert.That(device, Is.EqualTo(Device.Cpu));
    }

    [Test]
    public void An_example_of_Tensor()
    {
        // Shown: Tensor
        using var backend = Backend.Create(Device.Cpu);
        using Storage storage = backend.Allocate(count: 2 * 3, MemoryCategory.InputOutput);
        Tensor tensor = storage.View(new Shape(2, 3));
        tensor.Write([1, 2, 3, 4, 5, 6]);
        Tensor row = tensor.Slice(first: 1, count: 1); // the same memory
        row.Write([7, 8, 9]);
        float[] values = tensor.ToArray(); // 1, 2, 3, 7, 8, 9
        // Shown
        Assert.That(values, Is.EqualTo(new float[] { 1, 2, 3, 7, 8, 9 }));
    }

    [Test]
    public void An_example_of_TorchWeights()
    {
        string folder = Directory.CreateTempSubdirectory("sequor-").FullName;
        string path = Path.Combine(folder, "gru.safetensors");
        try
        {
            // Shown: TorchWeights
            using var backend = Backend.Create(Device.Cpu);
            using var model = new Sequential(new Gru(2, 16), new Linear(16, 1));
            model.Initialize(backend);
            // PyTorch's module has the attributes rnn and head.
            var modules = new Dictionary<string, string> { ["0"] = "rnn", ["1"] = "head" };
            TorchWeights.Save(model, path, modules); // torch: load_state_dict(load_file(path))
            TorchWeights.Load(model, path, backend, modules); // what save_file(state_dict, path) wrote
            // Shown
            Assert.That(File.ReadAllText(path), Does.Contain("rnn.weight_ih_l0"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void An_example_of_Profile()
    {
        // Shown: Profile
        using var backend = Backend.Create(Device.Cpu);
        using var model = new Sequential(new Gru(2, 16), new Linear(16, 1));
        using Plan plan = model.Plan(backend, maxLength: 20, maxBatch: 4, Mode.Evaluation);
        using Profile profile = Profile.Start(plan);
        for (int i = 0; i < 5; i++)
            plan.Forward(new float[20 * 4 * 2], length: 20, batch: 4);
        foreach (ProfiledOperation row in profile.Read().Operations)
            Console.WriteLine($"{row.Layer} {row.Operation} {row.Milliseconds:F3} ms");
        // Shown
        Assert.That(profile.Steps, Is.AtLeast(4));
    }
}
