using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.RecurrentNets;

/// <summary>A batch of different lengths gives what each sequence gives by itself.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
internal sealed class LengthTests(int bits, int threads)
{
    private static readonly int[] Lengths = [9, 2, 1, 6, 9];
    private const int Steps = 9;
    private const int Inputs = 3;

    private CpuBackend Backend => Backends.Get(bits, threads);

    private static readonly (string Name, Func<Layer> Make)[] Models =
    [
        ("lstm last", () => new Sequential(new Lstm(Inputs, 7, 2), new Last(7), new Linear(7, 2))),
        (
            "both directions mean",
            () =>
                new Sequential(
                    new Gru(Inputs, 5, new RecurrentOptions { Bidirectional = true, Layers = 2 }),
                    new Mean(10),
                    new Linear(10, 2)
                )
        ),
        (
            "tcn last",
            () => new Sequential(new Tcn(Inputs, [4, 4], 3), new Last(4), new Linear(4, 2))
        ),
        ("lru mean", () => new Sequential(new Lru(Inputs, 6, 4, 2), new Mean(6), new Linear(6, 2))),
    ];

    private static IEnumerable<TestCaseData> Cases() =>
        Models.Select(m => new TestCaseData(m.Make).SetArgDisplayNames(m.Name));

    [TestCaseSource(nameof(Cases))]
    public void OutputsAndGradientsAreThoseOfEachSequenceAlone(Func<Layer> make)
    {
        using Layer model = make();
        int batch = Lengths.Length;
        var draw = new Draw(9);
        float[] x = draw.Uniform(Steps * batch * Inputs);
        float[] dy = draw.Uniform(batch * 2);
        using Plan together = model.Plan(
            Backend,
            Steps,
            batch,
            Mode.Training,
            inputGradient: true,
            variableLengths: true
        );
        using Plan alone = model.Plan(Backend, Steps, 1, Mode.Training, inputGradient: true);

        float[] y = together.Forward(x, Steps, batch, Lengths).ToArray();
        Back(together, dy);
        float[] dx = together.InputGradient.ToArray();

        for (int b = 0; b < batch; b++)
        {
            int length = Lengths[b];
            float[] own = new float[length * Inputs];
            for (int t = 0; t < length; t++)
                Array.Copy(x, (t * batch + b) * Inputs, own, t * Inputs, Inputs);
            float[] single = alone.Forward(own, length, 1).ToArray();
            Close.Check(
                y.AsSpan(b * 2, 2),
                Array.ConvertAll(single, v => (double)v),
                Close.Output,
                $"y of {b}"
            );
            Back(alone, dy[(b * 2)..(b * 2 + 2)], accumulate: b > 0);
            float[] expected = alone.InputGradient.ToArray();
            for (int t = 0; t < Steps; t++)
            {
                double[] step =
                    t < length
                        ? Array.ConvertAll(
                            expected[(t * Inputs)..((t + 1) * Inputs)],
                            v => (double)v
                        )
                        : new double[Inputs];
                Close.Check(
                    dx.AsSpan((t * batch + b) * Inputs, Inputs),
                    step,
                    Close.Gradient,
                    $"dx of {b} at {t}"
                );
            }
        }
        double[] sum = Array.ConvertAll(alone.Gradients.ToArray(), v => (double)v);
        Close.Check(together.Gradients.ToArray(), sum, Close.Gradient, "gradients");
    }

    private void Back(Plan plan, float[] dy, bool accumulate = false)
    {
        using Storage storage = Backend.Allocate(dy.Length, MemoryCategory.Workspace);
        var gradient = new Tensor(storage, 0, plan.Output.Shape);
        gradient.Write(dy);
        plan.Backward(gradient, accumulate);
    }

    [Test]
    public void ATrainingStepWithChangingLengthsAllocatesNothing()
    {
        using var model = new Sequential(new Lstm(Inputs, 7), new Last(7), new Linear(7, 1));
        using Plan plan = model.Plan(Backend, Steps, 5, Mode.Training, variableLengths: true);
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, 1e-3f);
        float[] x = new Draw(1).Uniform(Steps * 5 * Inputs);
        float[] targets = new float[5];
        int[] lengths = [.. Lengths];
        Run(60);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(10);

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Run(int steps)
        {
            for (int i = 0; i < steps; i++)
            {
                lengths[i % 5] = 1 + i % Steps;
                plan.Forward(x, Steps, 5, lengths);
                plan.Backward(loss.Compute(targets));
                adam.Step();
            }
        }
    }

    [Test]
    public void LengthsThatDoNotFitAreRefused()
    {
        using var model = new Lstm(Inputs, 2);
        using Plan plan = model.Plan(Backend, 4, 2, Mode.Evaluation, variableLengths: true);
        using Plan without = model.Plan(Backend, 4, 2, Mode.Evaluation);
        float[] x = new float[4 * 2 * Inputs];
        Assert.Multiple(() =>
        {
            Assert.That(
                () => plan.Forward(x, 4, 2, [4]),
                Throws.ArgumentException.With.Message.Contains("needs 2 lengths, not 1")
            );
            Assert.That(
                () => plan.Forward(x, 4, 2, [4, 0]),
                Throws.ArgumentException.With.Message.Contains("sequence 1 must be 1 to 4")
            );
            Assert.That(
                () => plan.Forward(x, 4, 2, [5, 1]),
                Throws.ArgumentException.With.Message.Contains("sequence 0 must be 1 to 4")
            );
            Assert.That(
                () => without.Forward(x, 4, 2, [4, 4]),
                Throws.ArgumentException.With.Message.Contains("variableLengths")
            );
        });
    }
}
