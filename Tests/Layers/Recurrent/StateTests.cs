using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Initial and final states of a plan's recurrent layers, and their gradients.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Recurrent))]
internal sealed class StateTests(int bits, int threads, bool sharesUnits)
{
    private const int Inputs = 3;

    private CpuBackend Backend => Backends.Get(bits, threads, sharesUnits);

    private static readonly (string Name, Func<Layer> Make)[] Models =
    [
        ("rnn", () => new Rnn(Inputs, 5, 2)),
        (
            "linear",
            () => new Rnn(Inputs, 5, new RecurrentOptions { Layers = 2 }, RnnActivation.Linear)
        ),
        ("lstm", () => new Lstm(Inputs, 7)),
        ("gru", () => new Gru(Inputs, 4, 2)),
        (
            "projected",
            () => new Lstm(Inputs, 6, new RecurrentOptions { Layers = 2, ProjectionSize = 2 })
        ),
        (
            "between others",
            () =>
                new Sequential(
                    new Linear(Inputs, 4),
                    new Lstm(4, 5),
                    new Sequential(new LayerNorm(5), new Gru(5, 3)),
                    new Linear(3, 2)
                )
        ),
    ];

    private static IEnumerable<TestCaseData> Cases() =>
        from model in Models
        from batch in new[] { 1, 4 }
        select new TestCaseData(model.Make, batch).SetArgDisplayNames($"{model.Name} B{batch}");

