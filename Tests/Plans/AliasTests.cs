using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>Tensors of a plan's own memory that are given back to it act as copies of them do.</summary>
public sealed class AliasTests
{
    private const int Steps = 4;
    private const int Batch = 2;
    private const int Width = 4;

    private static Backend Backend => Backends.Get(256, 1);

    private static readonly float[] X = new Draw(5).Uniform(Steps * Batch * Width);

    private static readonly (string Name, Func<Layer> Make, bool Streams)[] Models =
    [
        ("rnn", () => new Rnn(Width, Width), true),
        ("lstm x2", () => new Lstm(Width, Width, 2), true),
        (
            "gru both ways",
            () => new Gru(Width, Width / 2, new RecurrentOptions { Bidirectional = true }),
            false
        ),
        ("tcn of a level", () => new Tcn(Width, [Width], 2), true),
        ("tcn of three levels", () => new Tcn(Width, [Width, Width, Width], 2), true),
        ("tcn with skip", () => new Tcn(Width, [5, Width], 2), true),
        ("lru", () => new Lru(Width, Width, 3, 2), true),
        ("batch norm", () => new BatchNorm(Width), true),
        ("layer norm", () => new LayerNorm(Width), true),
        ("linear", () => new Sequential(new Linear(Width, Width)), true),
        ("three linears", () => new Sequential([.. Linears(3)]), true),
        ("dropout", () => new Sequential(new Linear(Width, Width), new Dropout(Width, 0.5f)), true),
    ];

    private static IEnumerable<Linear> Linears(int count) =>
        Enumerable.Range(0, count).Select(_ => new Linear(Width, Width));

    private static IEnumerable<TestCaseData> Forwards() =>
        from model in Models
        from mode in Enum.GetValues<Mode>()
        where mode != Mode.Streaming || model.Streams
        from how in new[] { "output", "wrapped", "later steps" }
        select new TestCaseData(model.Make, mode, how).SetArgDisplayNames(
            model.Name,
            $"{mode}",
            how
        );

    private static IEnumerable<TestCaseData> Each() =>
        Models.Select(m => new TestCaseData(m.Make).SetArgDisplayNames(m.Name));

    [TestCaseSource(nameof(Forwards))]
    public void The_output_as_input_gives_what_its_copy_gives(
        Func<Layer> make,
        Mode mode,
        string how
    )
    {
        float[] Run(bool copy)
        {
            using Layer model = make();
            using Plan plan = model.Plan(Backend, Steps, Batch, mode, new PlanOptions { Seed = 3 });
            Tensor y = plan.Forward(X, Steps, Batch);
            y = how switch
            {
                "wrapped" => Backend.Wrap(y.Address, y.Shape),
                "later steps" => y.Slice(1, Steps - 1),
                _ => y,
            };
            if (copy)
                return plan.Forward(y.ToArray(), y.Shape.First, Batch).ToArray();
            return plan.Forward(y).ToArray();
        }

        Assert.That(Run(false), Is.EqualTo(Run(true)));
    }

    [TestCaseSource(nameof(Each))]
    public void The_gradients_after_it_are_those_of_a_copy(Func<Layer> make)
    {
        float[] dy = new Draw(6).Uniform(Steps * Batch * Width);

        float[] Run(bool copy)
        {
            using Layer model = make();
            using Plan plan = Training(model);
            Tensor y = plan.Forward(X, Steps, Batch);
            if (copy)
                plan.Forward(y.ToArray(), Steps, Batch);
            else
                plan.Forward(y);
            using Lent gradient = Lent.Of(dy, plan.Output.Shape);
            plan.Backward(gradient.Tensor);
            return [.. plan.Gradients.ToArray(), .. plan.InputGradient.ToArray()];
        }

        Assert.That(Run(false), Is.EqualTo(Run(true)));
    }

