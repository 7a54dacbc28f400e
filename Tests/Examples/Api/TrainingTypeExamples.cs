using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Examples.Api;

/// <summary>What the reference shows of plans and training, each with what it gives.</summary>
[TestFixture]
public sealed class TrainingTypeExamples
{
    [Test]
    public void An_example_of_Plan()
    {
        // Shown: Plan
        using var backend = Backend.Create(Device.Cpu);
        using var model = new Sequential(new Gru(2, 32), new Linear(32, 1));
        using Plan plan = model.Plan(backend, maxLength: 100, maxBatch: 8, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, learningRate: 1e-3f);

        float[] x = new float[50 * 4 * 2]; // [T, B, C]: any T and B up to the plan's
        float[] targets = new float[50 * 4 * 1];
        plan.Forward(x, length: 50, batch: 4);
        plan.Backward(loss.Compute(targets)); // gradients: plan.Gradient("0.weight_ih_l0")
        adam.Step();
        float[] y = plan.Output.ToArray(); // [50, 4, 1]
        // Shown
        Assert.That(y, Has.Length.EqualTo(200));
        Assert.That(plan.Gradient("0.weight_ih_l0").Shape, Is.EqualTo(new Shape(96, 2)));
    }

    [Test]
    public void An_example_of_PlanOptions()
    {
        // Shown: PlanOptions
        using var backend = Backend.Create(Device.Cpu);
        using var gru = new Gru(inputSize: 2, hiddenSize: 8);
        using Plan plan = gru.Plan(
            backend,
            maxLength: 10,
            maxBatch: 3,
            Mode.Training,
            new PlanOptions { VariableLengths = true, InputGradient = true }
        );
        int[] lengths = [10, 7, 1]; // what lies beyond a sequence's end is not looked at
        Tensor y = plan.Forward(new float[10 * 3 * 2], length: 10, batch: 3, lengths);
        plan.Backward(y); // the gradient of |y|^2 / 2
        float[] dx = plan.InputGradient.ToArray(); // [10, 3, 2]
        // Shown
        Assert.That(dx, Has.Length.EqualTo(60));
    }

    [Test]
    public void An_example_of_MeanSquaredError()
    {
        // Shown: MeanSquaredError
        using var backend = Backend.Create(Device.Cpu);
        using var linear = new Linear(1, 1, bias: false);
        using Plan plan = linear.Plan(backend, maxLength: 2, maxBatch: 1, Mode.Training);
        plan.Parameter("weight").Write([2]);
        using var loss = new MeanSquaredError(plan);
        plan.Forward([1, 3], length: 2, batch: 1); // 2, 6
        plan.Backward(loss.Compute([1, 3])); // errors 1, 3
        float mean = loss.ReadValue(); // (1 + 9) / 2
        // Shown
        Assert.That(mean, Is.EqualTo(5f).Within(1e-6));
        Assert.That(plan.Gradient("weight").ToArray()[0], Is.EqualTo(10f).Within(1e-5));
    }

    [Test]
    public void An_example_of_SoftmaxCrossEntropy()
    {
        // Shown: SoftmaxCrossEntropy
        using var backend = Backend.Create(Device.Cpu);
        using var model = new Sequential(new Lstm(28, 64), new Last(64), new Linear(64, 10));
        using Plan plan = model.Plan(backend, maxLength: 28, maxBatch: 2, Mode.Training);
        using var loss = new SoftmaxCrossEntropy(plan);
        plan.Forward(new float[28 * 2 * 28], length: 28, batch: 2);
        plan.Backward(loss.Compute([3, 9])); // a class each, as whole numbers
        float nats = loss.ReadValue(); // near ln 10 before training
        // Shown
        Assert.That(nats, Is.EqualTo(MathF.Log(10)).Within(0.3));
    }

    [Test]
    public void An_example_of_Adam()
    {
        // Shown: Adam
        using var backend = Backend.Create(Device.Cpu);
        using var linear = new Linear(1, 1);
        using Plan plan = linear.Plan(backend, maxLength: 1, maxBatch: 1, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, learningRate: 0.1f) { MaxGradientNorm = 1f };
        for (int i = 0; i < 200; i++)
        {
            adam.LearningRate = 0.1f / (1 + i / 50); // a schedule of your own
            plan.Forward([1], length: 1, batch: 1);
            plan.Backward(loss.Compute([5]));
            adam.Step();
        }
        float error = loss.ReadValue();
        // Shown
        Assert.That(error, Is.LessThan(0.1f));
    }

