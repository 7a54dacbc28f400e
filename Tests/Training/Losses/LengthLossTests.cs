using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Losses;

/// <summary>Losses of batches whose sequences differ in length: a mean over the steps that there are.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
[NonParallelizable]
public sealed class LengthLossTests(int bits, int threads)
{
    private const int T = 5;
    private static readonly int[] Lengths = [2, 5, 3];

    // What a target beyond the end of its sequence may be.
    private static readonly float[] Beyond =
    [
        0f,
        9f,
        -100f,
        0.5f,
        float.NaN,
        float.PositiveInfinity,
        float.MaxValue,
    ];

    private Backend Backend => Backends.Get(bits, threads);

    [Test]
    public void The_mean_is_over_the_steps_that_there_are(
        [ValueSource(typeof(LossCase), nameof(LossCase.Kinds))] string kind,
        [Values(1, 3, 17)] int columns,
        [Values] bool masked
    )
    {
        using var given = new LossCase(Backend, kind, T, Lengths.Length, columns);
        float[] mask = masked ? new Draw(4).Uniform(given.Rows, 0, 2) : [];
        if (masked)
            mask[0] = 0;
        float[] there = LossCase.Steps(T, Lengths);
        float[] weights = masked ? [.. mask.Zip(there, (m, t) => m * t)] : there;
        given.Plan.Forward(given.X, T, Lengths.Length, Lengths);
        float[]? first = null;
        float loss = 0;
        foreach (float beyond in Beyond)
        {
            float[] gradient = given.Loss.Compute(given.TargetsWith(there, beyond), mask).ToArray();
            if (first is null)
            {
                given.Check(gradient, weights, $"{kind}, {beyond} beyond the end");
                (first, loss) = (gradient, given.Loss.ReadValue());
            }
            Close.CheckBits(gradient, first, $"gradient with {beyond}");
            Assert.That(given.Loss.ReadValue(), Is.EqualTo(loss), $"loss with {beyond}");
        }
    }

    [Test]
    public void Targets_may_be_loaded_before_the_lengths_are_known(
        [ValueSource(typeof(LossCase), nameof(LossCase.Kinds))] string kind
    )
    {
        using var given = new LossCase(Backend, kind, T, 3, 4);
        int[] others = [5, 1, 1];
        // Rows that are padding of both.
        float[] both = [.. LossCase.Steps(T, Lengths).Zip(LossCase.Steps(T, others), Math.Max)];
        float[] mask = new Draw(4).Uniform(given.Rows, 0.5f, 2);
        Tensor input = given.Plan.Input(T, 3);
        input.Write(given.X);
        given.Loss.SetTargets(given.TargetsWith(both, float.NaN), mask);
        foreach (int[] lengths in new[] { Lengths, others, Lengths })
        {
            given.Plan.Forward(input, lengths);
            float[] there = LossCase.Steps(T, lengths);
            given.Check(
                given.Loss.Compute().ToArray(),
                [.. mask.Zip(there, (m, t) => m * t)],
                kind
            );
        }

        // Of the input's own lengths, then of none.
        given.Plan.SetInput(given.X, T, 3, Lengths);
        given.Loss.SetTargets(given.Targets);
        given.Plan.Forward(given.Plan.Input(T, 3));
        given.Check(given.Loss.Compute().ToArray(), LossCase.Steps(T, Lengths), kind);
        given.Plan.Forward(given.X, T, 3);
        float[] all = [.. Enumerable.Repeat(1f, given.Rows)];
        given.Check(given.Loss.Compute().ToArray(), all, kind);
    }

    [Test]
    public void A_step_that_there_is_needs_a_target()
    {
        foreach (string kind in new[] { "softmax", "binary" })
        {
            using var given = new LossCase(Backend, kind, T, 3, 4);
            float[] targets = [.. given.Targets];
            // Step 3 of sequence 1, the only one that is so long.
            targets[10 * given.Each] = float.NaN;
            given.Plan.Input(T, 3);
            given.Loss.SetTargets(targets);
            given.Plan.Forward(given.X, T, 3, Lengths);
            Refusal
                .Of<ArgumentException>(kind, Compute, "row 10, step 3 of sequence 1", "NaN")
                .Check();
            given.Plan.Forward(given.X, T, 3, [3, 3, 3]);
            Compute();
            Assert.That(given.Loss.Weight, Is.EqualTo(9));
            // Without lengths it is a step of its own.
            given.Plan.Forward(given.X, T, 3);
            Refusal.Of<ArgumentException>(kind, Compute, "row 10", "NaN").Check();

            void Compute() => given.Loss.Compute();
        }
    }

    [Test]
    public void Without_lengths_a_plan_that_may_have_them_gives_the_same_bits(
        [ValueSource(typeof(LossCase), nameof(LossCase.Kinds))] string kind,
        [Values] bool masked
    )
    {
        using var given = new LossCase(Backend, kind, T, 3, 4);
        using var plain = new LossCase(Backend, kind, T, 3, 4, variableLengths: false);
        float[] mask = masked ? new Draw(4).Uniform(given.Rows, 0, 2) : [];
        given.Plan.Forward(given.X, T, 3, [T, T, T]);
        plain.Plan.Forward(plain.X, T, 3);

        float[] gradient = given.Loss.Compute(given.Targets, mask).ToArray();
        float[] expected = plain.Loss.Compute(plain.Targets, mask).ToArray();

        Close.CheckBits(gradient, expected, "gradient");
        Assert.That(given.Loss.ReadValue(), Is.EqualTo(plain.Loss.ReadValue()));
    }