    [TestCaseSource(nameof(Cases))]
    public void CarriedWindowsGiveTheWholeSequence(Func<Layer> make, int batch)
    {
        using Layer model = make();
        const int Steps = 7;
        const int First = 3;
        float[] x = new Draw(3).Uniform(Steps * batch * Inputs);
        float[] dy = new Draw(4).Uniform(Steps * batch * model.OutputSize);
        using Plan whole = model.Plan(
            Backend,
            Steps,
            batch,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        using Plan parts = model.Plan(
            Backend,
            Steps,
            batch,
            Mode.Training,
            new PlanOptions { InputGradient = true, States = true }
        );
        float[] y = whole.Forward(x, Steps, batch).ToArray();
        Back(whole, dy);

        // Forward with carried states; backward in the other order, by the gradient that the second window hands the first.
        int cut = First * batch;
        float[] y0 = parts.Forward(x.AsSpan(0, cut * Inputs), First, batch).ToArray();
        parts.States.CarryOver();
        float[] y1 = parts.Forward(x.AsSpan(cut * Inputs), Steps - First, batch).ToArray();
        Back(parts, dy[(cut * model.OutputSize)..]);
        float[] dx1 = parts.InputGradient.ToArray();
        (float[] Hidden, float[] Cell)[] between =
        [
            .. parts.States.Layers.Select(l =>
                (Values(l.InitialGradient.Hidden), Values(l.InitialGradient.Cell))
            ),
        ];
        parts.States.Reset();
        parts.Forward(x.AsSpan(0, cut * Inputs), First, batch);
        for (int i = 0; i < between.Length; i++)
        {
            RecurrentState gradient = parts.States.Layers[i].FinalGradient;
            gradient.Hidden.Write(between[i].Hidden);
            if (!gradient.Cell.IsEmpty)
                gradient.Cell.Write(between[i].Cell);
        }
        Back(parts, dy[..(cut * model.OutputSize)], accumulate: true);
        float[] dx0 = parts.InputGradient.ToArray();

        Close.Check([.. y0, .. y1], Doubles(y), Close.Output, "y");
        Close.Check([.. dx0, .. dx1], Doubles(whole.InputGradient.ToArray()), Close.Gradient, "dx");
        Close.Check(
            parts.Gradients.ToArray(),
            Doubles(whole.Gradients.ToArray()),
            Close.Gradient,
            "gradients"
        );
    }

    [Test]
    public void StatesAreInTheCallersOrderOfSequences([Values] bool bidirectional)
    {
        int[] lengths = [2, 6, 1, 4, 6, 1];
        (int steps, int batch) = (6, lengths.Length);
        using var model = new Lstm(
            Inputs,
            5,
            new RecurrentOptions { Layers = 2, Bidirectional = bidirectional }
        );
        int count = bidirectional ? 4 : 2;
        int state = count * 5;
        var draw = new Draw(8);
        float[] x = draw.Uniform(steps * batch * Inputs);
        float[] dy = draw.Uniform(steps * batch * model.OutputSize);
        // By sequence: h0, c0, dh_n, dc_n.
        float[][][] given =
        [
            .. lengths.Select(_ =>
                Enumerable.Range(0, 4).Select(_ => draw.Uniform(state)).ToArray()
            ),
        ];
        using Plan together = model.Plan(
            Backend,
            steps,
            batch,
            Mode.Training,
            new PlanOptions { VariableLengths = true, States = true }
        );
        using Plan alone = model.Plan(
            Backend,
            steps,
            1,
            Mode.Training,
            new PlanOptions { States = true }
        );
        RecurrentStates all = together.States[""];
        RecurrentStates one = alone.States[""];

        Write(all.Initial(batch), Together(given, 0), Together(given, 1));
        together.Forward(x, steps, batch, lengths);
        Write(all.FinalGradient, Together(given, 2), Together(given, 3));
        Back(together, dy);

        for (int b = 0; b < batch; b++)
        {
            Write(one.Initial(1), given[b][0], given[b][1]);
            alone.Forward(Sequence(x, b, batch, lengths[b]), lengths[b], 1);
            Write(one.FinalGradient, given[b][2], given[b][3]);
            Back(alone, Sequence(dy, b, batch, lengths[b]), accumulate: b > 0);
            foreach (
                (string name, RecurrentState actual, RecurrentState expected) in new[]
                {
                    ("final", all.Final, one.Final),
                    ("gradient of the initial", all.InitialGradient, one.InitialGradient),
                }
            )
            {
                Check(Of(b, actual.Hidden), expected.Hidden, $"{name} hidden of {b}");
                Check(Of(b, actual.Cell), expected.Cell, $"{name} cell of {b}");
            }
        }
        Close.Check(
            together.Gradients.ToArray(),
            Doubles(alone.Gradients.ToArray()),
            Close.Gradient,
            "gradients"
        );

        // [count, B, 5] of the states of single sequences, and back.
        float[] Together(float[][][] states, int which) =>
            [
                .. from k in Enumerable.Range(0, count)
                from b in Enumerable.Range(0, batch)
                from value in states[b][which][(k * 5)..((k + 1) * 5)]
                select value,
            ];

        float[] Of(int b, Tensor states)
        {
            float[] values = states.ToArray();
            return
            [
                .. Enumerable
                    .Range(0, count)
                    .SelectMany(k => values[((k * batch + b) * 5)..((k * batch + b + 1) * 5)]),
            ];
        }

        static void Check(float[] actual, Tensor expected, string what) =>
            Close.Check(actual, Doubles(expected.ToArray()), Close.Gradient, what);
    }

    [Test]
    public void EvaluationGivesTheStatesOfTraining()
    {
        using var model = new Lstm(Inputs, 5, 2);
        using Plan training = model.Plan(
            Backend,
            4,
            3,
            Mode.Training,
            new PlanOptions { States = true }
        );
        using Plan evaluation = model.Plan(
            Backend,
            4,
            3,
            Mode.Evaluation,
            new PlanOptions { States = true }
        );
        var draw = new Draw(6);
        float[] x = draw.Uniform(4 * 3 * Inputs);
        float[] h = draw.Uniform(2 * 3 * 5);
        float[] c = draw.Uniform(2 * 3 * 5);
        foreach (Plan plan in new[] { training, evaluation })
        {
            Write(plan.States[""].Initial(3), h, c);
            plan.Forward(x, 4, 3);
        }
        RecurrentStates trained = training.States[""];
        RecurrentStates evaluated = evaluation.States[""];
        Close.CheckBits(evaluated.Final.Hidden.ToArray(), trained.Final.Hidden.ToArray(), "hidden");
        Close.CheckBits(evaluated.Final.Cell.ToArray(), trained.Final.Cell.ToArray(), "cell");
        Assert.Multiple(() =>
        {
            Assert.That(evaluated.FinalGradient.Hidden.IsEmpty);
            Assert.That(evaluated.InitialGradient.Hidden.IsEmpty);
        });
    }

    [Test]
    public void WhatIsNotWrittenIsZero()
    {
        using var model = new Sequential(new Gru(Inputs, 5), new Last(5));
        using Plan plain = model.Plan(Backend, 4, 3, Mode.Training);
        using Plan plan = model.Plan(
            Backend,
            4,
            3,
            Mode.Training,
            new PlanOptions { States = true }
        );
        float[] x = new Draw(6).Uniform(4 * 3 * Inputs);
        float[] dy = new Draw(7).Uniform(3 * 5);
        RecurrentStates states = plan.States["0"];
        // An earlier pass with everything set, of which nothing may be left.
        states.Initial(2).Hidden.Write(new Draw(1).Uniform(2 * 5));
        plan.Forward(x.AsSpan(0, 4 * 2 * Inputs), 4, 2);
        states.FinalGradient.Hidden.Write(new Draw(2).Uniform(2 * 5));
        Back(plan, dy[..10]);
        plan.States.Reset();

        float[] expected = plain.Forward(x, 4, 3).ToArray();
        Back(plain, dy);
        float[] actual = plan.Forward(x, 4, 3).ToArray();
        Back(plan, dy);

        Close.CheckBits(actual, expected, "y");
        Close.CheckBits(plan.Gradients.ToArray(), plain.Gradients.ToArray(), "gradients");
        Assert.That(states.Initial(3).Hidden.ToArray(), Is.All.Zero);
    }

    [Test]
    public void AStepThatCarriesAllocatesNothing()
    {
        using var model = new Sequential(new Lstm(Inputs, 7), new Linear(7, 1));
        using Plan plan = model.Plan(
            Backend,
            5,
            2,
            Mode.Training,
            new PlanOptions { States = true }
        );
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, 1e-3f);
        float[] x = new Draw(1).Uniform(5 * 2 * Inputs);
        float[] targets = new float[5 * 2];
        Run(60);
        long native = Backend.Memory.Allocations;

        Assert.That(Allocated.LeastHere(() => Run(10)), Is.Zero);
        Assert.That(Backend.Memory.Allocations, Is.EqualTo(native));

        void Run(int steps)
        {
            RecurrentStates states = plan.States["0"];
            for (int i = 0; i < steps; i++)
            {
                plan.Forward(x, 5, 2);
                Backend.Fill(states.FinalGradient.Cell, 0.5f);
                plan.Backward(loss.Compute(targets));
                adam.Step();
                plan.States.CarryOver();
                if (i % 4 == 3)
                    plan.States.Reset();
            }
        }
    }