    private static readonly (string Name, Func<Plan, Tensor> Of)[] Gradients =
    [
        ("output", plan => plan.Output),
        ("wrapped output", plan => Backend.Wrap(plan.Output.Address, plan.Output.Shape)),
        ("input", plan => plan.Input(Steps, Batch)),
        (
            "wrapped input",
            plan => Backend.Wrap(plan.Input(Steps, Batch).Address, plan.Output.Shape)
        ),
        ("gradient by the input", plan => plan.InputGradient),
        (
            "wrapped gradient by the input",
            plan => Backend.Wrap(plan.InputGradient.Address, plan.Output.Shape)
        ),
    ];

    private static IEnumerable<TestCaseData> Backwards() =>
        from model in Models
        from gradient in Gradients
        from lengths in new[] { false, true }
        select new TestCaseData(model.Make, gradient.Of, lengths).SetArgDisplayNames(
            model.Name,
            gradient.Name,
            lengths ? "different lengths" : "one length"
        );

    [TestCaseSource(nameof(Backwards))]
    public void A_gradient_in_the_plans_memory_gives_what_its_copy_gives(
        Func<Layer> make,
        Func<Plan, Tensor> of,
        bool variable
    )
    {
        int[] lengths = variable ? [3, 4] : [];

        float[] Run(bool copy)
        {
            using Layer model = make();
            using Plan plan = Training(model, variable);
            plan.Forward(X, Steps, Batch, lengths);
            using Lent ones = Lent.Of([.. Enumerable.Repeat(1f, X.Length)], plan.Output.Shape);
            plan.Backward(ones.Tensor);
            plan.Forward(X, Steps, Batch, lengths);
            Tensor gradient = of(plan);
            using Lent copied = Lent.Of(gradient.ToArray(), gradient.Shape);
            plan.Backward(copy ? copied.Tensor : gradient);
            return [.. plan.Gradients.ToArray(), .. plan.InputGradient.ToArray()];
        }

        Assert.That(Run(false), Is.EqualTo(Run(true)));
    }

    [Test]
    public void A_gradient_in_the_gradients_block_gives_what_its_copy_gives()
    {
        float[] Run(bool copy)
        {
            using var model = new Linear(Width, Width);
            using Plan plan = Training(model);
            using Lent dy = Lent.Of(new Draw(6).Uniform(X.Length), new Shape(Steps, Batch, Width));
            plan.Forward(X, Steps, Batch);
            plan.Backward(dy.Tensor);
            plan.Forward(X.AsSpan(0, 2 * Batch * Width), 2, Batch);
            Tensor gradient = plan.Gradients.View(new Shape(2, Batch, Width));
            using Lent copied = Lent.Of(gradient.ToArray(), gradient.Shape);
            plan.Backward(copy ? copied.Tensor : gradient);
            return [.. plan.Gradients.ToArray(), .. plan.InputGradient.ToArray()];
        }

        Assert.That(Run(false), Is.EqualTo(Run(true)));
    }

    [Test]
    public void The_callers_input_as_the_gradient_gives_what_its_copy_gives()
    {
        float[] Run(bool copy)
        {
            using var model = new Sequential(new Linear(Width, Width), new Dropout(Width, 0.5f));
            using Plan plan = Training(model);
            using Lent x = Lent.Of(X, new Shape(Steps, Batch, Width));
            using Lent copied = Lent.Of(X, new Shape(Steps, Batch, Width));
            plan.Forward(x.Tensor);
            plan.Backward(copy ? copied.Tensor : x.Tensor);
            Assert.That(x.Tensor.ToArray(), Is.EqualTo(X));
            return [.. plan.Gradients.ToArray(), .. plan.InputGradient.ToArray()];
        }

        Assert.That(Run(false), Is.EqualTo(Run(true)));
    }

