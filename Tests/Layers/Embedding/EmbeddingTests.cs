using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>What an embedding does beyond outputs and gradients, which the gradient tests compare with the reference.</summary>
public sealed class EmbeddingTests : FolderTest
{
    private const int Classes = 5;
    private const int Size = 3;

    private static CpuBackend Backend => Backends.Get(Backends.Widths[0], 2);

    [TestCase(1f, false, 1.0)]
    [TestCase(0.01f, false, 0.01)]
    [TestCase(0.1f, true, 0.0577)]
    public void The_weight_begins_as_asked(float scale, bool uniform, double deviation)
    {
        using var model = new Embedding(100, 50, scale: scale, uniform: uniform);
        model.Initialize(Backend, 3);
        float[] values = Weight(model);
        Assert.Multiple(() =>
        {
            Assert.That(values.Average(), Is.Zero.Within(0.05 * deviation));
            Assert.That(
                Math.Sqrt(values.Average(v => (double)v * v)),
                Is.EqualTo(deviation).Within(0.05 * deviation)
            );
            Assert.That(values.Max(), uniform ? Is.LessThan(scale) : Is.GreaterThan(2.5 * scale));
            Assert.That(values.Min(), uniform ? Is.AtLeast(-scale) : Is.LessThan(-2.5 * scale));
            Assert.That(new Embedding(100, 50).ParameterCount, Is.EqualTo(5000));
        });
    }

    [Test]
    public void Padding_begins_as_zero_and_stays_while_others_are_trained()
    {
        const int Padding = 3;
        using var model = new Sequential(
            new Embedding(Classes, Size, paddingIndex: Padding),
            new Linear(Size, 2)
        );
        using Plan plan = model.Plan(Backend, 8, 4, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, 0.1f);
        float[] before = plan.Parameter("0.weight").ToArray();
        for (int i = 0; i < 5; i++)
        {
            plan.Forward(new Draw(1).Classes(32, Classes), 8, 4);
            plan.Backward(loss.Compute(new float[64]));
            adam.Step();
        }
        float[] after = plan.Parameter("0.weight").ToArray();
        for (int i = 0; i < before.Length; i++)
        {
            if (i / Size == Padding)
                Assert.That((before[i], after[i]), Is.EqualTo((0f, 0f)));
            else
                Assert.That(after[i], Is.Not.EqualTo(before[i]));
        }
    }

    [TestCase(null)]
    [TestCase(0)]
    [TestCase(4)]
    public void The_gradient_is_that_of_the_rows_of_each_class_and_none_of_padding(int? padding)
    {
        float[] x = new Draw(2).Classes(7 * 4, Classes);
        float[] dy = new Draw(3).Uniform(7 * 4 * Size);
        using var model = new Embedding(Classes, Size, padding);
        using Plan plan = model.Plan(Backend, 9, 5, Mode.Training);
        plan.Forward(x, 7, 4);
        for (int times = 1; times <= 2; times++)
        {
            Backward(plan, dy, accumulate: times == 2);
            double[] expected = Sums(x, dy, padding);
            Close.Check(
                plan.Gradient("weight").ToArray(),
                [.. expected.Select(v => times * v)],
                Close.Gradient,
                $"gradient, {times} times"
            );
            plan.Forward(x, 7, 4);
        }
        Assert.That(plan.InputGradient.IsEmpty);
    }

    [Test]
    public void Sequences_of_different_lengths_are_those_alone_whatever_lies_behind_their_ends()
    {
        int[] lengths = [2, 6, 1, 6, 4];
        const int Steps = 6;
        float[] x = new Draw(4).Classes(Steps * 5, Classes);
        float[] dy = new Draw(5).Uniform(Steps * 5 * Size);
        double[] expected = new double[Classes * Size];
        float[] odd = [-1f, Classes, 0.5f, float.NaN];
        for (int i = 0; i < x.Length; i++)
        {
            if (i / 5 >= lengths[i % 5])
                x[i] = odd[i % odd.Length];
            else
                for (int c = 0; c < Size; c++)
                    expected[(int)x[i] * Size + c] += dy[i * Size + c];
        }
        using var model = new Embedding(Classes, Size);
        using Plan plan = model.Plan(
            Backend,
            Steps,
            5,
            Mode.Training,
            new PlanOptions { VariableLengths = true }
        );
        float[] weight = Weight(model);
        float[] y = plan.Forward(x, Steps, 5, lengths).ToArray();
        Backward(plan, dy);

        for (int i = 0; i < x.Length; i++)
        {
            float[] row =
                i / 5 >= lengths[i % 5]
                    ? new float[Size]
                    : weight[((int)x[i] * Size)..((int)x[i] * Size + Size)];
            Assert.That(y[(i * Size)..(i * Size + Size)], Is.EqualTo(row), $"row {i}");
        }
        Close.Check(plan.Gradient("weight").ToArray(), expected, Close.Gradient, "gradient");
        Assert.That(plan.FirstNonFinite(), Is.Null);
        Close.CheckBits(model.Predict(x, Steps, 5, lengths).Values, y, "prediction");

        // The same rows packed.
        float[] rows = [3f, 0f, 4f, 4f, 1f, 0f];
        float[] packed = plan.ForwardPacked(rows, [3, 2, 1]).ToArray();
        Assert.That(packed, Is.EqualTo(rows.SelectMany(c => Row(weight, (int)c))));
        float[] slope = new Draw(6).Uniform(rows.Length * Size);
        Backward(plan, slope);
        Close.Check(
            plan.Gradient("weight").ToArray(),
            Sums(rows, slope, null),
            Close.Gradient,
            "packed gradient"
        );
    }