    [TestCase(Mode.Training, 4)]
    [TestCase(Mode.Evaluation, 2)]
    public void TheMemoryOfStatesIsWhatTheyHold(Mode mode, int sets)
    {
        using var backend = (CpuBackend)
            Sequor.Layers.Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
        using var model = new Lstm(
            Inputs,
            6,
            new RecurrentOptions
            {
                Layers = 2,
                Bidirectional = true,
                ProjectionSize = 2,
            }
        );
        model.Initialize(backend);
        long without = Taken(states: false);
        long with = Taken(states: true);
        Assert.That(with - without, Is.EqualTo(sets * (Block(4 * 5 * 6) + Block(4 * 5 * 2))));

        // Blocks are whole cache lines.
        static long Block(int floats) => (floats * sizeof(float) + 63L) / 64 * 64;

        long Taken(bool states)
        {
            long before = backend.Memory.CurrentBytes;
            using Plan plan = model.Plan(backend, 3, 5, mode, new PlanOptions { States = states });
            return backend.Memory.CurrentBytes - before;
        }
    }

    [Test]
    public void LayersAreFoundByTheirNames()
    {
        using Layer model = Models[^1].Make();
        using Plan plan = model.Plan(
            Backend,
            2,
            2,
            Mode.Evaluation,
            new PlanOptions { States = true }
        );
        Assert.Multiple(() =>
        {
            Assert.That(plan.States.Layers.Select(l => l.Name), Is.EqualTo(["1", "2.1"]));
            Assert.That(plan.States["2.1"].Layer, Is.TypeOf<Gru>());
            Assert.That(plan.States["2.1"].Initial(2).Cell.IsEmpty);
            Assert.That(
                () => plan.States["0"],
                Throws.ArgumentException.With.Message.Contains("'1', '2.1'")
            );
        });
    }

