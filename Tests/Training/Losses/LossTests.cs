using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Ref = Sequor.Reference;

namespace Sequor.Tests.Losses;

/// <summary>
/// Values and gradients of the squared error and the cross-entropy against the reference, masked rows and extreme values
/// included.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class LossTests(int bits, int threads)
{
    private static readonly (int Time, int Batch)[] Shapes =
    [
        (1, 1),
        (1, 3),
        (4, 1),
        (5, 3),
        (300, 9),
    ];

    [Test]
    public void The_squared_error_is_that_of_the_reference(
        [ValueSource(nameof(Shapes))] (int Time, int Batch) shape,
        [Values(1, 3, 17, 33)] int size
    )
    {
        using var given = new Given(Backends.Get(bits, threads), shape, size);
        using var loss = new MeanSquaredError(given.Plan);
        float[] targets = new Draw(2).Uniform(given.X.Length, -3, 3);

        float[] gradient = loss.Compute(targets).ToArray();

        double[] x = ToDouble(given.X);
        double exact = Ref.MeanSquaredError.Forward(x, ToDouble(targets));
        Close.Check([loss.ReadValue()], [exact], Close.Output, "loss");
        double[] slope = [.. x.Select((value, i) => 2 * (value - targets[i]) / x.Length)];
        CheckGradient(gradient, slope);
    }

    [Test]
    public void The_cross_entropy_is_that_of_the_reference(
        [ValueSource(nameof(Shapes))] (int Time, int Batch) shape,
        [Values(1, 2, 5, 16, 17, 33)] int classes,
        [Values] bool masked
    )
    {
        using var given = new Given(Backends.Get(bits, threads), shape, classes);
        using var loss = new SoftmaxCrossEntropy(given.Plan);
        int rows = shape.Time * shape.Batch;
        var draw = new Draw(3);
        int[] targets = [.. Enumerable.Range(0, rows).Select(_ => draw.Next(classes))];
        float[] mask = masked ? Array.ConvertAll(draw.Uniform(rows, -1), v => Math.Max(v, 0)) : [];
        if (masked)
            mask[^1] = 0.5f;

        float[] gradient = loss.Compute(Array.ConvertAll(targets, t => (float)t), mask).ToArray();

        double[] x = ToDouble(given.X);
        double[]? weights = masked ? ToDouble(mask) : null;
        double exact = Ref.CrossEntropy.Forward(x, targets, weights, rows, classes);
        Close.Check([loss.ReadValue()], [exact], Close.Output, "loss");
        CheckGradient(gradient, EntropySlope(x, targets, weights, rows, classes));
    }

    // From a thousand classes on a row is taken in blocks, from 65,536 on in larger ones.
    [Test]
    public void The_cross_entropy_of_many_classes_is_that_of_the_reference(
        [Values(1024, 1025, 3001, 10_001, 70_003)] int classes,
        [Values("even", "rising", "falling", "impossible")] string logits
    )
    {
        const int Rows = 3;
        using var given = new Given(Backends.Get(bits, threads), (Rows, 1), classes);
        float[] values = given.X;
        for (int i = 0; i < values.Length; i++)
        {
            double place = (double)(i % classes) / classes;
            values[i] = logits switch
            {
                "rising" => (float)(200 * place - 100) + values[i],
                "falling" => (float)(100 - 200 * place) + values[i],
                // Whole blocks of nothing, at the beginning and at the end.
                "impossible" => place is > 0.4 and < 0.6 ? values[i] : float.NegativeInfinity,
                _ => values[i],
            };
        }
        using var loss = new SoftmaxCrossEntropy(given.Plan);
        given.Plan.Forward(values, Rows, 1);
        int[] targets = [classes / 2, classes / 2 + 1, classes / 2 - 1];

        float[] gradient = loss.Compute(Array.ConvertAll(targets, t => (float)t)).ToArray();

        double[] x = ToDouble(values);
        double exact = Ref.CrossEntropy.Forward(x, targets, null, Rows, classes);
        Close.Check([loss.ReadValue()], [exact], Close.Output, "loss");
        for (int r = 0; r < Rows; r++)
        {
            double[] row = x[(r * classes)..((r + 1) * classes)];
            double most = row.Max();
            double sum = row.Sum(value => Math.Exp(value - most));
            for (int k = 0; k < classes; k++)
            {
                double slope = (Math.Exp(row[k] - most) / sum - (k == targets[r] ? 1 : 0)) / Rows;
                Close.Check(
                    gradient[r * classes + k],
                    slope,
                    1.0 / Rows,
                    Close.Gradient,
                    $"gradient[{r}, {k}]"
                );
            }
        }
    }

    // (softmax - one at the target) * weight / weights
    private static double[] EntropySlope(
        double[] x,
        int[] targets,
        double[]? mask,
        int rows,
        int classes
    )
    {
        double[] slope = new double[x.Length];
        double weights = mask?.Sum() ?? rows;
        for (int r = 0; r < rows; r++)
        {
            double sum = x.Skip(r * classes).Take(classes).Sum(Math.Exp);
            for (int k = 0; k < classes; k++)
            {
                double p = Math.Exp(x[r * classes + k]) / sum - (k == targets[r] ? 1 : 0);
                slope[r * classes + k] = p * (mask?[r] ?? 1) / weights;
            }
        }
        return slope;
    }

    // A gradient's scale goes by the number of rows.
    private static void CheckGradient(float[] actual, double[] expected)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length));
        double scale = expected.Max(Math.Abs);
        for (int i = 0; i < actual.Length; i++)
            Close.Check(
                actual[i],
                expected[i],
                Math.Max(scale, 1e-9),
                Close.Gradient,
                $"gradient[{i}]"
            );
    }

    [Test]
    public void A_mask_of_only_zeros_gives_no_loss_and_no_gradient()
    {
        using var given = new Given(Backends.Get(bits, threads), (4, 2), 5);
        using var loss = new SoftmaxCrossEntropy(given.Plan);

        float[] gradient = loss.Compute(new float[8], new float[8]).ToArray();

        Assert.That(loss.ReadValue(), Is.Zero);
        Assert.That(gradient, Is.All.Zero);
    }

    [Test]
    public void A_row_of_weight_0_counts_for_nothing_even_where_it_is_NaN()
    {
        using var given = new Given(Backends.Get(bits, threads), (2, 1), 3);
        using var loss = new SoftmaxCrossEntropy(given.Plan);
        given.Plan.Forward([1f, 2f, 3f, float.NaN, 0f, 0f], 2, 1);

        loss.Compute([0, 1], [1, 0]);

        double exact = Math.Log(Math.Exp(1) + Math.Exp(2) + Math.Exp(3)) - 1;
        Close.Check([loss.ReadValue()], [exact], Close.Output, "loss");
    }

    [Test]
    public void Logits_far_apart_give_a_finite_loss()
    {
        using var given = new Given(Backends.Get(bits, threads), (2, 1), 3);
        using var loss = new SoftmaxCrossEntropy(given.Plan);
        given.Plan.Forward([1e4f, 0f, -1e4f, -3e38f, 3e38f, 0f], 2, 1);

        float[] gradient = loss.Compute([1, 1]).ToArray();

        Close.Check([loss.ReadValue()], [5000], Close.Output, "loss");
        Close.Check(gradient, [0.5, -0.5, 0, 0, 0, 0], Close.Gradient, "gradient");
    }

    [Test]
    public void A_NaN_shows_in_the_loss()
    {
        using var given = new Given(Backends.Get(bits, threads), (2, 1), 2);
        using var entropy = new SoftmaxCrossEntropy(given.Plan);
        using var squared = new MeanSquaredError(given.Plan);
        given.Plan.Forward([1f, 2f, float.NaN, 0f], 2, 1);

        entropy.Compute([0, 1]);
        squared.Compute(new float[4]);

        Assert.That(entropy.ReadValue(), Is.NaN);
        Assert.That(squared.ReadValue(), Is.NaN);
    }

    [Test]
    public void In_evaluation_there_is_the_loss_alone()
    {
        using var given = new Given(Backends.Get(bits, threads), (4, 2), 3);
        using Plan evaluation = given.Plan.Model.Plan(given.Plan.Backend, 4, 2, Mode.Evaluation);
        evaluation.Forward(given.X, 4, 2);
        foreach (bool classes in new[] { true, false })
        {
            using Loss trained = Make(given.Plan);
            using Loss evaluated = Make(evaluation);
            float[] targets = new float[classes ? 8 : 24];

            trained.Compute(targets);
            Tensor gradient = evaluated.Compute(targets);

            Assert.That(gradient.IsEmpty);
            Assert.That(evaluated.Gradient.IsEmpty);
            Assert.That(evaluated.ReadValue(), Is.EqualTo(trained.ReadValue()));

            Loss Make(Plan plan) =>
                classes ? new SoftmaxCrossEntropy(plan) : new MeanSquaredError(plan);
        }
    }

    private static double[] ToDouble(float[] values) =>
        Array.ConvertAll(values, value => (double)value);

    /// <summary>A plan whose output is given: its model passes the input on.</summary>
    private sealed class Given : IDisposable
    {
        private readonly Dropout _model;

        public Given(Backend backend, (int Time, int Batch) shape, int size)
        {
            _model = new Dropout(size, 0f);
            Plan = _model.Plan(backend, shape.Time + 1, shape.Batch + 2, Mode.Training);
            X = new Draw(1).Uniform((long)shape.Time * shape.Batch * size, -3, 3);
            Plan.Forward(X, shape.Time, shape.Batch);
        }

        public Plan Plan { get; }
        public float[] X { get; }

        public void Dispose()
        {
            Plan.Dispose();
            _model.Dispose();
        }
    }
}
