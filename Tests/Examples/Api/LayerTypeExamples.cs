using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Examples.Api;

/// <summary>What the reference shows of layers, each with what it gives.</summary>
[TestFixture]
public sealed class LayerTypeExamples
{
    [Test]
    public void An_example_of_Sequential()
    {
        // Shown: Sequential
        using var backend = Backend.Create(Device.Cpu);
        using var model = new Sequential(new Gru(2, 32), new Last(32), new Linear(32, 1));
        model.Initialize(backend, seed: 1);
        Prediction answers = model.Predict(new float[50 * 4 * 2], length: 50, batch: 4);
        float second = answers.At(step: 0, sequence: 1)[0]; // answers.Shape is [1, 4, 1]
        // Shown
        Assert.That(answers.Shape, Is.EqualTo(new Shape(1, 4, 1)));
        Assert.That(float.IsFinite(second));
    }

    [Test]
    public void An_example_of_Rnn()
    {
        // Shown: Rnn
        using var backend = Backend.Create(Device.Cpu);
        using var rnn = new Rnn(inputSize: 8, hiddenSize: 16, layers: 2); // tanh; relu: true for relu
        rnn.Initialize(backend);
        Prediction h = rnn.Predict(new float[10 * 3 * 8], length: 10, batch: 3); // [10, 3, 16]
        // Shown
        Assert.That(h.Shape, Is.EqualTo(new Shape(10, 3, 16)));
    }

    [Test]
    public void An_example_of_Lstm()
    {
        // Shown: Lstm
        using var lstm = new Lstm(inputSize: 8, hiddenSize: 16, layers: 2);
        foreach (NamedParameter named in lstm.NamedParameters()) // weight_ih_l0 [64, 8], as in PyTorch
            Console.WriteLine($"{named.Name} {named.Parameter.Shape}");

        var options = new RecurrentOptions { Bidirectional = true, ProjectionSize = 4 };
        using var both = new Lstm(8, 16, options); // gives [T, B, 2 * 4]
        // Shown
        Assert.That(lstm.NamedParameters().First().Name, Is.EqualTo("weight_ih_l0"));
        Assert.That(lstm.NamedParameters().First().Parameter.Shape, Is.EqualTo(new Shape(64, 8)));
        Assert.That(both.OutputSize, Is.EqualTo(8));
    }

    [Test]
    public void An_example_of_Gru()
    {
        // Shown: Gru
        using var backend = Backend.Create(Device.Cpu);
        using var gru = new Gru(inputSize: 1, hiddenSize: 16);
        using Plan stream = gru.Plan(backend, maxLength: 1, maxBatch: 1, Mode.Streaming);
        for (int t = 0; t < 100; t++)
        {
            Tensor h = stream.Forward([MathF.Sin(t)], length: 1, batch: 1); // goes on from step to step
            float first = h.ToArray()[0];
        }
        // Shown
        Assert.That(stream.GetState().Steps, Is.EqualTo(100));
    }

    [Test]
    public void An_example_of_Tcn()
    {
        // Shown: Tcn
        using var tcn = new Tcn(inputSize: 2, widths: [24, 24, 24], kernel: 8, dropout: 0.1f);
        long steps = tcn.ReceptiveField; // 99 steps back: 1 + 2 * 7 * (1 + 2 + 4)
        using var model = new Sequential(tcn, new Last(24), new Linear(24, 1));
        // Shown
        Assert.That(steps, Is.EqualTo(99));
        Assert.That(model.OutputSize, Is.EqualTo(1));
    }

    [Test]
    public void An_example_of_Lru()
    {
        // Shown: Lru
        using var backend = Backend.Create(Device.Cpu);
        using var lru = new Lru(inputSize: 2, modelSize: 32, stateSize: 32, blocks: 2);
        using var model = new Sequential(lru, new Last(32), new Linear(32, 1));
        using Plan plan = model.Plan(backend, maxLength: 100, maxBatch: 8, Mode.Training);
        // The recurrence at a quarter of the rate, and without decay, as the paper trains it.
        using var adam = new AdamW(
            plan,
            learningRate: 2e-3f,
            weightDecay: 0.05f,
            groups: [Lru.Recurrence(rateFactor: 0.25f)]
        );
        // Shown
        Assert.That(adam.Name, Is.EqualTo("adamw"));
    }

    [Test]
    public void An_example_of_Linear()
    {
        // Shown: Linear
        using var backend = Backend.Create(Device.Cpu);
        using var linear = new Linear(inputSize: 3, outputSize: 2);
        using Plan plan = linear.Plan(backend, maxLength: 1, maxBatch: 1, Mode.Evaluation);
        plan.Parameter("weight").Write([1, 0, 0, 0, 1, 1]); // [2, 3]
        plan.Parameter("bias").Write([10, 20]);
        float[] y = plan.Forward([1, 2, 3], length: 1, batch: 1).ToArray(); // 11, 25
        // Shown
        Assert.That(y, Is.EqualTo(new float[] { 11, 25 }));
    }

    [Test]
    public void An_example_of_Embedding()
    {
        // Shown: Embedding
        using var backend = Backend.Create(Device.Cpu);
        using var model = new Sequential(
            new Embedding(count: 65, size: 24),
            new Gru(24, 48),
            new Linear(48, 65)
        );
        model.Initialize(backend);
        float[] classes = [7, 0, 64]; // whole numbers in floats, below count
        Prediction next = model.Predict(classes, length: 3); // [3, 1, 65]
        // Shown
        Assert.That(next.Shape, Is.EqualTo(new Shape(3, 1, 65)));
    }

    [Test]
    public void An_example_of_Dropout()
    {
        // Shown: Dropout
        using var backend = Backend.Create(Device.Cpu);
        using var dropout = new Dropout(size: 4, probability: 0.5f);
        using Plan training = dropout.Plan(backend, 1, 1, Mode.Training);
        using Plan evaluation = dropout.Plan(backend, 1, 1, Mode.Evaluation);
        float[] some = training.Forward([1, 1, 1, 1], 1, 1).ToArray(); // each is 0 or 2
        float[] all = evaluation.Forward([1, 1, 1, 1], 1, 1).ToArray(); // 1, 1, 1, 1
        // Shown
        Assert.That(some, Is.All.EqualTo(0f).Or.EqualTo(2f));
        Assert.That(all, Is.All.EqualTo(1f));
    }

    [Test]
    public void An_example_of_Last()
    {
        // Shown: Last
        using var backend = Backend.Create(Device.Cpu);
        using var last = new Last(size: 2);
        last.Initialize(backend);
        Prediction y = last.Predict([1, 2, 3, 4, 5, 6], length: 3); // [1, 1, 2]: 5 and 6
        // Shown
        Assert.That(y.Values.ToArray(), Is.EqualTo(new float[] { 5, 6 }));
    }

    [Test]
    public void An_example_of_Residual()
    {
        // Shown: Residual
        using var model = new Sequential(
            new Linear(8, 32),
            new Residual(new Sequential(new LayerNorm(32), new Lstm(32, 32))), // x + lstm(norm(x))
            new Residual(new Sequential(new LayerNorm(32), new Lstm(32, 32))),
            new Linear(32, 4)
        );
        // Shown
        Assert.That((model.InputSize, model.OutputSize), Is.EqualTo((8, 4)));
    }
}