    [Test]
    public void MisuseIsRefused()
    {
        using var model = new Lstm(Inputs, 2);
        using var none = new Linear(Inputs, 2);
        using Plan plan = model.Plan(
            Backend,
            2,
            3,
            Mode.Training,
            new PlanOptions { States = true }
        );
        using Plan without = model.Plan(Backend, 2, 3, Mode.Training);
        float[] x = new float[2 * 3 * Inputs];
        RecurrentStates states = plan.States[""];
        Assert.Multiple(() =>
        {
            Assert.That(
                () => without.States,
                Throws.InvalidOperationException.With.Message.Contains("PlanOptions.States")
            );
            Assert.That(
                () => model.Plan(Backend, 2, 3, Mode.Streaming, new PlanOptions { States = true }),
                Throws.ArgumentException.With.Message.Contains("GetState")
            );
            Assert.That(
                () => none.Plan(Backend, 2, 3, Mode.Training, new PlanOptions { States = true }),
                Throws.ArgumentException.With.Message.Contains("Rnn, Lstm or Gru")
            );
            Assert.That(
                plan.States.CarryOver,
                Throws.InvalidOperationException.With.Message.Contains("before a Forward")
            );
            foreach (int batch in new[] { 0, 4 })
                Assert.That(
                    () => states.Initial(batch),
                    Throws
                        .TypeOf<ArgumentOutOfRangeException>()
                        .With.Message.Contains("1 to 3, the plan's limit")
                );
            states.Initial(2);
            Assert.That(
                () => plan.Forward(x, 2, 3),
                Throws.ArgumentException.With.Message.Contains(
                    "those of 2 sequences, the input has 3"
                )
            );
        });
    }

    [Test]
    public void BothDirectionsAreNotCarriedOver()
    {
        using var model = new Sequential(
            new Gru(Inputs, 2),
            new Gru(2, 2, new RecurrentOptions { Bidirectional = true })
        );
        using Plan plan = model.Plan(
            Backend,
            2,
            1,
            Mode.Training,
            new PlanOptions { States = true }
        );
        plan.Forward(new float[2 * Inputs], 2, 1);
        Assert.That(
            plan.States.CarryOver,
            Throws
                .TypeOf<NotSupportedException>()
                .With.Message.Contains("layer '1'")
                .And.Message.Contains("reverse direction")
        );
    }

    [Test]
    public void BackwardNeedsTheStatesThatForwardBeganFrom()
    {
        using var model = new Gru(Inputs, 2);
        using Plan plan = model.Plan(
            Backend,
            2,
            2,
            Mode.Training,
            new PlanOptions { States = true }
        );
        float[] x = new float[2 * 2 * Inputs];
        float[] dy = new float[2 * 2 * 2];
        Action[] changes =
        [
            plan.States.CarryOver,
            plan.States.Reset,
            () => plan.States[""].Initial(1),
        ];
        foreach (Action change in changes)
        {
            plan.States.Reset();
            plan.States[""].Initial(2);
            plan.Forward(x, 2, 2);
            change();
            Assert.That(
                () => Back(plan, dy),
                Throws.InvalidOperationException.With.Message.Contains("replaced since")
            );
        }
        plan.States.Reset();
        plan.Forward(x, 2, 2);
        Back(plan, dy);
    }

    private static void Write(RecurrentState state, float[] hidden, float[] cell)
    {
        state.Hidden.Write(hidden);
        state.Cell.Write(cell);
    }

    private static float[] Sequence(float[] values, int b, int batch, int length)
    {
        int width = values.Length / (6 * batch);
        return
        [
            .. Enumerable
                .Range(0, length)
                .SelectMany(t => values[((t * batch + b) * width)..((t * batch + b + 1) * width)]),
        ];
    }

    private static float[] Values(Tensor tensor) => tensor.IsEmpty ? [] : tensor.ToArray();

    private static double[] Doubles(float[] values) => Array.ConvertAll(values, v => (double)v);

    private void Back(Plan plan, float[] dy, bool accumulate = false)
    {
        using Storage storage = Backend.Allocate(dy.Length, MemoryCategory.Workspace);
        var gradient = new Tensor(storage, 0, plan.Output.Shape);
        gradient.Write(dy);
        plan.Backward(gradient, accumulate);
    }
}