    [Test]
    public void Rows_that_the_caller_packed_all_count(
        [ValueSource(typeof(LossCase), nameof(LossCase.Kinds))] string kind
    )
    {
        using var given = new LossCase(Backend, kind, T, 2, 4);
        float[] x = given.X[..(7 * 4)];
        float[] targets = given.Targets[..(7 * given.Each)];
        using var plain = new LossCase(Backend, kind, 7, 1, 4, variableLengths: false);
        plain.Plan.Forward(x, 7, 1);
        float[] expected = plain.Loss.Compute(targets).ToArray();
        // The lengths of the batch before are no longer of any account.
        given.Plan.Forward(given.X, T, 2, [1, 2]);
        given.Plan.ForwardPacked(x, [5, 2]);

        Close.CheckBits(given.Loss.Compute(targets).ToArray(), expected, "gradient");

        Assert.That(given.Loss.ReadValue(), Is.EqualTo(plain.Loss.ReadValue()));
        Assert.That(given.Loss.Weight, Is.EqualTo(7));
        float[] mask = [1, 1, 1, 1, -1, 1, 1];
        Refusal
            .Of<ArgumentException>(kind, () => given.Loss.Compute(targets, mask), "packed row 4")
            .Check();
    }

    [Test]
    public void Pooled_outputs_all_count(
        [ValueSource(typeof(LossCase), nameof(LossCase.Kinds))] string kind
    )
    {
        using var model = new Sequential(new Gru(2, 4), new Last(4));
        using Plan plan = model.Plan(
            Backend,
            T,
            3,
            Mode.Training,
            new PlanOptions { VariableLengths = true }
        );
        using Loss loss = LossCase.Make(kind, plan);
        plan.Forward(new Draw(3).Uniform(T * 3 * 2), T, 3, Lengths);
        using var plain = new LossCase(Backend, kind, 1, 3, 4, variableLengths: false);
        plain.Plan.Forward(plan.Output.ToArray(), 1, 3);

        float[] gradient = loss.Compute(plain.Targets).ToArray();

        Close.CheckBits(gradient, plain.Loss.Compute(plain.Targets).ToArray(), "gradient");
        Assert.That(loss.ReadValue(), Is.EqualTo(plain.Loss.ReadValue()));
    }

    [Test]
    public void What_is_learned_does_not_depend_on_padding()
    {
        using var model = new Sequential(new Gru(2, 6), new Linear(6, 4));
        using Plan plan = model.Plan(
            Backend,
            T,
            3,
            Mode.Training,
            new PlanOptions { VariableLengths = true }
        );
        float[] x = new Draw(3).Uniform(T * 3 * 2);
        foreach (string kind in LossCase.Kinds)
        {
            using Loss loss = LossCase.Make(kind, plan);
            float[] targets = LossCase.TargetsOf(kind, T * 3, 4);
            plan.Forward(x, T, 3, Lengths);
            plan.Backward(loss.Compute(targets));
            float[] expected = plan.Gradients.ToArray();
            // The sequences one by one, each weighing as many steps as it has.
            double[] sum = new double[expected.Length];
            double mean = 0;
            for (int b = 0; b < 3; b++)
            {
                int each = targets.Length / (T * 3);
                plan.Forward(Sequence(x, b, 2), Lengths[b], 1);
                plan.Backward(loss.Compute(Sequence(targets, b, each)));
                float[] own = plan.Gradients.ToArray();
                for (int i = 0; i < own.Length; i++)
                    sum[i] += own[i] * (Lengths[b] / 10.0);
                mean += loss.ReadValue() * (Lengths[b] / 10.0);
            }
            Close.Check(expected, sum, Close.Gradient, $"{kind}: gradients");
            plan.Forward(x, T, 3, Lengths);
            loss.Compute(targets);
            Close.Check([loss.ReadValue()], [mean], Close.Output, $"{kind}: loss");
        }

        float[] Sequence(float[] values, int b, int each) =>
            [
                .. Enumerable
                    .Range(0, Lengths[b])
                    .SelectMany(t => values.Skip((t * 3 + b) * each).Take(each)),
            ];
    }

    [Test]
    public void A_step_allocates_nothing()
    {
        foreach (string kind in LossCase.Kinds)
        {
            int? ignored = kind == "softmax" ? 2 : null;
            using var given = new LossCase(Backend, kind, T, 3, 4, ignored);
            float[] targets = given.TargetsWith(LossCase.Steps(T, Lengths), float.NaN);
            float[] mask = new Draw(4).Uniform(given.Rows, 0, 1e30f);
            long bytes = Allocated.Least(() =>
            {
                given.Plan.Forward(given.X, T, 3, Lengths);
                given.Plan.Backward(given.Loss.Compute(targets, mask));
                given.Plan.Backward(Again());
            });
            Assert.That(bytes, Is.Zero, kind);

            Tensor Again()
            {
                given.Plan.Forward(given.X, T, 3);
                return given.Loss.Compute(given.Targets);
            }
        }
    }
}
