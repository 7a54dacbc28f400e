using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Losses;

/// <summary>Plans whose losses write the gradient of the output over the output.</summary>
[TestFixture]
public sealed class GradientInOutputTests
{
    private const int T = 4;
    private const int B = 3;
    private const int Inputs = 5;

    private static readonly float[] X = new Draw(1).Uniform(T * B * Inputs);
    private static readonly PlanOptions InOutput = new() { GradientInOutput = true };

    private static IEnumerable<TestCaseData> Cases() =>
        from kind in LossCase.Kinds
        from classes in new[] { 1, 2, 3, 17, 10_001 }
        from threads in new[] { 1, 2, 3 }
        select new TestCaseData(kind, classes, threads);

    [TestCaseSource(nameof(Cases))]
    public void Losses_and_gradients_have_the_same_bits(string kind, int classes, int threads)
    {
        float[] targets = LossCase.TargetsOf(kind, T * B, classes);
        // Every third row is ignored, or weighs nothing.
        bool ignores = kind == "softmax";
        for (int row = 0; ignores && row < T * B; row += 3)
            targets[row] = -100;
        float[] mask = ignores
            ? []
            : [.. Enumerable.Range(0, T * B).Select(row => row % 3 == 0 ? 0f : 1.5f)];

        (float Loss, float[] Gradients)[] of =
        [
            .. new[] { false, true }.Select(inOutput =>
            {
                using var model = new Linear(Inputs, classes);
                using Plan plan = model.Plan(
                    Backends.Get(256, threads),
                    T,
                    B,
                    Mode.Training,
                    InOutput with
                    {
                        GradientInOutput = inOutput,
                        InputGradient = true,
                    }
                );
                using Loss loss = LossCase.Make(kind, plan, ignores ? -100 : null);
                Tensor y = plan.Forward(X, T, B);
                Tensor gradient = loss.Compute(targets, mask);
                Assert.That(gradient.Overlaps(y), Is.EqualTo(inOutput));
                float[] slope = gradient.ToArray();
                Assert.That(slope[..classes], Is.All.Zero, "an ignored row");
                plan.Backward(gradient);
                return (
                    loss.ReadValue(),
                    (float[])
                        [.. slope, .. plan.Gradients.ToArray(), .. plan.InputGradient.ToArray()]
                );
            }),
        ];

        Close.CheckBits([of[1].Loss], [of[0].Loss], "loss");
        Close.CheckBits(of[1].Gradients, of[0].Gradients, "gradients");
    }

    [Test]
    public void It_takes_the_memory_of_one_output_less()
    {
        long Held(bool inOutput)
        {
            using var backend = (CpuBackend)Backend.Create(Device.Cpu);
            using var model = new Linear(Inputs, 10_001);
            using Plan plan = model.Plan(
                backend,
                T,
                B,
                Mode.Training,
                InOutput with
                {
                    GradientInOutput = inOutput,
                }
            );
            using var loss = new SoftmaxCrossEntropy(plan);
            plan.Forward(X, T, B);
            plan.Backward(loss.Compute(new float[T * B]));
            Assert.That(backend.Memory.PeakBytes, Is.EqualTo(backend.Memory.CurrentBytes));
            return backend.Memory.CurrentBytes;
        }

        // In whole cache lines.
        Assert.That(Held(false) - Held(true), Is.EqualTo((4 * T * B * 10_001 + 63) / 64 * 64));
    }

    [Test]
    public void Of_differing_lengths_it_takes_two_outputs_less_and_gives_the_same_bits()
    {
        const int Classes = 1001;
        int[] lengths = [2, 4, 3];
        float[] targets = new Draw(2).Classes(T * B, Classes);
        float[] rows = new Draw(3).Uniform(9 * Inputs);

        (long Held, float[] Values) Run(bool inOutput)
        {
            using var backend = Backend.Create(Device.Cpu);
            using var model = new Linear(Inputs, Classes);
            using Plan plan = model.Plan(
                backend,
                T,
                B,
                Mode.Training,
                new PlanOptions
                {
                    GradientInOutput = inOutput,
                    VariableLengths = true,
                    InputGradient = true,
                }
            );
            using var loss = new SoftmaxCrossEntropy(plan);
            var values = new List<float>();
            // Padded, whole, of the caller's own packing, and padded with another gradient than the loss's.
            plan.Forward(X, T, B, lengths);
            plan.Backward(loss.Compute(targets));
            Note();
            plan.Forward(X, T, B);
            plan.Backward(loss.Compute(targets));
            Note();
            plan.ForwardPacked(rows, [4, 3, 2]);
            plan.Backward(loss.Compute(targets.AsSpan(0, 9)));
            Note();
            plan.Forward(X, T, B, lengths);
            Tensor gradient = backend.Allocate(
                new Shape(T, B, Classes),
                MemoryCategory.InputOutput
            );
            gradient.Write(new Draw(4).Uniform(T * B * Classes));
            plan.Backward(gradient);
            gradient.Storage.Dispose();
            Note();
            return (backend.Memory.CurrentBytes, [.. values]);

            void Note()
            {
                values.Add(loss.ReadValue());
                values.AddRange(plan.Gradients.ToArray());
                values.AddRange(plan.InputGradient.ToArray());
            }
        }

        (long plain, float[] expected) = Run(false);
        (long held, float[] actual) = Run(true);

        Close.CheckBits(actual, expected, "losses and gradients");
        // The gradient of the padded rows and, in the flow, that of the packed ones; the gradient of the input stays there.
        int output = (4 * T * B * Classes + 63) / 64 * 64;
        Assert.That(plain - held, Is.InRange(2 * output - 4 * T * B * Inputs - 64, 2 * output));
    }

