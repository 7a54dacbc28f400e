using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Cuda;

/// <summary>
/// The dropout between the layers of a recurrent network, which cuDNN draws by itself: how often, how it repeats, and that a
/// checkpoint has its states.
/// </summary>
[TestFixture]
public sealed class CudaRecurrentDropoutTests : CudaFixture
{
    private const int T = 20;
    private const int B = 16;
    private const int H = 32;
    private const int Count = T * B * H;

    private static readonly float[] Ones = [.. Enumerable.Repeat(1f, Count)];

    [Test]
    public void It_drops_as_often_as_asked_and_alike_in_both_passes(
        [Values(0.1f, 0.25f, 0.5f, 0.9f)] float rate
    )
    {
        using Rnn layer = Through(rate);
        using Plan plan = Planned(layer, seed: 5);

        float[] first = plan.Forward(Ones, T, B).ToArray();
        float[] dx = Gradient(plan);

        Assert.That(
            first.Distinct().Order(),
            Is.EqualTo(new[] { 0f, 1 / (1 - rate) }).Within(1e-5f)
        );
        RequireFraction(first, v => v != 0, 1 - rate);
        Assert.That(dx, Is.EqualTo(first).Within(1e-5f));
    }

    [Test]
    public void Each_step_and_each_network_has_a_mask_of_its_own()
    {
        const float rate = 0.3f;
        using Rnn layer = Through(rate);
        using Plan plan = Planned(layer, seed: 5);
        float[] first = plan.Forward(Ones, T, B).ToArray();
        float[] second = plan.Forward(Ones, T, B).ToArray();
        using var both = new Sequential(Through(rate), Through(rate));
        using Plan two = Planned(both, seed: 5);
        float[] product = two.Forward(Ones, T, B).ToArray();

        // Kept or dropped in both, which is how often independent masks agree.
        const double agree = (rate * rate) + ((1 - rate) * (1 - rate));
        RequireFraction([.. first.Zip(second, (a, b) => a == b ? 1f : 0f)], v => v == 1, agree);
        RequireFraction(product, v => v != 0, (1 - rate) * (1 - rate));
    }

    [Test]
    public void Each_layer_has_a_mask_of_its_own()
    {
        using Rnn layer = Through(0.3f, layers: 3);
        using Plan plan = Planned(layer, seed: 5);
        float[] y = plan.Forward(Ones, T, B).ToArray();
        RequireFraction(y, v => v != 0, 0.7 * 0.7);
        Assert.That(Gradient(plan), Is.EqualTo(y).Within(1e-5f));
    }

    // What a CPU's backend does not do: there one mask is for both (RecurrentOptions.Dropout).
    [Test]
    public void Each_direction_of_the_next_layer_has_a_mask_of_its_own()
    {
        const float rate = 0.3f;
        using Rnn layer = Through(rate, bidirectional: true);
        using Plan plan = Planned(layer, seed: 5);
        float[] y = plan.Forward(Ones, T, B).ToArray();
        // Both read the lower layer's forward outputs.
        float[] forward = [.. Direction(0)];
        float[] reverse = [.. Direction(1)];
        RequireFraction(forward, v => v != 0, 1 - rate);
        RequireFraction(reverse, v => v != 0, 1 - rate);
        const double agree = (rate * rate) + ((1 - rate) * (1 - rate));
        RequireFraction([.. forward.Zip(reverse, (a, b) => a == b ? 1f : 0f)], v => v == 1, agree);
        float[] through = [.. forward.Zip(reverse, (a, b) => a + b)];
        Assert.That(Gradient(plan), Is.EqualTo(through).Within(1e-5f));

        IEnumerable<float> Direction(int which) => y.Where((_, i) => i / H % 2 == which);
    }

    [Test]
    public void The_same_seed_gives_the_same_masks_and_another_one_others()
    {
        float[] masks = Masks(5);
        Assert.That(Masks(5), Is.EqualTo(masks));
        Assert.That(Masks(6), Is.Not.EqualTo(masks));

        float[] Masks(ulong seed)
        {
            using Rnn layer = Through(0.5f);
            using Plan plan = Planned(layer, seed);
            return [.. plan.Forward(Ones, T, B).ToArray(), .. plan.Forward(Ones, T, B).ToArray()];
        }
    }

    [Test]
    public void Packed_sequences_drop_as_often()
    {
        int[] lengths = [.. Enumerable.Range(0, B).Select(b => T - b)];
        using Rnn layer = Through(0.5f);
        using Plan plan = layer.Plan(
            Gpu,
            T,
            B,
            Mode.Training,
            new PlanOptions { Seed = 5, VariableLengths = true }
        );
        LetThrough(layer, plan);
        float[] y = plan.ForwardPacked(Ones.AsSpan(0, lengths.Sum() * H), lengths).ToArray();
        Assert.That(y.Distinct().Order(), Is.EqualTo(new[] { 0f, 2f }).Within(1e-5f));
        RequireFraction(y, v => v != 0, 0.5);
    }

    // Relu of an identity: what comes out is what got through, scaled.
    private static Rnn Through(float rate, int layers = 2, bool bidirectional = false) =>
        new(
            H,
            H,
            new RecurrentOptions
            {
                Layers = layers,
                Bidirectional = bidirectional,
                Dropout = rate,
                Bias = RecurrentBias.NoBias,
            },
            relu: true
        );

    private Plan Planned(Layer model, ulong seed)
    {
        Plan plan = model.Plan(
            Gpu,
            T,
            B,
            Mode.Training,
            new PlanOptions { InputGradient = true, Seed = seed }
        );
        LetThrough(model, plan);
        return plan;
    }

    private static void LetThrough(Layer model, Plan plan)
    {
        foreach (NamedParameter named in model.NamedParameters())
        {
            Tensor parameter = plan.Parameter(named.Name);
            float[] values = new float[parameter.Count];
            if (named.Name.Contains("_ih_", StringComparison.Ordinal))
                for (int i = 0; i < H; i++)
                    values[i * parameter.Shape.Columns + i] = 1;
            parameter.Write(values);
        }
    }

    private static float[] Gradient(Plan plan)
    {
        Tensor dy = plan.Backend.Allocate(plan.Output.Shape, MemoryCategory.InputOutput);
        dy.Write([.. Enumerable.Repeat(1f, checked((int)dy.Count))]);
        plan.Backward(dy);
        dy.Storage.Dispose();
        return plan.InputGradient.ToArray();
    }

    // Five standard deviations of the binomial distribution.
    private static void RequireFraction(float[] values, Predicate<float> counts, double expected)
    {
        double fraction = values.Count(v => counts(v)) / (double)values.Length;
        double deviation = Math.Sqrt(expected * (1 - expected) / values.Length);
        Assert.That(fraction, Is.EqualTo(expected).Within(5 * deviation));
    }
}
