using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>A batch of different lengths gives what each sequence gives by itself.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Recurrent))]
internal sealed class LengthTests(int bits, int threads, bool sharesUnits)
{
    private static readonly int[] Lengths = [9, 2, 1, 6, 9];
    private const int Steps = 9;
    private const int Inputs = 3;

    private CpuBackend Backend => Backends.Get(bits, threads, sharesUnits);

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
        (
            "both ends",
            () =>
                new Sequential(
                    new Lstm(Inputs, 5, new RecurrentOptions { Bidirectional = true }),
                    new BothEnds(10),
                    new Linear(10, 2)
                )
        ),
        (
            "linear both ends",
            () =>
                new Sequential(
                    new Rnn(
                        Inputs,
                        5,
                        new RecurrentOptions { Bidirectional = true, Layers = 2 },
                        RnnActivation.Linear
                    ),
                    new BothEnds(10),
                    new Linear(10, 2)
                )
        ),
        (
            "gated tcn",
            () =>
                new Sequential(
                    new Tcn(Inputs, [4, 4], 3, activation: TcnActivation.Gated),
                    new Linear(4, 2)
                )
        ),
        (
            "direct term",
            () =>
                new Sequential(
                    new FeedThrough(new Sequential(new Gru(Inputs, 5), new Linear(5, Inputs))),
                    new Linear(Inputs, 2)
                )
        ),
        // Reaches beyond the longest sequence, with widths that no vector divides.
        ("tcn wide", () => new Sequential(new Tcn(Inputs, [33, 17, 2], 4))),
        ("tcn kernel 1", () => new Sequential(new Tcn(Inputs, [5], 1), new Linear(5, 2))),
        ("tcn kernel 2", () => new Sequential(new Tcn(Inputs, [5, 5], 2), new Linear(5, 2))),
        ("lru mean", () => new Sequential(new Lru(Inputs, 6, 4, 2), new Mean(6), new Linear(6, 2))),
        ("lru", () => new Sequential(new Lru(Inputs, 5, 9, 2), new Linear(5, 2))),
        (
            "lru both directions",
            () => new Sequential(BothWays(Inputs, 33), BothWays(Inputs, 2), new Linear(Inputs, 2))
        ),
        (
            "lru norm of the output",
            () =>
                new Sequential(
                    new LruBlock(Inputs, 4, new LruOptions { Prenorm = false }),
                    new Linear(Inputs, 2)
                )
        ),
        (
            "blocks",
            () =>
                new Sequential(
                    new SequenceBlock(
                        new Sequential(new Gru(Inputs, 6), new Tcn(6, [5, Inputs], 2)),
                        new SequenceBlockOptions { Mixing = BlockMixing.HalfGlu }
                    ),
                    new SequenceBlock(
                        new Rnn(Inputs, Inputs),
                        new SequenceBlockOptions { Prenorm = false, Mixing = BlockMixing.Linear }
                    ),
                    new Mean(Inputs),
                    new Linear(Inputs, 2)
                )
        ),
        ("s4d", () => new Sequential(new Linear(Inputs, 11), new S4D(11, 5), new Linear(11, 2))),
        (
            "state spaces both ways",
            () =>
                new Sequential(
                    new S4D(Inputs, 3, new S4DOptions { Bidirectional = true }),
                    new Linear(Inputs, 17),
                    new Dss(17, 2, new DssOptions { Length = 12, Bidirectional = true }),
                    new Linear(17, 2)
                )
        ),
        (
            "polar lru",
            () =>
                new Sequential(
                    new Lru(Inputs, 5, 9, 2, new LruOptions { Rung = LruRung.Polar }),
                    new Linear(5, 2)
                )
        ),
        (
            "s5 both directions",
            () =>
                new Sequential(
                    new S5Block(
                        Inputs,
                        7,
                        new S5Options { Norm = NormKind.Layer, Bidirectional = true }
                    ),
                    new Linear(Inputs, 2)
                )
        ),
        (
            "all, then one step",
            () =>
                new Sequential(
                    new LayerNorm(Inputs),
                    new Gru(Inputs, 4, new RecurrentOptions { Bidirectional = true }),
                    new Tcn(8, [3], 2),
                    BothWays(3, 2),
                    new Last(3),
                    new Rnn(3, 2)
                )
        ),
    ];

    private static LruBlock BothWays(int size, int states) =>
        new(size, states, new LruOptions { Bidirectional = true });

    private static IEnumerable<TestCaseData> Cases() =>
        Models.Select(m => new TestCaseData(m.Make).SetArgDisplayNames(m.Name));

    [TestCaseSource(nameof(Cases))]
    public void OutputsAndGradientsAreThoseOfEachSequenceAlone(Func<Layer> make)
    {
        using Layer model = make();
        int batch = Lengths.Length;
        var draw = new Draw(9);
        float[] x = draw.Uniform(Steps * batch * Inputs);
        using Plan together = model.Plan(
            Backend,
            Steps,
            batch,
            Mode.Training,
            new PlanOptions { InputGradient = true, VariableLengths = true }
        );
        using Plan alone = model.Plan(
            Backend,
            Steps,
            1,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        // What lies beyond a sequence's end is not read.
        for (int b = 0; b < batch; b++)
        {
            for (int t = Lengths[b]; t < Steps; t++)
                Row(x, t, b, batch, Inputs).Fill(float.NaN);
        }

        float[] y = together.Forward(x, Steps, batch, Lengths).ToArray();
        bool pooled = together.Output.Shape.First == 1;
        float[] dy = draw.Uniform(y.Length);
        Back(together, dy);
        float[] dx = together.InputGradient.ToArray();

        for (int b = 0; b < batch; b++)
        {
            int length = Lengths[b];
            int outputs = pooled ? 1 : length;
            float[] single = alone.Forward(Own(x, b, length, Inputs), length, 1).ToArray();
            Check(Own(y, b, outputs, 2), single, Close.Output, $"y of {b}");
            Back(alone, Own(dy, b, outputs, 2), accumulate: b > 0);
            float[] expected = alone.InputGradient.ToArray();
            Check(Own(dx, b, length, Inputs), expected, Close.Gradient, $"dx of {b}");
            for (int t = length; t < Steps; t++)
            {
                Assert.That(Row(dx, t, b, batch, Inputs).ToArray(), Is.All.Zero, $"dx at {t}");
                if (!pooled)
                    Assert.That(Row(y, t, b, batch, 2).ToArray(), Is.All.Zero, $"y at {t}");
            }
        }
        Check(together.Gradients.ToArray(), alone.Gradients.ToArray(), Close.Gradient, "gradients");
    }

    [TestCaseSource(nameof(Cases))]
    public void AWholeBatchGivesWhatAPlanWithoutLengthsGives(Func<Layer> make)
    {
        using Layer model = make();
        var draw = new Draw(4);
        float[] x = draw.Uniform(Steps * 3 * Inputs);
        using Plan with = model.Plan(
            Backend,
            Steps,
            3,
            Mode.Training,
            new PlanOptions { InputGradient = true, VariableLengths = true }
        );
        using Plan without = model.Plan(
            Backend,
            Steps,
            3,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        float[] expected = without.Forward(x, Steps, 3).ToArray();
        float[] dy = draw.Uniform(expected.Length);
        Back(without, dy);
        foreach (int[] lengths in new int[][] { [], [Steps, Steps, Steps] })
        {
            float[] y = with.Forward(x, Steps, 3, lengths).ToArray();
            Back(with, dy);

            Assert.That(y, Is.EqualTo(expected));
            Assert.That(with.Gradients.ToArray(), Is.EqualTo(without.Gradients.ToArray()));
            Assert.That(with.InputGradient.ToArray(), Is.EqualTo(without.InputGradient.ToArray()));
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void PackedRowsGiveTheSame(Func<Layer> make)
    {
        using Layer model = make();
        int[] lengths = [.. Lengths.OrderDescending()];
        int batch = lengths.Length;
        var draw = new Draw(3);
        float[] x = draw.Uniform(Steps * batch * Inputs);
        using Plan plan = model.Plan(
            Backend,
            Steps,
            batch,
            Mode.Training,
            new PlanOptions { InputGradient = true, VariableLengths = true }
        );
        float[] y = plan.Forward(x, Steps, batch, lengths).ToArray();
        bool pooled = plan.Output.Shape.First == 1;
        float[] dy = draw.Uniform(y.Length);
        Back(plan, dy);
        float[] dx = plan.InputGradient.ToArray();
        float[] gradients = plan.Gradients.ToArray();

        float[] packed = plan.ForwardPacked(Pack(x, lengths, Inputs), lengths).ToArray();
        Back(plan, pooled ? dy : Pack(dy, lengths, 2));

        Assert.Multiple(() =>
        {
            Assert.That(packed, Is.EqualTo(pooled ? y : Pack(y, lengths, 2)));
            Assert.That(plan.InputGradient.ToArray(), Is.EqualTo(Pack(dx, lengths, Inputs)));
            Assert.That(plan.Gradients.ToArray(), Is.EqualTo(gradients));
        });
    }

    private static float[] Pack(float[] padded, int[] lengths, int columns)
    {
        var rows = new List<float>();
        for (int t = 0; t < Steps; t++)
        {
            for (int b = 0; b < lengths.Length && lengths[b] > t; b++)
                rows.AddRange(Row(padded, t, b, lengths.Length, columns));
        }
        return [.. rows];
    }

    private static Span<float> Row(float[] values, int t, int b, int batch, int columns) =>
        values.AsSpan((t * batch + b) * columns, columns);

    private static float[] Own(float[] values, int b, int length, int columns)
    {
        var rows = new List<float>();
        for (int t = 0; t < length; t++)
            rows.AddRange(Row(values, t, b, Lengths.Length, columns));
        return [.. rows];
    }

    private static void Check(float[] actual, float[] expected, double tolerance, string what) =>
        Close.Check(actual, Array.ConvertAll(expected, v => (double)v), tolerance, what);

    private void Back(Plan plan, float[] dy, bool accumulate = false)
    {
        using Storage storage = Backend.Allocate(dy.Length, MemoryCategory.Workspace);
        var gradient = new Tensor(storage, 0, plan.Output.Shape);
        gradient.Write(dy);
        plan.Backward(gradient, accumulate);
    }

    [TestCaseSource(nameof(Cases))]
    public void ATrainingStepWithChangingLengthsAllocatesNothing(Func<Layer> make)
    {
        using Layer model = make();
        using Plan plan = model.Plan(
            Backend,
            Steps,
            5,
            Mode.Training,
            new PlanOptions { VariableLengths = true }
        );
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, 1e-3f);
        float[] x = new Draw(1).Uniform(Steps * 5 * Inputs);
        float[] targets = new float[plan.MaxOutput.Count];
        int[] lengths = [.. Lengths];
        Run(60);

        Assert.That(Allocated.LeastHere(() => Run(10)), Is.Zero);

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
        using Plan plan = model.Plan(
            Backend,
            4,
            2,
            Mode.Evaluation,
            new PlanOptions { VariableLengths = true }
        );
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
                Throws.ArgumentException.With.Message.Contains("PlanOptions.VariableLengths")
            );
            Assert.That(
                () => without.ForwardPacked(x, [4, 4]),
                Throws.ArgumentException.With.Message.Contains("PlanOptions.VariableLengths")
            );
            Assert.That(
                () => plan.ForwardPacked(x, [3, 4]),
                Throws.ArgumentException.With.Message.Contains(
                    "sequence 1 has 4, the one before it 3"
                )
            );
            Assert.That(
                () => plan.ForwardPacked(x, [5, 3]),
                Throws.ArgumentException.With.Message.Contains("sequence 0 must be 1 to 4, not 5")
            );
            Assert.That(
                () => plan.ForwardPacked(x, [4, 0]),
                Throws.ArgumentException.With.Message.Contains("sequence 1 must be 1 to 4, not 0")
            );
            Assert.That(
                () => plan.ForwardPacked(x, []),
                Throws.ArgumentException.With.Message.Contains("1 to 2 lengths")
            );
            Assert.That(() => plan.ForwardPacked(x, [4, 3]), Throws.ArgumentException);
            Assert.That(
                () => plan.ForwardPacked(plan.Input(4, 2), [4, 3]),
                Throws.ArgumentException.With.Message.Contains("must be [7, 1, 3]")
            );
        });
    }
}
