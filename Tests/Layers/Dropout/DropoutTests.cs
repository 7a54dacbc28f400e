using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>
/// Dropout: the share and scale of what stays, which masks are drawn when, and gradients through the same masks.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class DropoutTests(int bits, int threads)
{
    private const int Steps = 50;
    private const int Batch = 20;
    private const int Size = 37;
    private const int Count = Steps * Batch * Size;

    private static readonly float[] Ones = [.. Enumerable.Repeat(1f, Count)];

    // The masks are read back from a backend of another width.
    private static readonly GradientCase[] Cases =
    [
        new("dropout alone", () => new Dropout(17, 0.4f), 5, 3),
        new(
            "dropout between layers",
            () =>
                new Sequential(
                    new Dropout(3, 0.2f),
                    new Gru(3, 5),
                    new Dropout(5, 0f),
                    new Dropout(5, 0.5f),
                    new Linear(5, 4),
                    new Dropout(4, 0.3f),
                    new Last(4)
                ),
            6,
            3
        ),
        new("tcn block", () => new TcnBlock(4, 4, 2, 2, 0.4f), 7, 4),
        new("tcn block with skip", () => new TcnBlock(3, 17, 3, 1, 0.4f), 5, 3),
        new("tcn", () => new Tcn(3, [5, 6], 2, 0.3f), 6, 4),
        new("lru block", () => new LruBlock(5, 3, 0.4f), 5, 3),
        new("lru", () => new Lru(2, 6, 4, 2, 0.3f), 5, 2),
        new(
            "postnorm lru",
            () => new Lru(2, 6, 4, 2, new LruOptions { Prenorm = false, Dropout = 0.3f }),
            5,
            2
        ),
        new("pooled lru", () => new Sequential(new Lru(2, 6, 4, 1, 0.3f), new Last(6)), 5, 2),
        // In several pieces of time, whose masks begin at odd places of the stream.
        new("large lru block", () => new LruBlock(51, 65, 0.3f), 201, 9, large: true),
        new(
            "large lru block whose steps share their masks",
            () => new LruBlock(51, 65, new LruOptions { Dropout = 0.3f, SharedDropout = true }),
            201,
            9,
            large: true
        ),
    ];

    private Backend Backend => Backends.Get(bits, threads);

    [TestCaseSource(nameof(Cases))]
    public void With_its_masks_the_reference_has_the_same_outputs_and_gradients(
        GradientCase @case
    ) => PlannedCase.Check(@case, Backend);

    [TestCase(0.1f)]
    [TestCase(0.5f)]
    [TestCase(0.9f)]
    public void It_drops_its_share_scales_the_rest_and_keeps_the_mean(float probability)
    {
        using var model = new Dropout(Size, probability);
        using Plan plan = model.Plan(Backend, Steps, Batch, Mode.Training);

        float[] y = plan.Forward(Ones, Steps, Batch).ToArray();

        float kept = 1 / (1 - probability);
        Assert.That(y.Where(value => value != 0), Is.All.EqualTo(kept));
        // Five standard deviations.
        double deviation = Math.Sqrt(probability * (1 - probability) / Count);
        double dropped = y.Count(value => value == 0) / (double)Count;
        Assert.That(dropped, Is.EqualTo(probability).Within(5 * deviation));
        Assert.That(y.Average(), Is.EqualTo(1).Within(5 * deviation * kept));
    }

    [Test]
    public void The_mask_is_the_same_backward_and_another_at_every_step()
    {
        using var model = new Dropout(Size, 0.5f);
        using Plan plan = model.Plan(
            Backend,
            Steps,
            Batch,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        using Storage storage = Backend.Allocate(Count, MemoryCategory.InputOutput);
        var gradient = new Tensor(storage, 0, plan.MaxOutput);
        float[] last = new float[Count];
        for (int step = 0; step < 3; step++)
        {
            float[] y = plan.Forward(Ones, Steps, Batch).ToArray();
            gradient.Write(Ones);
            plan.Backward(gradient);

            Close.CheckBits(plan.InputGradient.ToArray(), y, "gradient");
            // Half of all differ where the masks have nothing to do with each other.
            double differing = y.Zip(last, (a, b) => a != b ? 1.0 : 0.0).Average();
            Assert.That(differing, Is.EqualTo(0.5).Within(0.02));
            last = y;
        }
    }

    [Test]
    public void A_mask_goes_by_seed_step_and_stream_alone()
    {
        float[] mask = Masks.Read(Backend, 3, 4, 5, 0.5f, 20_000);

        Close.CheckBits(mask, Masks.Read(Backends.Get(128, 1), 3, 4, 5, 0.5f, 20_000), "mask");
        Close.CheckBits(
            Masks.Read(Backend, 3, 4, 5, 0.5f, 111),
            mask.AsSpan(0, 111),
            "shorter mask"
        );
        Assert.That(Masks.Read(Backend, 4, 4, 5, 0.5f, 20_000), Is.Not.EqualTo(mask));
        Assert.That(Masks.Read(Backend, 3, 5, 5, 0.5f, 20_000), Is.Not.EqualTo(mask));
        Assert.That(Masks.Read(Backend, 3, 4, 6, 0.5f, 20_000), Is.Not.EqualTo(mask));
    }

    [Test]
    public void A_plan_set_back_to_a_step_draws_its_mask_again()
    {
        using var model = new Dropout(Size, 0.5f);
        using Plan plan = model.Plan(Backend, Steps, Batch, Mode.Training);
        plan.Forward(Ones, Steps, Batch);
        float[] second = plan.Forward(Ones, Steps, Batch).ToArray();

        plan.RandomStep = 1;

        Close.CheckBits(plan.Forward(Ones, Steps, Batch).ToArray(), second, "mask");
    }

    // One direction and a norm of each row: what a step gives depends on no later one, and on no other sequence.
    [TestCase(new[] { 6, 6, 6 })]
    [TestCase(new[] { 6, 4, 4, 1 })]
    public void Packed_sequences_share_the_masks_that_they_would_have_beside_padding(int[] lengths)
    {
        const int width = 5;
        const int steps = 6;
        int batch = lengths.Length;
        using var model = new LruBlock(
            width,
            3,
            new LruOptions { Dropout = 0.4f, SharedDropout = true }
        );
        using Plan padded = model.Plan(
            Backend,
            steps,
            batch,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        using Plan packed = model.Plan(
            Backend,
            steps,
            batch,
            Mode.Training,
            new PlanOptions { InputGradient = true, VariableLengths = true }
        );
        float[] x = new Draw(1).Uniform(steps * batch * width);
        float[] dy = new Draw(2).Uniform(x.Length);
        for (int i = 0; i < x.Length; i++)
            if (i / (batch * width) >= lengths[i / width % batch])
                x[i] = dy[i] = 0;
        using Storage storage = Backend.Allocate(x.Length, MemoryCategory.InputOutput);
        var gradient = new Tensor(storage, 0, new Shape(steps, batch, width));

        float[] expected = padded.Forward(x, steps, batch).ToArray();
        gradient.Write(dy);
        padded.Backward(gradient);
        float[] actual = packed.Forward(x, steps, batch, lengths).ToArray();
        gradient.Write(dy);
        packed.Backward(gradient);

        float[] dx = padded.InputGradient.ToArray();
        for (int i = 0; i < x.Length; i++)
            if (i / (batch * width) >= lengths[i / width % batch])
                expected[i] = 0;
        Close.Check(actual, Array.ConvertAll(expected, v => (double)v), Close.Output, "output");
        Close.Check(
            packed.InputGradient.ToArray(),
            Array.ConvertAll(dx, v => (double)v),
            Close.Gradient,
            "gradient"
        );
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Without_training_or_probability_values_pass_as_they_are(bool evaluation)
    {
        using var model = new Dropout(Size, evaluation ? 0.9f : 0f);
        using Plan plan = model.Plan(
            Backend,
            Steps,
            Batch,
            evaluation ? Mode.Evaluation : Mode.Training
        );
        float[] x = new Draw(1).Uniform(Count);

        Close.CheckBits(plan.Forward(x, Steps, Batch).ToArray(), x, "output");
    }

    [Test]
    public void A_tcn_drops_whole_channels_of_a_sequence()
    {
        using var model = new TcnBlock(Size, Size, 2, 1, 0.5f);
        using Plan plan = model.Plan(
            Backend,
            Steps,
            Batch,
            Mode.Training,
            new PlanOptions { Seed = GradientCase.PlanSeed }
        );
        // From a zero input all that is not dropped becomes positive.
        foreach (string name in new[] { "conv1", "conv2" })
        {
            plan.Parameter($"{name}.weight_v").Write(new Draw(1).Uniform(Size * Size * 2, 0.1f));
            plan.Parameter($"{name}.weight_g").Write([.. Enumerable.Repeat(1f, Size)]);
            plan.Parameter($"{name}.bias").Write([.. Enumerable.Repeat(0.5f, Size)]);
        }

        float[] y = plan.Forward(new float[Count], Steps, Batch).ToArray();

        double[] mask = Masks.Mask(1, 0.5f, Batch * Size);
        for (int i = 0; i < Count; i++)
        {
            if (y[i] > 0 != mask[i % mask.Length] > 0)
                Assert.Fail($"output {i} is {y[i]}, its channel's mask {mask[i % mask.Length]}");
        }
        Assert.That(mask.Count(value => value == 0), Is.InRange(300, 440));
    }
}
