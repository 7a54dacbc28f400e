using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Outside;
using Sequor.Tests.Support;
using CentralDifference = Sequor.Reference.CentralDifference;

namespace Sequor.Tests.Plans;

/// <summary>
/// Plans that carry states from window to window: the outputs of the whole sequence, and the gradients of a window that begins from what
/// the one before it ended in.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
internal sealed class CarryTests(int bits, int threads)
{
    private const int Inputs = 3;
    private const int Steps = 23;

    private static readonly PlanOptions Carry = new() { Carry = true };

    private CpuBackend Backend => Backends.Get(bits, threads);

    private static readonly (string Name, Func<Layer> Make)[] Models =
    [
        ("rnn", () => new Rnn(Inputs, 7, 2)),
        ("relu", () => new Rnn(Inputs, 5, 1, relu: true)),
        ("lstm", () => new Lstm(Inputs, 9, 2)),
        ("gru", () => new Gru(Inputs, 17)),
        ("lru", () => new Lru(Inputs, 6, 5, 2)),
        ("lru of many states", () => new Lru(Inputs, 3, 9, 1)),
        (
            "linear",
            () => new Rnn(Inputs, 6, new RecurrentOptions { Layers = 2 }, RnnActivation.Linear)
        ),
        ("polar", () => new Lru(Inputs, 6, 5, 2, new LruOptions { Rung = LruRung.Polar })),
        ("s5", () => new S5(Inputs, 6, 5, 2, new S5Options { Norm = NormKind.Layer })),
        ("postnorm lru", () => new Lru(Inputs, 6, 5, 2, new LruOptions { Prenorm = false })),
        (
            "all",
            () =>
                new Sequential(
                    new Linear(Inputs, 4),
                    new LayerNorm(4),
                    new Residual(new Lstm(4, 4)),
                    new Lru(4, 5, 3, 1),
                    new Gru(5, 8),
                    new Linear(8, 2)
                )
        ),
    ];

    private static IEnumerable<TestCaseData> Cases() =>
        from model in Models
        from batch in new[] { 1, 5 }
        from window in new[] { 1, 4, Steps }
        select new TestCaseData(model.Make, batch, window).SetArgDisplayNames(
            $"{model.Name} B{batch} T{window}"
        );