    [TestCase(1)]
    [TestCase(4)]
    public void A_stream_gives_the_whole_sequence(int chunk)
    {
        using var model = new Sequential(new Embedding(Classes, Size), new Gru(Size, 4));
        float[] x = new Draw(7).Classes(12 * 2, Classes);
        using Plan whole = model.Plan(Backend, 12, 2, Mode.Evaluation);
        double[] expected = [.. whole.Forward(x, 12, 2).ToArray().Select(v => (double)v)];
        using Plan stream = model.Plan(Backend, chunk, 2, Mode.Streaming);
        var outputs = new List<float>();
        for (int t = 0; t < 12; t += chunk)
            outputs.AddRange(stream.Forward(x.AsSpan(2 * t, 2 * chunk), chunk, 2).ToArray());

        Close.Check([.. outputs], expected, Close.Output, "the stream");
        Assert.That(
            () => stream.Forward([0f, 5f], 1, 2),
            Throws.ArgumentException.With.Message.Contains("step 0 of sequence 1")
        );
    }

    [Test]
    public void A_file_has_the_weight_under_its_name()
    {
        string path = PathOf("model.safetensors");
        using var saved = new Sequential(new Embedding(Classes, Size, 1), new Linear(Size, 2));
        using var loaded = new Sequential(new Embedding(Classes, Size, 1), new Linear(Size, 2));
        using var other = new Sequential(new Embedding(6, Size), new Linear(Size, 2));
        saved.Initialize(Backend, 3);
        saved.Save(path);
        loaded.Load(path, Backend);
        Assert.That(
            loaded.NamedParameters().Select(p => p.Name),
            Is.EqualTo(new[] { "0.weight", "1.weight", "1.bias" })
        );
        Close.CheckBits(
            Weight(loaded.Children[0].Layer),
            Weight(saved.Children[0].Layer),
            "weight"
        );
        Assert.That(
            () => other.Load(path, Backend),
            Throws
                .TypeOf<SafetensorsException>()
                .With.Message.Contains("0.weight: F32 [5, 3] in the file, F32 [6, 3] here")
        );
    }

    [Test]
    public void An_evaluation_sorts_nothing_and_takes_no_memory_for_it()
    {
        using var backend = (CpuBackend)Sequor.Layers.Backend.Create(Device.Cpu);
        using var model = new Embedding(5000, Size);
        using (model.Plan(backend, 1000, 3, Mode.Evaluation))
            Assert.That(
                backend.Memory.Current(MemoryCategory.Workspace),
                // Two places for outputs, of which one is used.
                Is.LessThan(4 * 3000 * Size + 256)
            );
        long before = backend.Memory.Current(MemoryCategory.Workspace);
        using (model.Plan(backend, 1000, 3, Mode.Training))
        {
            // Where classes begin, and sorted positions, in whole blocks of 1024.
            long floats = (5001 + 3000 + 1023) / 1024 * 1024;
            Assert.That(
                backend.Memory.Current(MemoryCategory.Workspace) - before,
                Is.InRange(4 * floats, 4 * floats + 256)
            );
        }
    }

    private static float[] Weight(Layer layer) => ModelTensor.All(layer).Single().Values.ToArray();

    private static float[] Row(float[] weight, int c) => weight[(c * Size)..(c * Size + Size)];

    private static double[] Sums(float[] x, float[] dy, int? padding)
    {
        double[] sums = new double[Classes * Size];
        for (int i = 0; i < x.Length * Size; i++)
        {
            int c = (int)x[i / Size];
            if (c != padding)
                sums[c * Size + i % Size] += dy[i];
        }
        return sums;
    }

    private static void Backward(Plan plan, float[] dy, bool accumulate = false)
    {
        using Storage storage = plan.Backend.Allocate(dy.Length, MemoryCategory.InputOutput);
        var gradient = new Tensor(storage, 0, plan.Output.Shape);
        gradient.Write(dy);
        plan.Backward(gradient, accumulate);
    }
}
