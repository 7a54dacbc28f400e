using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>
/// Plans in which states begin anew at marked steps: outputs and gradients are those of episodes that are sequences of their own, whatever
/// the batch's lengths are, and from window to window.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
internal sealed class ResetTests(int bits, int threads)
{
    private const int Inputs = 3;

    private static readonly PlanOptions Marked = new() { Resets = true, InputGradient = true };

    private CpuBackend Backend => Backends.Get(bits, threads);

    private static readonly (string Name, Func<Layer> Make)[] Models =
    [
        ("lru", () => new Lru(Inputs, 6, 5, 2)),
        ("lru of many states", () => new Lru(Inputs, 3, 19, 1)),
        ("polar", () => new Lru(Inputs, 5, 4, 1, new LruOptions { Rung = LruRung.Polar })),
        ("s5", () => new S5(Inputs, 6, 5, 2)),
        (
            "s5 both ways",
            () =>
                new S5(
                    Inputs,
                    6,
                    5,
                    2,
                    new S5Options { Bidirectional = true, Norm = NormKind.Layer }
                )
        ),
    ];

    private static IEnumerable<TestCaseData> Cases() =>
        from model in Models
        from lengths in (int[][])
            [
                [1],
                [23],
                [21, 21, 21],
                [5, 23, 1, 17],
            ]
        select new TestCaseData(model.Make, lengths).SetArgDisplayNames(
            $"{model.Name} of {string.Join(' ', lengths)} steps"
        );