    [TestCaseSource(nameof(Cases))]
    public void Windows_give_the_whole_sequence(Func<Layer> make, int batch, int window)
    {
        using Layer model = make();
        float[] x = new Draw(3).Uniform(Steps * batch * Inputs);
        using Plan whole = model.Plan(Backend, Steps, batch, Mode.Evaluation);
        double[] expected = Array.ConvertAll(
            whole.Forward(x, Steps, batch).ToArray(),
            v => (double)v
        );
        foreach (Mode mode in new[] { Mode.Training, Mode.Evaluation })
        {
            using Plan plan = model.Plan(Backend, window, batch, mode, Carry);
            float[] first = Windows(plan, x, batch, window);
            plan.Reset();
            float[] again = Windows(plan, x, batch, window);
            Close.Check(first, expected, Close.Output, $"windows in {mode}");
            Close.CheckBits(again, first, "windows after Reset");
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void A_state_goes_on_in_another_plan(Func<Layer> make, int batch, int window)
    {
        using Layer model = make();
        float[] x = new Draw(5).Uniform(2 * window * batch * Inputs);
        int half = x.Length / 2;
        using Plan one = model.Plan(Backend, window, batch, Mode.Training, Carry);
        using Plan other = model.Plan(Backend, window, batch, Mode.Training, Carry);
        one.Forward(x.AsSpan(0, half), window, batch);
        StreamState state = one.GetState();
        float[] expected = one.Forward(x.AsSpan(half), window, batch).ToArray();

        other.SetState(state);
        float[] actual = other.Forward(x.AsSpan(half), window, batch).ToArray();

        Close.CheckBits(actual, expected, "the second window");
        Assert.That(
            (state.Steps, one.GetState().Steps, state.Batch),
            Is.EqualTo(((long)window, 2L * window, batch))
        );
    }

    [TestCaseSource(nameof(Cases))]
    public void Gradients_are_those_of_a_window_that_begins_from_a_state(
        Func<Layer> make,
        int batch,
        int window
    )
    {
        using Layer model = make();
        (Plan plan, ReferenceModel reference, double[] second, double[] dy) = Second(
            model,
            window,
            batch
        );
        using Plan _ = plan;
        double Loss() => reference.Forward(second, window, batch).Zip(dy, (a, b) => a * b).Sum();

        foreach ((string name, Parameter parameter) in model.NamedParameters())
        {
            double[] expected = CentralDifference.Gradient(Loss, Values[name]);
            Close.Check(plan.Gradient(name).ToArray(), expected, Close.Gradient, name);
        }
        Close.Check(
            plan.InputGradient.ToArray(),
            CentralDifference.Gradient(Loss, second),
            Close.Gradient,
            "dx"
        );
    }

    // So many rows that the block goes through time in several ranges.
    [Test]
    public void An_lru_that_works_in_ranges_has_them_too([Values(1, 2)] int batch)
    {
        const int Window = 900;
        using Layer model = new LruBlock(64, 64);
        (Plan plan, ReferenceModel reference, double[] second, double[] dy) = Second(
            model,
            Window,
            batch
        );
        using Plan _ = plan;
        double moved = 0;
        var start = Values.ToDictionary(p => p.Key, p => p.Value.ToArray());
        var directions = start.ToDictionary(p => p.Key, p => new Draw(8).Signs(p.Value.Length));
        foreach (string name in new[] { "nu_log", "theta_log", "gamma_log", "B_re", "C_im", "D" })
        {
            double[] slope = CentralDifference.Gradient(
                () =>
                {
                    for (int i = 0; i < start[name].Length; i++)
                        Values[name][i] = start[name][i] + _moved[0] * directions[name][i];
                    return reference.Forward(second, Window, batch).Zip(dy, (a, b) => a * b).Sum();
                },
                _moved,
                1e-6
            );
            start[name].CopyTo(Values[name], 0);
            float[] gradient = plan.Gradient(name).ToArray();
            double along = gradient.Zip(directions[name], (g, d) => g * d).Sum();
            double length = Math.Sqrt(gradient.Sum(g => (double)g * g) * gradient.Length);
            Close.Check(along, slope[0], length, Close.Direction, name);
            moved = Math.Max(moved, Math.Abs(slope[0]));
        }
        Assert.That(moved, Is.GreaterThan(1), "something was compared");
    }

    private readonly double[] _moved = [0];

    private Dictionary<string, double[]> Values { get; set; } = [];

    // The plan after the backward pass of the second of two windows, and what the reference takes for it.
    private (Plan, ReferenceModel, double[] X, double[] Dy) Second(
        Layer model,
        int window,
        int batch
    )
    {
        Plan plan = model.Plan(
            Backend,
            window,
            batch,
            Mode.Training,
            Carry with
            {
                InputGradient = true,
            }
        );
        Dictionary<string, float[]> parameters = new Draw(1).Parameters(model);
        foreach ((string name, float[] values) in parameters)
            plan.Parameter(name).Write(values);
        Values = parameters.ToDictionary(p => p.Key, p => Doubles(p.Value));
        float[] x = new Draw(2).Uniform(2 * window * batch * model.InputSize);
        int half = x.Length / 2;
        plan.Forward(x.AsSpan(0, half), window, batch);
        plan.Forward(x.AsSpan(half), window, batch);
        float[] dy = new Draw(3).Uniform(window * batch * model.OutputSize);
        Tensor gradient = Backend.Allocate(plan.Output.Shape, MemoryCategory.InputOutput);
        gradient.Write(dy);
        plan.Backward(gradient);
        gradient.Storage.Dispose();
        var first = new ReferenceModel(model, Values);
        first.Forward(Doubles(x[..half]), window, batch);
        Assert.That(first.Ended, Is.Not.Empty);
        var second = new ReferenceModel(model, Values) { Begun = first.Ended };
        return (plan, second, Doubles(x[half..]), Doubles(dy));
    }

    [Test]
    public void A_layer_of_a_strangers_carries_as_well()
    {
        const int B = 2;
        const int T = 4;
        using var model = new LeakySum(Inputs, 2);
        using Plan plan = model.Plan(Backend, T, B, Mode.Training, Carry);
        Dictionary<string, float[]> parameters = new Draw(1).Parameters(model);
        foreach ((string name, float[] values) in parameters)
            plan.Parameter(name).Write(values);
        Dictionary<string, double[]> p = parameters.ToDictionary(x => x.Key, x => Doubles(x.Value));
        float[] x = new Draw(2).Uniform(2 * T * B * Inputs);
        float[] dy = new Draw(3).Uniform(T * B * 2);
        plan.Forward(x.AsSpan(0, x.Length / 2), T, B);
        float[] y = plan.Forward(x.AsSpan(x.Length / 2), T, B).ToArray();
        plan.Output.Write(dy);
        Assert.That(() => plan.Backward(plan.Output), Throws.InvalidOperationException);
        plan.Reset();
        plan.Forward(x.AsSpan(0, x.Length / 2), T, B);
        plan.Forward(x.AsSpan(x.Length / 2), T, B);
        Tensor gradient = Backend.Allocate(plan.Output.Shape, MemoryCategory.InputOutput);
        gradient.Write(dy);
        plan.Backward(gradient);
        gradient.Storage.Dispose();

        double[] begun = Sums(Doubles(x[..(x.Length / 2)]), new double[B * 2])[^(B * 2)..];
        double[] second = Doubles(x[(x.Length / 2)..]);
        Close.Check(y, Sums(second, begun), Close.Output, "y");
        foreach ((string name, double[] values) in p)
            Close.Check(
                plan.Gradient(name).ToArray(),
                CentralDifference.Gradient(
                    () => Sums(second, begun).Zip(dy, (a, b) => a * b).Sum(),
                    values
                ),
                Close.Gradient,
                name
            );

        double[] Sums(double[] input, double[] before)
        {
            double[] h = new double[T * B * 2];
            for (int i = 0; i < h.Length; i++)
            {
                (int row, int c) = (i / 2, i % 2);
                h[i] = p["bias"][c] + p["decay"][c] * (row < B ? before[i] : h[i - B * 2]);
                for (int k = 0; k < Inputs; k++)
                    h[i] += p["weight"][c * Inputs + k] * input[row * Inputs + k];
            }
            return h;
        }
    }

    [Test]
    public void A_step_allocates_nothing_and_repeats_its_bits()
    {
        using var model = new Sequential(new Lstm(Inputs, 6), new Lru(6, 5, 4, 1));
        using Plan plan = model.Plan(Backend, 3, 2, Mode.Training, Carry);
        float[] x = new Draw(1).Uniform(3 * 2 * Inputs);
        Tensor dy = Backend.Allocate(new Shape(3, 2, 5), MemoryCategory.InputOutput);
        dy.Write(new Draw(2).Uniform(dy.Count));
        for (int i = 0; i < 50; i++)
            Step();
        long native = Backend.Memory.Allocations;
        Assert.That(Allocated.LeastHere(Step), Is.Zero);
        Assert.That(Backend.Memory.Allocations, Is.EqualTo(native));

        float[] first = Run();
        Close.CheckBits(Run(), first, "gradients");
        dy.Storage.Dispose();

        float[] Run()
        {
            plan.Reset();
            for (int i = 0; i < 4; i++)
                Step();
            return plan.Gradients.ToArray();
        }

        void Step()
        {
            plan.Forward(x, 3, 2);
            plan.Backward(dy);
        }
    }

    [Test]
    public void Another_number_of_sequences_needs_a_reset()
    {
        using var model = new Gru(Inputs, 4);
        using Plan plan = model.Plan(Backend, 3, 4, Mode.Training, Carry);
        float[] x = new Draw(1).Uniform(3 * 4 * Inputs);
        plan.Forward(x, 3, 4);
        Assert.That(
            () => plan.Forward(x.AsSpan(0, 3 * 2 * Inputs), 3, 2),
            Throws.ArgumentException.With.Message.Contains("4 sequences").And.Message.Contains("2")
        );
        plan.Reset();
        float[] y = plan.Forward(x.AsSpan(0, 3 * 2 * Inputs), 3, 2).ToArray();
        using Plan alone = model.Plan(Backend, 3, 2, Mode.Training);
        Close.CheckBits(y, alone.Forward(x.AsSpan(0, 3 * 2 * Inputs), 3, 2).ToArray(), "y");
    }

    [Test]
    public void What_cannot_carry_says_why()
    {
        var both = new RecurrentOptions { Bidirectional = true };
        Assert.Multiple(() =>
        {
            Refused(new Gru(2, 3, both), "reverse direction");
            Refused(
                new LruBlock(4, 3, new LruOptions { Bidirectional = true }),
                "reverse direction"
            );
            Refused(new Tcn(2, [3], 2), "context");
            Refused(new S4D(2, 3), "context");
            Refused(new Dss(2, 3), "context");
            Refused(new Sequential(new Rnn(2, 3), new Mean(3)), "whole sequence");
            Refused(new Sequential(new Rnn(2, 4), new BothEnds(4)), "whole sequence");
        });
        using var model = new Gru(2, 3);
        foreach (
            PlanOptions options in new[]
            {
                Carry with
                {
                    VariableLengths = true,
                },
                Carry with
                {
                    States = true,
                },
            }
        )
            Assert.That(
                () => model.Plan(Backend, 2, 2, Mode.Training, options),
                Throws.ArgumentException.With.Message.Contains("Carry")
            );
        using Plan plain = model.Plan(Backend, 2, 2, Mode.Training);
        Assert.That(
            () => plain.Reset(),
            Throws.InvalidOperationException.With.Message.Contains("Carry")
        );

        void Refused(Layer layer, string why)
        {
            foreach (Mode mode in new[] { Mode.Training, Mode.Evaluation })
                Assert.That(
                    () => layer.Plan(Backend, 2, 1, mode, Carry),
                    Throws.TypeOf<NotSupportedException>().With.Message.Contains(why)
                );
            layer.Dispose();
        }
    }

    private static float[] Windows(Plan plan, float[] x, int batch, int window)
    {
        var y = new List<float>();
        for (int first = 0; first < Steps; first += window)
        {
            int count = Math.Min(window, Steps - first);
            ReadOnlySpan<float> part = x.AsSpan(first * batch * Inputs, count * batch * Inputs);
            y.AddRange(plan.Forward(part, count, batch).ToArray());
        }
        return [.. y];
    }

    private static double[] Doubles(float[] values) => Array.ConvertAll(values, v => (double)v);
}
