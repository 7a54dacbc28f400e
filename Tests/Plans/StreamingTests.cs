using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>A stream gives, step by step or in chunks, what the whole sequence gives at once.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
internal sealed class StreamingTests(int bits, int threads)
{
    private const int Steps = StreamModels.Steps;
    private const int Inputs = StreamModels.Inputs;

    private CpuBackend Backend => Backends.Get(bits, threads);

    private static IEnumerable<TestCaseData> Cases() =>
        from model in StreamModels.All
        from batch in new[] { 1, 5 }
        from chunk in new[] { 1, 4, Steps }
        select new TestCaseData(model.Make, batch, chunk).SetArgDisplayNames(
            $"{model.Name} B{batch} chunk {chunk}"
        );

    [TestCaseSource(nameof(Cases))]
    public void ChunksGiveTheWholeSequence(Func<Layer> make, int batch, int chunk)
    {
        using Layer model = make();
        float[] x = new Draw(3).Uniform(Steps * batch * Inputs);
        float[] expected = Whole(model, x, batch);
        using Plan stream = model.Plan(Backend, chunk, batch, Mode.Streaming);

        float[] first = Streamed(stream, x, batch, chunk);
        stream.Reset();
        float[] again = Streamed(stream, x, batch, chunk);

        Close.CheckBits(first, expected, "the stream");
        Close.CheckBits(again, first, "the stream after Reset");
    }

    [TestCaseSource(nameof(Cases))]
    public void AStateGoesOnInAnotherPlan(Func<Layer> make, int batch, int chunk)
    {
        using Layer model = make();
        float[] x = new Draw(5).Uniform(Steps * batch * Inputs);
        using Plan one = model.Plan(Backend, Steps, batch, Mode.Streaming);
        using Plan other = model.Plan(Backend, Steps, batch, Mode.Streaming);
        float[] expected = Streamed(one, x, batch, chunk);
        one.Reset();

        int half = 10;
        int row = batch * Inputs;
        float[] begun = Streamed(one, x[..(half * row)], batch, chunk);
        other.SetState(one.GetState());
        float[] ended = Streamed(other, x[(half * row)..], batch, chunk);

        float[] both = [.. begun, .. ended];
        Close.Check(both, Array.ConvertAll(expected, v => (double)v), Close.Output, "the parts");
    }

    [Test]
    public void WhatCannotStreamSaysWhy()
    {
        using var both = new Gru(2, 3, new RecurrentOptions { Bidirectional = true });
        using var mean = new Sequential(new Rnn(2, 3), new Mean(3));
        Assert.Multiple(() =>
        {
            Assert.That(
                () => both.Plan(Backend, 1, 1, Mode.Streaming),
                Throws.TypeOf<NotSupportedException>().With.Message.Contains("reverse direction")
            );
            Assert.That(
                () => mean.Plan(Backend, 1, 1, Mode.Streaming),
                Throws.TypeOf<NotSupportedException>().With.Message.Contains("whole sequence")
            );
        });
    }

    [Test]
    public void MisuseIsRefused()
    {
        using var model = new Rnn(2, 3);
        using Plan stream = model.Plan(Backend, 4, 3, Mode.Streaming);
        using Plan evaluation = model.Plan(Backend, 4, 3, Mode.Evaluation);
        using var other = new Rnn(2, 9);
        using Plan bigger = other.Plan(Backend, 4, 3, Mode.Streaming);
        stream.Forward(new float[2 * 2 * 2], 2, 2);
        Assert.Multiple(() =>
        {
            Assert.That(
                () => stream.Forward(new float[3 * 2], 1, 3),
                Throws.ArgumentException.With.Message.Contains("2 sequences, not 3")
            );
            Assert.That(() => stream.SetState(bigger.GetState()), Throws.ArgumentException);
            Assert.That(evaluation.Reset, Throws.InvalidOperationException);
            Assert.That(evaluation.GetState, Throws.InvalidOperationException);
            Assert.That(
                () =>
                    model.Plan(
                        Backend,
                        4,
                        3,
                        Mode.Streaming,
                        new PlanOptions { VariableLengths = true }
                    ),
                Throws.ArgumentException
            );
        });
    }

    private static readonly (string Name, Func<Layer> Make, int Batch)[] Others =
    [
        ("another kind", () => new Rnn(2, 4), 3),
        ("relu", () => new Rnn(2, 4, relu: true), 3),
        ("linear", () => new Rnn(2, 4, RnnActivation.Linear), 3),
        ("other inputs", () => new Gru(5, 4), 3),
        ("within a model", () => new Sequential(new Gru(2, 4)), 3),
        ("more layers of half the size", () => new Gru(2, 2, 2), 3),
        ("another batch", () => new Gru(2, 4), 2),
        ("no recurrence", () => new Linear(2, 4), 3),
        ("a convolution", () => new Tcn(2, [4], 2), 3),
        ("a gated one", () => new Tcn(2, [4], 2, activation: TcnActivation.Gated), 3),
    ];

    private static IEnumerable<TestCaseData> Pairs() =>
        from a in Others.Append(("gru", () => new Gru(2, 4), 3))
        from b in Others.Append(("gru", () => new Gru(2, 4), 3))
        where a.Item1 != b.Item1
        select new TestCaseData(a.Item2, a.Item3, b.Item2, b.Item3).SetArgDisplayNames(
            a.Item1,
            b.Item1
        );

    [TestCaseSource(nameof(Pairs))]
    public void AStateOfAnotherPlanIsRefused(
        Func<Layer> make,
        int batch,
        Func<Layer> makeOther,
        int otherBatch
    )
    {
        using Layer model = make();
        using Layer other = makeOther();
        using Plan from = model.Plan(Backend, 4, batch, Mode.Streaming);
        using Plan to = other.Plan(Backend, 4, otherBatch, Mode.Streaming);
        from.Forward(new Draw(1).Uniform(model.InputSize * 2), 1, 2);
        float[] x = new Draw(2).Uniform(other.InputSize * 2);
        to.Forward(x, 1, 2);
        StreamState before = to.GetState();

        Assert.That(
            () => to.SetState(from.GetState()),
            Throws
                .ArgumentException.With.Message.Contains($"for up to {batch} sequences")
                .And.Message.Contains($"for up to {otherBatch} sequences")
        );

        Assert.That(to.GetState().Values, Is.EqualTo(before.Values));
    }

    [Test]
    public void AStateOfAnotherDilationIsRefused()
    {
        // As many steps are carried: (3 - 1) * 1 and (2 - 1) * 2.
        using var wide = new TcnBlock(2, 2, kernel: 3, dilation: 1);
        using var apart = new TcnBlock(2, 2, kernel: 2, dilation: 2);
        using Plan from = wide.Plan(Backend, 1, 1, Mode.Streaming);
        using Plan to = apart.Plan(Backend, 1, 1, Mode.Streaming);

        Assert.That(() => to.SetState(from.GetState()), Throws.ArgumentException);
    }

    private float[] Whole(Layer model, float[] x, int batch)
    {
        using Plan plan = model.Plan(Backend, Steps, batch, Mode.Evaluation);
        return plan.Forward(x, Steps, batch).ToArray();
    }

    private static float[] Streamed(Plan stream, float[] x, int batch, int chunk)
    {
        int row = batch * Inputs;
        var outputs = new List<float>();
        for (int first = 0; first < x.Length / row; first += chunk)
        {
            int count = Math.Min(chunk, x.Length / row - first);
            outputs.AddRange(
                stream.Forward(x.AsSpan(first * row, count * row), count, batch).ToArray()
            );
        }
        return [.. outputs];
    }
}
