using NUnit.Framework;
using Sequor.Layers;
using Sequor.Outside;
using Sequor.Tests.Support;

namespace Sequor.Tests.Strangers;

/// <summary>
/// A model, a loss and a timed step of somebody who has only what is public: they do all that Sequor's own do, on both backends.
/// </summary>
[TestFixture("cpu")]
[TestFixture("cuda")]
public sealed class StrangerTests(string device) : CudaFixture
{
    private const int T = 5;
    private const int B = 3;

    private Backend On => device == "cpu" ? Cpu : Gpu;

    private static float[] X => new Draw(1).Uniform(T * B * StrangerCase.Inputs);

    [Test]
    public void It_sees_nothing_that_is_not_public() =>
        Assert.That(
            typeof(Layer)
                .Assembly.GetCustomAttributes(
                    typeof(System.Runtime.CompilerServices.InternalsVisibleToAttribute),
                    false
                )
                .Cast<System.Runtime.CompilerServices.InternalsVisibleToAttribute>()
                .Select(a => a.AssemblyName),
            Has.None.EqualTo(typeof(LeakySum).Assembly.GetName().Name)
        );

    [TestCase(T, B)]
    [TestCase(1, B)]
    [TestCase(T, 1)]
    public void Its_gradients_are_central_differences(int steps, int batch)
    {
        using Sequential model = StrangerCase.Model();
        using Plan plan = model.Plan(
            On,
            T,
            B,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        float[] x = new Draw(1).Uniform(steps * batch * StrangerCase.Inputs);
        float[] dy = new Draw(2).Uniform(steps * batch * StrangerCase.Outputs);
        Tensor y = plan.Forward(x, steps, batch);
        Tensor gradient = On.Allocate(y.Shape, MemoryCategory.InputOutput);
        try
        {
            gradient.Write(dy);
            plan.Backward(gradient);
        }
        finally
        {
            gradient.Storage.Dispose();
        }

        Dictionary<string, double[]> values = model
            .NamedParameters()
            .ToDictionary(p => p.Name, p => Doubles(plan.Parameter(p.Name).ToArray()));
        (double[] output, Dictionary<string, double[]> gradients) = StrangerCase.Expected(
            model,
            values,
            Doubles(x),
            Doubles(dy),
            batch
        );
        Close.Check(y.ToArray(), output, Close.Output, "y");
        foreach ((string name, double[] expected) in gradients)
        {
            Tensor actual = name == "x" ? plan.InputGradient : plan.Gradient(name);
            Close.Check(actual.ToArray(), expected, Close.Gradient, name);
        }
    }

    [Test]
    public void A_gradient_of_the_last_step_alone_is_as_one_of_zeros_before_it()
    {
        using var model = new Sequential(StrangerCase.Model(), new Last(StrangerCase.Outputs));
        using var whole = new Sequential(StrangerCase.Model());
        using Plan plan = model.Plan(On, T, B, Mode.Training);
        using Plan all = whole.Plan(On, T, B, Mode.Training);
        float[] last = new Draw(2).Uniform(B * StrangerCase.Outputs);
        float[][] gradients =
        [
            .. new[] { plan, all }.Select(p =>
            {
                Tensor y = p.Forward(X, T, B);
                Tensor dy = On.Allocate(y.Shape, MemoryCategory.InputOutput);
                dy.Write([.. new float[dy.Count - last.Length], .. last]);
                p.Backward(dy);
                dy.Storage.Dispose();
                return p.Gradients.ToArray();
            }),
        ];
        Assert.That(gradients[0], Is.EqualTo(gradients[1]).Within(1e-6));
    }

    [Test]
    public void It_is_saved_and_loaded()
    {
        string path = Path.GetTempFileName();
        try
        {
            using Sequential model = StrangerCase.Model();
            model.Initialize(On, 7);
            float[] expected = model.Predict(X, T, B).Values.ToArray();
            model.Save(path);

            using Sequential loaded = StrangerCase.Model();
            loaded.Load(path, On);
            Assert.That(loaded.Predict(X, T, B).Values.ToArray(), Is.EqualTo(expected));

            using var other = new Sequential(new LeakySum(StrangerCase.Inputs, 4));
            Assert.That(
                () => other.Load(path, On),
                Throws.TypeOf<SafetensorsException>().With.Message.Contains("2.decay")
            );
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void A_stream_carries_its_state_from_call_to_call_and_takes_it_up_again()
    {
        using Sequential model = StrangerCase.Model();
        float[] expected = Whole(model);
        using Plan stream = model.Plan(On, 2, B, Mode.Streaming);
        int step = B * StrangerCase.Inputs;

        var given = new List<float>();
        StreamState? middle = null;
        foreach ((int from, int count) in ((int, int)[])[(0, 2), (2, 1), (3, 2)])
        {
            if (from == 3)
                middle = stream.GetState();
            given.AddRange(stream.Forward(X.AsSpan(from * step, count * step), count, B).ToArray());
        }
        Close.Check(given.ToArray(), Doubles(expected), Close.Output, "the stream");

        stream.Reset();
        Assert.That(
            stream.Forward(X.AsSpan(0, step), 1, B).ToArray(),
            Is.EqualTo(given.Take(B * StrangerCase.Outputs))
        );
        stream.SetState(middle!);
        Assert.That(
            stream.Forward(X.AsSpan(3 * step, 2 * step), 2, B).ToArray(),
            Is.EqualTo(given.Skip(3 * B * StrangerCase.Outputs))
        );
    }

    private float[] Whole(Layer model)
    {
        using Plan plan = model.Plan(On, T, B, Mode.Evaluation);
        return plan.Forward(X, T, B).ToArray();
    }

    [Test]
    public void Its_dropout_drops_in_training_alone_and_repeats_by_the_seed()
    {
        using Sequential model = StrangerCase.Model(dropout: 0.5f);
        float[] kept = Whole(model);
        float[][] runs =
        [
            .. new ulong[] { 1, 1, 2 }.Select(seed =>
            {
                using Plan plan = model.Plan(
                    On,
                    T,
                    B,
                    Mode.Training,
                    new PlanOptions { Seed = seed }
                );
                return plan.Forward(X, T, B).ToArray();
            }),
        ];

        Assert.That(runs[1], Is.EqualTo(runs[0]));
        Assert.That(runs[2], Is.Not.EqualTo(runs[0]));
        Assert.That(runs[0].Count(v => v == 0), Is.InRange(3, runs[0].Length - 3));
        for (int i = 0; i < kept.Length; i++)
        {
            if (runs[0][i] != 0)
                Assert.That(runs[0][i], Is.EqualTo(2 * kept[i]).Within(1e-5));
        }
    }

    [Test]
    public void Its_loss_has_the_value_and_gradient_of_its_formula()
    {
        using Sequential model = StrangerCase.Model();
        using Plan plan = model.Plan(On, T, B, Mode.Training);
        float[] weights = [0.5f, 3f];
        float[] targets = new Draw(4).Uniform(T * B * StrangerCase.Outputs);
        using var loss = new ChannelError(plan, weights);
        double[] y = Doubles(plan.Forward(X, T, B).ToArray());

        Tensor gradient = loss.Compute(targets);

        const int Rows = T * B;
        double[] slope = [.. y.Select((v, i) => 2 * weights[i % 2] * (v - targets[i]) / Rows)];
        Close.Check(gradient.ToArray(), slope, Close.Output, "gradient");
        double value = y.Select((v, i) => weights[i % 2] * (v - targets[i]) * (v - targets[i]))
            .Sum();
        Assert.That(loss.ReadValue(), Is.EqualTo(value / Rows).Within(1e-5 * value / Rows));
        Assert.That(
            () => loss.Compute(targets, new float[Rows]),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains("ChannelError")
        );
        Assert.That(() => new ChannelError(plan, [1f]), Throws.ArgumentException);
    }

    [Test]
    public void A_step_of_it_is_timed_by_parts_learns_allocates_nothing_and_is_replayed()
    {
        using Sequential model = StrangerCase.Model();
        using Plan plan = model.Plan(On, T, B, Mode.Training);
        using var loss = new ChannelError(plan, [1f, 1f]);
        using var adam = new Adam(plan, learningRate: 0.02f);
        using var step = new TimedStep(plan, loss, adam);
        float[] x = X;
        float[] targets = new float[T * B * StrangerCase.Outputs];
        step.Run(x, targets, T, B);
        float before = loss.ReadValue();
        for (int i = 0; i < 4; i++)
            step.Run(x, targets, T, B);
        long allocations = On.Memory.Allocations;
        double least = double.MaxValue;

        long bytes = device == "cpu" ? Allocated.Least(Twenty) : 0;
        if (device == "cuda")
            Twenty();

        Assert.That(bytes, Is.Zero);
        Assert.That(least, Is.Not.Negative);
        Assert.That(On.Memory.Allocations, Is.EqualTo(allocations));
        Assert.That(loss.ReadValue(), Is.LessThan(before));
        Assert.That(step.Replays, device == "cpu" ? Is.Zero : Is.GreaterThan(10));

        void Twenty()
        {
            for (int i = 0; i < 20; i++)
            {
                (double forward, double backward, double update) = step.Run(x, targets, T, B);
                least = Math.Min(least, Math.Min(forward, Math.Min(backward, update)));
            }
        }
    }

    private static double[] Doubles(float[] values) => Array.ConvertAll(values, v => (double)v);
}