    [Test]
    public void Packed_rows_in_the_plans_memory_give_what_their_copy_gives()
    {
        float[] Run(bool copy)
        {
            using var model = new Gru(Width, Width);
            using Plan plan = Training(model, variable: true);
            Tensor y = plan.ForwardPacked(X.AsSpan(0, 5 * Width), [3, 2]);
            return (
                copy ? plan.ForwardPacked(y.ToArray(), [3, 2]) : plan.ForwardPacked(y, [3, 2])
            ).ToArray();
        }

        Assert.That(Run(false), Is.EqualTo(Run(true)));
    }

    [Test]
    public void Another_plan_of_the_model_has_memory_of_its_own()
    {
        using var model = new Gru(Width, Width);
        using Plan first = Training(model);
        using Plan second = model.Plan(Backend, Steps, Batch, Mode.Evaluation);
        float[] y = first.Forward(X, Steps, Batch).ToArray();
        float[] right = second.Forward(y, Steps, Batch).ToArray();

        Assert.That(second.Forward(first.Output).ToArray(), Is.EqualTo(right));
        Assert.That(first.Output.ToArray(), Is.EqualTo(y));
    }

    [Test]
    public void What_was_loaded_is_not_taken_for_the_copy_in_its_place()
    {
        using var model = new Gru(Width, Width);
        using Plan plan = model.Plan(Backend, Steps, Batch, Mode.Evaluation);
        Tensor input = plan.SetInput(X, Steps, Batch);
        float[] right = plan.Forward(input).ToArray();
        Assert.That(plan.Forward(input).ToArray(), Is.EqualTo(right));

        plan.Forward(plan.Output);

        Assert.That(
            () => plan.Forward(input),
            Throws.InvalidOperationException.With.Message.Contains("Load the input again")
        );
        input.Write(X);
        Assert.That(plan.Forward(input).ToArray(), Is.EqualTo(right));
    }

    [Test]
    public void Steps_that_are_not_aliased_take_no_memory_and_others_take_it_once()
    {
        using var model = new Lru(Width, Width, 3, 1);
        using Plan plan = Training(model);
        using Lent dy = Lent.Of(X, new Shape(Steps, Batch, Width));
        long before = Backend.Memory.Allocations;
        plan.Forward(X, Steps, Batch);
        plan.Backward(dy.Tensor);
        Assert.That(Backend.Memory.Allocations, Is.EqualTo(before));

        for (int i = 0; i < 3; i++)
        {
            plan.Forward(plan.Output);
            plan.Backward(plan.Output);
        }
        Assert.That(Backend.Memory.Allocations, Is.EqualTo(before + 1));
    }

    [TestCase("input", "input")]
    [TestCase("load", "input")]
    [TestCase("output", "output")]
    [TestCase("states", "initial states")]
    public void What_Backward_needs_and_was_written_over_is_refused(string what, string says)
    {
        using var model = new Gru(Width, Width);
        using Plan plan = model.Plan(
            Backend,
            Steps,
            Batch,
            Mode.Training,
            new PlanOptions { States = true }
        );
        using Lent dy = Lent.Of(X, new Shape(Steps, Batch, Width));
        RecurrentState initial = plan.States.Layers[0].Initial(Batch);
        initial.Hidden.Write(X.AsSpan(0, Batch * Width));
        plan.Forward(X, Steps, Batch);
        plan.Backward(dy.Tensor);
        plan.Forward(X, Steps, Batch);

        switch (what)
        {
            case "input":
                plan.Input(Steps, Batch).Slice(1, 1).Write(X.AsSpan(0, Batch * Width));
                break;
            case "load":
                plan.SetInput(X, Steps, Batch);
                break;
            case "output":
                dy.Tensor.CopyTo(plan.Output);
                break;
            default:
                plan.States.Layers[0].Final.Hidden.CopyTo(initial.Hidden);
                break;
        }

        Assert.That(
            () => plan.Backward(dy.Tensor),
            Throws.InvalidOperationException.With.Message.Contains(says)
        );
        plan.Forward(X, Steps, Batch);
        Assert.That(() => plan.Backward(dy.Tensor), Throws.Nothing);
    }

