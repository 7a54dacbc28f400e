using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Losses;

/// <summary>Weights of rows.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class MaskTests(int bits, int threads)
{
    private static readonly (int Time, int Batch)[] Shapes = [(1, 1), (1, 3), (4, 1), (5, 3)];

    private Backend Backend => Backends.Get(bits, threads);

    [Test]
    public void Each_row_counts_as_it_weighs(
        [ValueSource(typeof(LossCase), nameof(LossCase.Kinds))] string kind,
        [ValueSource(nameof(Shapes))] (int Time, int Batch) shape,
        [Values(1, 3, 17)] int columns
    )
    {
        using var given = new LossCase(
            Backend,
            kind,
            shape.Time,
            shape.Batch,
            columns,
            variableLengths: false
        );
        float[] mask = Array.ConvertAll(
            new Draw(4).Uniform(given.Rows, -1, 2),
            v => Math.Max(v, 0f)
        );
        mask[^1] = 0.5f;
        given.Plan.Forward(given.X, shape.Time, shape.Batch);

        float[] gradient = given.Loss.Compute(given.TargetsWith(mask, float.NaN), mask).ToArray();

        given.Check(gradient, mask, kind);
    }

    [Test]
    public void Ones_give_what_no_mask_gives(
        [ValueSource(typeof(LossCase), nameof(LossCase.Kinds))] string kind
    )
    {
        using var given = new LossCase(Backend, kind, 40, 9, 5, variableLengths: false);
        given.Plan.Forward(given.X, 40, 9);
        float[] expected = given.Loss.Compute(given.Targets).ToArray();
        float loss = given.Loss.ReadValue();
        Assert.That(given.Loss.Weight, Is.EqualTo(360));

        float[] ones = [.. Enumerable.Repeat(1f, 360)];
        float[] gradient = given.Loss.Compute(given.Targets, ones).ToArray();

        Close.CheckBits(gradient, expected, "gradient");
        Assert.That(given.Loss.ReadValue(), Is.EqualTo(loss).Within(1e-6f * loss));
    }

    [Test]
    public void Only_zeros_give_neither_loss_nor_gradient(
        [ValueSource(typeof(LossCase), nameof(LossCase.Kinds))] string kind,
        [Values] bool lengths
    )
    {
        using var given = new LossCase(Backend, kind, 3, 2, 5);
        float[] x = [.. given.X];
        x[7] = float.NaN;
        given.Plan.Forward(x, 3, 2, lengths ? [3, 1] : []);
        // Sequence 1 has weights, beyond its end.
        float[] mask = lengths ? [0, 0, 0, 1, 0, 1] : new float[6];

        Assert.That(given.Loss.Compute(given.Targets, mask).ToArray(), Is.All.Zero);
        Assert.That(given.Loss.ReadValue(), Is.Zero);
        Assert.That(given.Loss.Weight, Is.Zero);
    }

    // A mean does not depend on the scale of its weights.
    [Test]
    public void Weights_of_any_size_give_the_same_mean(
        [ValueSource(typeof(LossCase), nameof(LossCase.Kinds))] string kind,
        [Values(-147, -100, 100, 125)] int exponent,
        [Values] bool lengths
    )
    {
        using var given = new LossCase(Backend, kind, 4, 3, 5, variableLengths: lengths);
        float[] there = lengths
            ? LossCase.Steps(4, [4, 1, 2])
            : [.. Enumerable.Repeat(1f, given.Rows)];
        float[] mask = [.. Enumerable.Range(0, 12).Select(i => (float)(i % 4))];
        // What lies beyond an end has no part in the scale.
        float[] scaled =
        [
            .. mask.Select((m, i) => there[i] == 0 ? 1f : (float)Math.ScaleB(m, exponent)),
        ];
        given.Plan.Forward(given.X, 4, 3, lengths ? [4, 1, 2] : []);
        float[] expected = given.Loss.Compute(given.Targets, mask).ToArray();
        float loss = given.Loss.ReadValue();
        double weight = given.Loss.Weight;

        float[] gradient = given.Loss.Compute(given.Targets, scaled).ToArray();

        Close.Check(gradient, [.. expected.Select(v => (double)v)], 1e-6, "gradient");
        Assert.That(given.Loss.ReadValue(), Is.EqualTo(loss).Within(1e-6f * loss));
        Assert.That(given.Loss.Weight, Is.EqualTo(Math.ScaleB(weight, exponent)));
        Assert.That(gradient.Any(v => v != 0));
    }

    [Test]
    public void Rows_of_weight_0_have_no_gradient_even_where_they_are_not_finite(
        [ValueSource(typeof(LossCase), nameof(LossCase.Kinds))] string kind,
        [Values(float.NaN, float.PositiveInfinity, float.NegativeInfinity)] float value
    )
    {
        using var given = new LossCase(Backend, kind, 2, 2, 3, variableLengths: false);
        float[] x = [.. given.X];
        x.AsSpan(3, 3).Fill(value);
        float[] mask = [1, 0, 2, 1];
        given.Plan.Forward(x, 2, 2);

        given.Check(given.Loss.Compute(given.Targets, mask).ToArray(), mask, kind);
    }

    // sum(w e) / (sum(w) K): (1 * (0.25 + 1) + 3 * (4 + 0)) / (4 * 2).
    [Test]
    public void A_squared_error_by_hand()
    {
        using var model = new Dropout(2, 0f);
        using Plan plan = model.Plan(Backend, 3, 1, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        plan.Forward([0.5f, 2, 7, 7, -1, 4], 3, 1);

        float[] gradient = loss.Compute([1, 1, 0, 0, 1, 4], [1, 0, 3]).ToArray();

        Assert.That(loss.ReadValue(), Is.EqualTo(13.25f / 8));
        Assert.That(gradient, Is.EqualTo(new[] { -0.125f, 0.25f, 0, 0, -1.5f, 0 }));
    }
}