    [TestCaseSource(nameof(Cases))]
    public void Episodes_in_one_sequence_give_what_sequences_of_their_own_give(
        Func<Layer> make,
        int[] lengths
    )
    {
        using Layer model = make();
        int steps = lengths.Max();
        int batch = lengths.Length;
        bool varies = lengths.Any(length => length != steps);
        byte[] marks = ResetMarks.Of("drawn", steps, batch);
        Episode[] episodes = [.. Episode.Of(marks, lengths)];
        if (steps > 1)
            Assert.That(episodes, Has.Length.GreaterThan(batch));
        using Plan whole = model.Plan(
            Backend,
            steps,
            batch,
            Mode.Training,
            Marked with
            {
                VariableLengths = varies,
            }
        );
        float[] x = new Draw(1).Uniform((long)steps * batch * Inputs);
        float[] dy = new Draw(2).Uniform((long)steps * batch * model.OutputSize);
        for (int t = 0; t < steps; t++)
        for (int b = 0; b < batch; b++)
            if (t >= lengths[b])
                dy.AsSpan((t * batch + b) * model.OutputSize, model.OutputSize).Clear();
        whole.SetResets(marks, steps, batch);
        float[] y = whole.Forward(x, steps, batch, varies ? lengths : []).ToArray();
        Backward(whole, dy);

        int most = episodes.Max(episode => episode.Count);
        using Plan split = model.Plan(
            Backend,
            most,
            episodes.Length,
            Mode.Training,
            new PlanOptions { VariableLengths = true, InputGradient = true }
        );
        float[] expected = split
            .Forward(
                Split(x, Inputs),
                most,
                episodes.Length,
                [.. episodes.Select(episode => episode.Count)]
            )
            .ToArray();
        Backward(split, Split(dy, model.OutputSize));

        Close.Check(Split(y, model.OutputSize), Doubles(expected), Close.Output, "output");
        Close.Check(
            Split(whole.InputGradient.ToArray(), Inputs),
            Doubles(split.InputGradient.ToArray()),
            Close.Gradient,
            "gradient of the input"
        );
        foreach (NamedParameter named in model.NamedParameters())
            Close.Check(
                whole.Gradient(named.Name).ToArray(),
                Doubles(split.Gradient(named.Name).ToArray()),
                Close.Gradient,
                $"gradient of {named.Name}"
            );

        // The rows of all steps as those of episodes, padded with zeros.
        float[] Split(float[] rows, int columns)
        {
            float[] parts = new float[most * episodes.Length * columns];
            for (int e = 0; e < episodes.Length; e++)
            {
                Episode episode = episodes[e];
                for (int k = 0; k < episode.Count; k++)
                    rows.AsSpan(((episode.First + k) * batch + episode.Sequence) * columns, columns)
                        .CopyTo(parts.AsSpan((k * episodes.Length + e) * columns));
            }
            return parts;
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Without_a_mark_the_bits_are_those_of_a_plan_without(Func<Layer> make, int[] lengths)
    {
        using Layer model = make();
        int steps = lengths.Max();
        int batch = lengths.Length;
        bool varies = lengths.Any(length => length != steps);
        float[] x = new Draw(1).Uniform((long)steps * batch * Inputs);
        float[] dy = new Draw(2).Uniform((long)steps * batch * model.OutputSize);
        PlanOptions options = Marked with { VariableLengths = varies };
        using Plan marked = model.Plan(Backend, steps, batch, Mode.Training, options);
        using Plan plain = model.Plan(
            Backend,
            steps,
            batch,
            Mode.Training,
            options with
            {
                Resets = false,
            }
        );
        // Marks of a batch before leave nothing.
        marked.SetResets(ResetMarks.Of("all", steps, batch), steps, batch);
        marked.Forward(x, steps, batch, varies ? lengths : []);
        for (int round = 0; round < 2; round++)
        {
            if (round == 1)
                marked.SetResets(new byte[steps * batch], steps, batch);
            foreach (Plan plan in (Plan[])[marked, plain])
            {
                plan.Forward(x, steps, batch, varies ? lengths : []);
                Backward(plan, dy);
            }
            Close.CheckBits(marked.Output.ToArray(), plain.Output.ToArray(), "output");
            Close.CheckBits(
                marked.InputGradient.ToArray(),
                plain.InputGradient.ToArray(),
                "gradient of the input"
            );
            Close.CheckBits(marked.Gradients.ToArray(), plain.Gradients.ToArray(), "gradients");
        }
    }

    [Test]
    public void Packed_rows_have_their_marks_in_the_order_of_their_sequences()
    {
        int[] lengths = [7, 4, 4];
        using Layer model = new Lru(Inputs, 4, 3, 1);
        byte[] marks = ResetMarks.Of("beside tiles", 7, 3);
        float[] padded = new Draw(1).Uniform(7 * 3 * Inputs);
        using Plan plan = model.Plan(
            Backend,
            9,
            4,
            Mode.Evaluation,
            Marked with
            {
                VariableLengths = true,
            }
        );
        plan.SetResets(marks, 7, 3);
        float[] expected = Pack(plan.Forward(padded, 7, 3, lengths).ToArray(), model.OutputSize);
        plan.SetResets(marks, 7, 3);
        float[] packed = plan.ForwardPacked(Pack(padded, Inputs), lengths).ToArray();
        plan.ClearResets();
        float[] without = plan.ForwardPacked(Pack(padded, Inputs), lengths).ToArray();

        Close.CheckBits(packed, expected, "packed rows");
        Assert.That(without, Is.Not.EqualTo(expected));

        float[] Pack(float[] rows, int columns) =>
            [
                .. Enumerable
                    .Range(0, 7 * 3)
                    .Where(row => row / 3 < lengths[row % 3])
                    .SelectMany(row => rows[(row * columns)..((row + 1) * columns)]),
            ];
    }

    [TestCase(Mode.Streaming)]
    [TestCase(Mode.Training)]
    [TestCase(Mode.Evaluation)]
    public void A_sequence_of_a_stream_begins_anew_and_others_go_on(Mode mode)
    {
        const int Window = 3;
        using Layer model = new Lru(Inputs, 5, 4, 2);
        PlanOptions options = new() { Resets = true, Carry = mode != Mode.Streaming };
        using Plan plan = model.Plan(Backend, Window, 2, mode, options);
        using Plan one = model.Plan(Backend, Window, 1, mode, options with { Resets = false });
        float[] x = new Draw(1).Uniform(4 * Window * 2 * Inputs);
        var windows = new List<float[]>();
        for (int w = 0; w < 4; w++)
        {
            // The second sequence, at the first step of the third window; of the fourth nothing is said.
            if (w == 2)
                plan.SetResets([false, true, false, false, false, false], Window, 2);
            windows.Add(plan.Forward(Of(w), Window, 2).ToArray());
        }
        float[] first = [.. Enumerable.Range(0, 4).SelectMany(w => Alone(w, 0))];
        Alone(0, 1);
        Alone(1, 1);
        one.Reset();
        float[] second = [.. Enumerable.Range(2, 2).SelectMany(w => Alone(w, 1))];

        Close.Check(Column(windows, 0), Doubles(first), Close.Output, "the sequence that goes on");
        Close.Check(
            Column(windows[2..], 1),
            Doubles(second),
            Close.Output,
            "the sequence that begins anew"
        );

        float[] Of(int window) =>
            x[(window * Window * 2 * Inputs)..((window + 1) * Window * 2 * Inputs)];

        float[] Alone(int window, int sequence)
        {
            if (window == 0)
                one.Reset();
            float[] part =
            [
                .. Of(window)
                    .Chunk(Inputs)
                    .Where((_, row) => row % 2 == sequence)
                    .SelectMany(row => row),
            ];
            return one.Forward(part, Window, 1).ToArray();
        }

        float[] Column(IEnumerable<float[]> all, int sequence) =>
            [
                .. all.SelectMany(values =>
                    values
                        .Chunk(model.OutputSize)
                        .Where((_, row) => row % 2 == sequence)
                        .SelectMany(row => row)
                ),
            ];
    }

    [Test]
    public void A_window_that_begins_anew_has_the_gradients_of_a_first_one()
    {
        using Layer model = new Lru(Inputs, 5, 4, 1);
        PlanOptions options = Marked with { Carry = true };
        using Plan plan = model.Plan(Backend, 4, 2, Mode.Training, options);
        float[] x = new Draw(1).Uniform(4 * 2 * Inputs);
        float[] dy = new Draw(2).Uniform(4 * 2 * model.OutputSize);
        plan.Forward(x, 4, 2);
        Backward(plan, dy);
        float[] first = plan.Gradients.ToArray();
        plan.SetResets(ResetMarks.Of("first", 4, 2), 4, 2);
        plan.Forward(x, 4, 2);
        Backward(plan, dy);
        Close.CheckBits(plan.Gradients.ToArray(), first, "gradients");
        plan.Forward(x, 4, 2);
        Backward(plan, dy);
        Assert.That(plan.Gradients.ToArray(), Is.Not.EqualTo(first));
    }

    [Test]
    public void Marks_hold_until_the_next_input_is_loaded()
    {
        using Layer model = new Lru(Inputs, 4, 3, 1);
        using Plan plan = model.Plan(Backend, 6, 2, Mode.Evaluation, Marked);
        float[] x = new Draw(1).Uniform(6 * 2 * Inputs);
        byte[] marks = ResetMarks.Of("all", 6, 2);
        float[] without = plan.Forward(x, 6, 2).ToArray();
        plan.SetResets(marks, 6, 2);
        Tensor input = plan.SetInput(x, 6, 2);
        float[] before = plan.Forward(input).ToArray();
        float[] again = plan.Forward(input).ToArray();
        input = plan.SetInput(x, 6, 2);
        float[] next = plan.Forward(input).ToArray();
        plan.SetResets(marks, 6, 2);
        float[] after = plan.Forward(input).ToArray();
        plan.ClearResets();
        float[] cleared = plan.Forward(input).ToArray();

        Assert.That(before, Is.Not.EqualTo(without));
        Close.CheckBits(again, before, "a second Forward");
        Close.CheckBits(after, before, "marks after the input");
        Close.CheckBits(next, without, "another input");
        Close.CheckBits(cleared, without, "no marks");
        long bytes = GC.GetAllocatedBytesForCurrentThread();
        plan.SetResets(marks, 6, 2);
        plan.ClearResets();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - bytes, Is.Zero);
    }

    [Test]
    public void Marks_that_are_none_are_told()
    {
        using Layer model = new Lru(Inputs, 4, 3, 1);
        using Plan plan = model.Plan(Backend, 5, 3, Mode.Training, Marked);
        using Plan plain = model.Plan(Backend, 5, 3, Mode.Training);
        Assert.That(
            () => plain.SetResets(new byte[6], 2, 3),
            Throws.InvalidOperationException.With.Message.Contain("PlanOptions.Resets")
        );
        Assert.That(
            plain.ClearResets,
            Throws.InvalidOperationException.With.Message.Contain("PlanOptions.Resets")
        );
        Assert.That(
            () => plan.SetResets(new byte[7], 2, 3),
            Throws.ArgumentException.With.Message.Contain("2 steps of 3 sequences must be 6")
        );
        Assert.That(
            () => plan.SetResets(new byte[18], 6, 3),
            Throws.InstanceOf<ArgumentOutOfRangeException>()
        );
        Assert.That(
            () => plan.SetResets([0, 1, 0, 0, 0, 2], 2, 3),
            Throws.ArgumentException.With.Message.Contain(
                "at step 1 of sequence 2 must be 0 or 1, not 2"
            )
        );
        float[] x = new Draw(1).Uniform(5 * 3 * Inputs);
        plan.SetResets(new byte[6], 2, 3);
        Assert.That(
            () => plan.Forward(x, 5, 3),
            Throws.ArgumentException.With.Message.Contain("of 2 steps of 3 sequences")
        );
        plan.SetResets(new byte[15], 5, 3);
        Tensor y = plan.Forward(x, 5, 3);
        plan.SetResets(new byte[15], 5, 3);
        Assert.That(
            () => plan.Backward(y),
            Throws.InvalidOperationException.With.Message.Contain("marks of the Forward before")
        );
        plan.Dispose();
        Assert.That(plan.ClearResets, Throws.InstanceOf<ObjectDisposedException>());
    }

    private static readonly (string Part, Func<Layer> Make)[] Others =
    [
        ("LSTM or GRU", () => new Rnn(2, 3)),
        ("LSTM or GRU", () => new Lstm(2, 3)),
        ("LSTM or GRU", () => new Gru(2, 3)),
        ("TCN block", () => new Tcn(2, [3], kernel: 2)),
        ("S4D, DSS", () => new S4D(2, 3)),
        ("S4D, DSS", () => new Dss(2, 3, new DssOptions { Length = 4 })),
        ("Mean pooling", () => new Sequential(new Lru(2, 3, 2, 1), new Mean(3))),
        ("both ends", () => new Sequential(new Lru(2, 4, 2, 1), new BothEnds(4))),
    ];

    [Test]
    public void Layers_that_cannot_begin_anew_refuse_the_plan([Values] Mode mode)
    {
        foreach ((string part, Func<Layer> make) in Others)
        {
            using Layer model = make();
            if (mode == Mode.Streaming && model is Sequential)
                continue;
            Assert.That(
                () => model.Plan(Backend, 4, 2, mode, new PlanOptions { Resets = true }),
                Throws
                    .InstanceOf<NotSupportedException>()
                    .With.Message.Contain(part)
                    .And.Message.Contain("PlanOptions.Resets"),
                part
            );
        }
    }

    // Of the last step alone nothing goes on, unless a stream has no others.
    [Test]
    public void After_the_last_step_anything_may_follow()
    {
        using Layer model = new Sequential(
            new Lru(Inputs, 4, 3, 1),
            new Last(4),
            new Gru(4, 3),
            new Lru(3, 3, 2, 1)
        );
        using Plan plan = model.Plan(
            Backend,
            6,
            2,
            Mode.Training,
            new PlanOptions { Resets = true }
        );
        plan.SetResets(ResetMarks.Of("drawn", 6, 2), 6, 2);
        plan.Backward(plan.Forward(new Draw(1).Uniform(6 * 2 * Inputs), 6, 2));
        using Layer blocks = new Sequential(
            new Lru(Inputs, 4, 3, 1),
            new Last(4),
            new Lru(4, 3, 2, 1)
        );
        using Plan steps = blocks.Plan(
            Backend,
            1,
            2,
            Mode.Streaming,
            new PlanOptions { Resets = true }
        );
        Assert.That(
            () => blocks.Plan(Backend, 6, 2, Mode.Streaming, new PlanOptions { Resets = true }),
            Throws.InstanceOf<NotSupportedException>().With.Message.Contain("after pooling")
        );
    }

    private static void Backward(Plan plan, float[] dy)
    {
        Tensor gradient = plan.Backend.Allocate(plan.Output.Shape, MemoryCategory.InputOutput);
        gradient.Write(dy);
        plan.Backward(gradient);
        gradient.Storage.Dispose();
    }

    private static double[] Doubles(float[] values) => Array.ConvertAll(values, v => (double)v);

    // Steps of a sequence that nothing passes into or out of.
    private readonly record struct Episode(int Sequence, int First, int Count)
    {
        public static IEnumerable<Episode> Of(byte[] marks, int[] lengths)
        {
            for (int b = 0; b < lengths.Length; b++)
            {
                int first = 0;
                for (int t = 1; t <= lengths[b]; t++)
                {
                    if (t < lengths[b] && marks[t * lengths.Length + b] == 0)
                        continue;
                    yield return new Episode(b, first, t - first);
                    first = t;
                }
            }
        }
    }
}