    [Test]
    public void There_is_no_output_until_the_next_Forward()
    {
        using var model = new Linear(Inputs, 3);
        using Plan plan = model.Plan(Backends.Get(256, 1), T, B, Mode.Training, InOutput);
        using var loss = new SoftmaxCrossEntropy(plan);
        float[] y = plan.Forward(X, T, B).ToArray();
        Assert.That(plan.Output.ToArray(), Is.EqualTo(y));

        loss.Compute(new float[T * B]);

        RequireNone();
        Assert.That(
            () => loss.Compute(),
            Throws.InvalidOperationException.With.Message.Contains("GradientInOutput")
        );
        plan.Backward(loss.Gradient);
        RequireNone();
        plan.Forward(X, T, B);
        Assert.That(plan.Output.ToArray(), Is.EqualTo(y));

        void RequireNone() =>
            Assert.That(
                () => plan.Output,
                Throws
                    .InvalidOperationException.With.Message.Contains("GradientInOutput")
                    .And.Message.Contains("between Forward and that loss's Compute")
            );
    }

    [Test]
    public void A_gradient_from_before_the_last_Forward_is_refused()
    {
        using var model = new Linear(Inputs, 3);
        using Plan plan = model.Plan(Backends.Get(256, 1), T, B, Mode.Training, InOutput);
        using var loss = new SoftmaxCrossEntropy(plan);
        plan.Forward(X, T, B);
        Tensor gradient = loss.Compute(new float[T * B]);
        plan.Forward(X, T, B);

        Assert.That(
            () => plan.Backward(gradient),
            Throws.InvalidOperationException.With.Message.Contains("compute the loss after Forward")
        );
        Assert.That(() => plan.Backward(loss.Compute()), Throws.Nothing);
    }

    [Test]
    public void A_second_loss_of_the_same_output_is_computed_first()
    {
        using var model = new Linear(Inputs, 3);
        using Plan plan = model.Plan(Backends.Get(256, 1), T, B, Mode.Training, InOutput);
        using var first = new SoftmaxCrossEntropy(plan);
        float[] targets = new Draw(5).Uniform(T * B * 3);
        float[] exact;
        using (var second = new MeanSquaredError(plan))
        {
            Tensor y = plan.Forward(X, T, B);
            float[] output = y.ToArray();
            exact = second.Compute(targets).ToArray();
            Assert.That(plan.Output.ToArray(), Is.EqualTo(output), "it has a place of its own");
            first.Compute(new float[T * B]);
            Assert.That(second.Gradient.ToArray(), Is.EqualTo(exact));
            Assert.That(
                () => second.Compute(),
                Throws.InvalidOperationException.With.Message.Contains("another loss")
            );
        }
        first.Dispose();
        // The place goes to the next.
        using var third = new MeanSquaredError(plan);
        plan.Forward(X, T, B);
        Assert.That(third.Compute(targets).ToArray(), Is.EqualTo(exact));
        Assert.That(() => plan.Output, Throws.InvalidOperationException);
    }

    [Test]
    public void What_the_backward_pass_reads_is_not_written_over()
    {
        float[] Run(bool inOutput)
        {
            using var model = new Gru(Inputs, 3);
            using Plan plan = model.Plan(
                Backends.Get(256, 1),
                T,
                B,
                Mode.Training,
                InOutput with
                {
                    GradientInOutput = inOutput,
                }
            );
            using var loss = new MeanSquaredError(plan);
            float[] y = plan.Forward(X, T, B).ToArray();
            plan.Backward(loss.Compute(new float[T * B * 3]));
            Assert.That(plan.Output.ToArray(), Is.EqualTo(y));
            return plan.Gradients.ToArray();
        }

        Assert.That(Run(true), Is.EqualTo(Run(false)));
    }

    [Test]
    public void A_loss_of_the_callers_own_has_a_place_of_its_own()
    {
        using var model = new Linear(Inputs, 3);
        using Plan plan = model.Plan(Backends.Get(256, 1), T, B, Mode.Training, InOutput);
        using var loss = new Halves(plan);
        float[] y = plan.Forward(X, T, B).ToArray();

        Tensor gradient = loss.Compute(new float[T * B * 3]);

        Assert.That(gradient.ToArray(), Is.EqualTo(y));
        Assert.That(plan.Output.ToArray(), Is.EqualTo(y));
    }

    // Reads the output again after it has written to the gradient.
    private sealed class Halves(Plan plan) : Loss(plan)
    {
        protected override Shape TargetShape(Shape output) => output;

        protected override void Judge(Tensor output, Tensor targets, Tensor weights)
        {
            Operations.Fill(Gradient, 0f);
            Operations.Copy(output, Gradient);
            Operations.Fill(Value, 0f);
        }
    }
}