    [Test]
    public void An_example_of_AdamW()
    {
        // Shown: AdamW
        using var backend = Backend.Create(Device.Cpu);
        using var model = new Sequential(new Gru(2, 16), new Linear(16, 1));
        using Plan plan = model.Plan(backend, maxLength: 10, maxBatch: 2, Mode.Training);
        var biases = new ParameterGroup(
            named => named.Parameter.Name.StartsWith("bias", StringComparison.Ordinal),
            rateFactor: 1f,
            decays: false
        );
        using var adam = new AdamW(plan, learningRate: 1e-3f, weightDecay: 0.01f, groups: [biases]);
        // Shown
        Assert.That(adam.Settings, Does.Contain("0.01"));
    }

    [Test]
    public void An_example_of_StepGraph()
    {
        // Shown: StepGraph
        using var backend = Backend.Create(Device.Cpu); // on a GPU steps are replayed from the third on
        using var model = new Sequential(new Gru(2, 16), new Last(16), new Linear(16, 1));
        using Plan plan = model.Plan(backend, maxLength: 20, maxBatch: 4, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, learningRate: 1e-3f);
        using var step = new StepGraph(
            plan,
            () =>
            {
                plan.Forward(plan.Input(length: 20, batch: 4));
                plan.Backward(loss.Compute());
                adam.Step();
            }
        );
        for (int i = 0; i < 10; i++)
        {
            plan.SetInput(new float[20 * 4 * 2], length: 20, batch: 4); // copies in before the step
            loss.SetTargets(new float[4]);
            step.Run();
        }
        Console.WriteLine($"{step.Replays} replays; {step.EagerReason}");
        // Shown
        Assert.That(step.Replays + step.EagerRuns, Is.EqualTo(10));
    }

    [Test]
    public void An_example_of_Trainer()
    {
        // Shown: Trainer
        using var backend = Backend.Create(Device.Cpu);
        using var model = new Sequential(new Gru(2, 16), new Last(16), new Linear(16, 1));
        var task = new AddingProblem(20); // from Sequor.Workloads; or a Dataset of your own
        using var trainer = new Trainer(
            model,
            train: task.Part(stream: 1, first: 0, count: 256),
            validation: task.HeldOut(count: 64),
            backend,
            plan => new Adam(plan, learningRate: 5e-3f),
            new TrainingOptions
            {
                Batch = 32,
                Clip = 1f,
                Epochs = 2,
            }
        );
        trainer.Run();
        double held = trainer.EvaluateBest(task.HeldOut(count: 64, first: 64));
        // Shown
        Assert.That(held, Is.Positive.And.LessThan(2));
        Assert.That(trainer.History, Has.Count.EqualTo(2));
    }

    [Test]
    public void An_example_of_Dataset()
    {
        using var backend = Backend.Create(Device.Cpu);
        using var model = new Linear(1, 1);
        using var trainer = new Trainer(
            model,
            new Waves(),
            null,
            backend,
            plan => new Adam(plan, 1e-2f),
            new TrainingOptions { Batch = 8, Steps = 20 }
        );
        Assert.That(trainer.Run(), Is.EqualTo(StopReason.Steps));
    }

    /// <summary>Sine waves of differing lengths; the target of a step is the next one's value.</summary>
    // Shown: Dataset
    private sealed class Waves : Dataset
    {
        public override string Name => "waves";
        public override int? Count => 100;
        public override int InputSize => 1;
        public override int OutputSize => 1;
        public override int TargetSize => 1;
        public override bool OneOutput => false; // a target for each step
        public override string Metric => "mean squared error";

        public override Loss CreateLoss(Plan plan) => new MeanSquaredError(plan);

        public override int LengthOf(long sequence) => 20 + (int)(sequence % 10);

        public override void Fill(SequenceBatch batch, int b, long sequence)
        {
            for (int t = 0; t < LengthOf(sequence); t++)
            {
                batch.Input(t, b)[0] = MathF.Sin(0.1f * (t + sequence));
                batch.Target(t, b)[0] = MathF.Sin(0.1f * (t + 1 + sequence));
            }
        }
    }
    // Shown
}