    [Test]
    public void A_gradient_that_Forward_has_written_over_is_refused()
    {
        using var model = new Sequential(new Gru(3, 16), new Linear(16, 4));
        using Plan plan = model.Plan(Backend, 5, Batch, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        float[] x = new float[5 * Batch * 3];
        plan.Forward(x, 5, Batch);
        Tensor gradient = loss.Compute(new float[5 * Batch * 4]);
        Assert.That(plan.Borrow(1), Is.Null, "the gradient lies in the plan's scratch");

        plan.Forward(x, 5, Batch);

        Assert.That(
            () => plan.Backward(gradient),
            Throws.InvalidOperationException.With.Message.Contains("compute the loss after Forward")
        );
        Assert.That(() => plan.Backward(loss.Compute()), Throws.Nothing);
    }

    [Test]
    public void A_refused_Forward_leaves_the_one_before_it_as_it_was()
    {
        float[] Run(bool refused)
        {
            using var model = new Gru(Width, Width);
            using Plan plan = model.Plan(
                Backend,
                Steps,
                Batch,
                Mode.Training,
                new PlanOptions { VariableLengths = true, States = true }
            );
            _ = plan.States.Layers[0].Initial(Batch);
            plan.Forward(X, Steps, Batch, [2, 4]);
            if (refused)
            {
                using Lent one = Lent.Of(X.AsSpan(0, Width).ToArray(), new Shape(1, 1, Width));
                Assert.That(() => plan.Forward(one.Tensor), Throws.ArgumentException);
                Assert.That(() => plan.ForwardPacked(one.Tensor, [1]), Throws.ArgumentException);
                Assert.That(() => plan.ForwardPacked(one.Tensor, [4, 4]), Throws.ArgumentException);
            }
            using Lent dy = Lent.Of(X, new Shape(Steps, Batch, Width));
            plan.Backward(dy.Tensor);
            return plan.Gradients.ToArray();
        }

        Assert.That(Run(true), Is.EqualTo(Run(false)));
    }

    [TestCase(1)]
    [TestCase(-1)]
    [TestCase(3)]
    [TestCase(0)]
    public void Overlapping_tensors_are_copied_as_if_they_did_not(int steps)
    {
        using Lent block = Lent.Of(X, new Shape(Steps, Batch, Width));
        int count = Steps - Math.Abs(steps);
        Tensor from = block.Tensor.Slice(Math.Max(0, -steps), count);
        Tensor to = block.Tensor.Slice(Math.Max(0, steps), count);
        float[] right = from.ToArray();

        from.CopyTo(to);

        Assert.That(to.ToArray(), Is.EqualTo(right));
    }

    [Test]
    public void No_tensor_says_so()
    {
        using var model = new Gru(Width, Width);
        using Plan plan = model.Plan(Backend, Steps, Batch, Mode.Training);
        plan.Forward(X, Steps, Batch);

        foreach (
            Action act in new Action[]
            {
                () => plan.InputGradient.ToArray(),
                () => plan.InputGradient.Read([]),
                () => plan.InputGradient.Write([]),
                () => plan.InputGradient.CopyTo(plan.Output),
                () => _ = plan.InputGradient.Address,
                () => _ = plan.InputGradient.Backend,
            }
        )
            Refusal.Of<InvalidOperationException>("", act, "no such tensor").Check();
    }

    private static Plan Training(Layer model, bool variable = false) =>
        model.Plan(
            Backend,
            Steps,
            Batch,
            Mode.Training,
            new PlanOptions
            {
                InputGradient = true,
                Seed = 3,
                VariableLengths = variable,
            }
        );

    private sealed class Lent(Tensor tensor) : IDisposable
    {
        public Tensor Tensor => tensor;

        public static Lent Of(float[] values, Shape shape)
        {
            Tensor tensor = Backend.Allocate(shape, MemoryCategory.InputOutput);
            tensor.Write(values);
            return new Lent(tensor);
        }

        public void Dispose() => tensor.Storage.Dispose();
    }
}
