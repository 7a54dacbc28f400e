using System.Runtime.Intrinsics;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;
using Loss = Sequor.Layers.BinaryCrossEntropy;

namespace Sequor.Tests.Losses;

/// <summary>
/// Binary cross-entropy on logits against double precision, at extreme logits, NaN and masked rows, and its logarithm's accuracy.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class BinaryCrossEntropyTests(int bits, int threads)
{
    private const double Step = 1e-5;

    private CpuBackend Cpu => Backends.Get(bits, threads);

    [Test]
    public void Value_and_gradient_are_those_of_double_precision(
        [Values(1, 5, 16, 88)] int answers,
        [Values] bool masked
    )
    {
        const int steps = 5;
        const int batch = 3;
        const int rows = steps * batch;
        var draw = new Draw((ulong)answers);
        float[] logits = draw.Uniform(rows * answers, -6, 6);
        // Hard answers, and some between.
        float[] targets =
        [
            .. Enumerable
                .Range(0, logits.Length)
                .Select(i => i % 5 == 0 ? draw.Uniform(1, 0, 1)[0] : draw.Next(2)),
        ];
        float[] mask = masked ? draw.Uniform(rows, 0, 2) : [];
        if (masked)
            mask[7] = 0;

        (float value, float[] gradient) = Run(logits, targets, mask, steps, batch, answers);

        double[] x = ToDouble(logits);
        double[] y = ToDouble(targets);
        double[]? weights = masked ? ToDouble(mask) : null;
        Func<double> forward = () =>
            Reference.BinaryCrossEntropy.Forward(x, y, weights, rows, answers);
        double expected = forward();
        Close.Check(value, expected, expected, Close.Output, "the loss");
        // Small gradients are differences of large sums: the largest is the scale.
        Close.Check(
            gradient,
            Reference.CentralDifference.Gradient(forward, x, Step),
            Close.Gradient,
            "gradient"
        );
    }

    [TestCase(0f)]
    [TestCase(1e-30f)]
    [TestCase(15f)]
    [TestCase(30f)]
    [TestCase(88f)]
    [TestCase(200f)]
    [TestCase(1e10f)]
    [TestCase(1e37f)]
    public void Extreme_logits_lose_nothing_and_overflow_nothing(float size)
    {
        foreach (float x in new[] { size, -size })
        {
            foreach (float y in new[] { 0f, 1f })
            {
                (float value, float[] gradient) = Run([x], [y], [], 1, 1, 1);
                double expected = Reference.BinaryCrossEntropy.Forward([x], [y], null, 1, 1);
                // As small as it is right, and as large as it is wrong.
                Assert.That(
                    value,
                    Is.EqualTo(expected).Within(Math.Max(5e-7 * expected, 2e-38)),
                    $"loss of {x} for {y}"
                );
                double sigmoid = 1 / (1 + Math.Exp(-x));
                Assert.That(gradient[0], Is.EqualTo(sigmoid - y).Within(2e-7), $"gradient at {x}");
            }
        }
    }

    [Test]
    public void NaN_is_seen_whichever_logit_it_is()
    {
        for (int at = 0; at < 19; at++)
        {
            float[] logits = new float[2 * 19];
            logits[19 + at] = float.NaN;
            (float value, float[] gradient) = Run(logits, new float[2 * 19], [], 2, 1, 19);
            Assert.That(value, Is.NaN);
            Assert.That(gradient[19 + at], Is.NaN);
            Assert.That(gradient.Count(float.IsNaN), Is.EqualTo(1));
        }
    }

    [Test]
    public void Rows_of_weight_0_do_not_count_whatever_they_hold()
    {
        float[] logits = [1, -1, float.NaN, float.NaN, 0.5f, 2];
        float[] targets = [1, 0, 1, 1, 0, 1];

        (float value, float[] gradient) = Run(logits, targets, [1, 0, 1], 3, 1, 2);
        (float two, float[] both) = Run([1, -1, 0.5f, 2], [1, 0, 0, 1], [], 2, 1, 2);

        Assert.That(value, Is.EqualTo(two));
        Assert.That(gradient, Is.EqualTo(new[] { both[0], both[1], 0, 0, both[2], both[3] }));
    }

    [Test]
    public void A_mask_of_only_zeros_gives_0()
    {
        (float value, float[] gradient) = Run([1, float.NaN], [1, 0], [0, 0], 2, 1, 1);

        Assert.That(value, Is.Zero);
        Assert.That(gradient, Is.All.Zero);
    }

    [Test]
    public void Log1P_is_within_its_bound()
    {
        const int count = 1 << 20;
        float[] x = new float[count];
        // Every binade down to the least normal number, and the two ends.
        var draw = new Draw(3);
        for (int i = 0; i < count; i++)
            x[i] = BitConverter.UInt32BitsToSingle(
                ((uint)(1 + (i % 126)) << 23) | (uint)draw.Next(1 << 23)
            );
        (x[0], x[1], x[2]) = (0f, 1f, MathF.BitDecrement(1f));
        float[] y = [.. x];
        Log1P(y);
        double worst = 0;
        for (int i = 0; i < count; i++)
        {
            // Math has no log1p: where log(1 + x) loses digits, its series has them.
            double v = x[i];
            double exact = v < 1e-4 ? v - v * v / 2 + v * v * v / 3 : Math.Log(1 + v);
            double ulp = Math.Pow(2, Math.ILogB(Math.Max(exact, 1.2e-38)) - 23);
            double error = Math.Abs(y[i] - exact) / ulp;
            if (!(error <= worst))
                worst = error;
        }
        Assert.That(worst, Is.LessThanOrEqualTo(1.7), "ulp");
    }

    [Test]
    public void What_does_not_fit_the_output_is_refused()
    {
        using var model = new Linear(3, 2);
        using Plan plan = model.Plan(Cpu, 4, 1, Mode.Training);
        using var loss = new Loss(plan);
        Assert.That(() => loss.Compute(new float[8]), Throws.InvalidOperationException);
        plan.Forward(new float[12], 4, 1);
        Assert.Multiple(() =>
        {
            Assert.That(
                () => loss.Compute(new float[7]),
                Throws.ArgumentException.With.Message.Contains("8 targets and 4 weights")
            );
            Assert.That(() => loss.Compute(new float[8], new float[3]), Throws.ArgumentException);
            foreach (float wrong in new[] { -0.1f, 1.1f, float.NaN })
            {
                Assert.That(
                    () => loss.Compute([0, 0, 0, 0, 0, 0, 0, wrong]),
                    Throws.ArgumentException.With.Message.Contains("from 0 to 1")
                );
            }
        });
    }

    private unsafe void Log1P(float[] values)
    {
        fixed (float* p = values)
        {
            for (int i = 0; i < values.Length; i += bits / 32)
            {
                switch (bits)
                {
                    case 512:
                        VectorMath<Vector512<float>, Lanes512>
                            .Log1P(Vector512.Load(p + i))
                            .Store(p + i);
                        break;
                    case 256:
                        VectorMath<Vector256<float>, Lanes256>
                            .Log1P(Vector256.Load(p + i))
                            .Store(p + i);
                        break;
                    default:
                        VectorMath<Vector128<float>, Lanes128>
                            .Log1P(Vector128.Load(p + i))
                            .Store(p + i);
                        break;
                }
            }
        }
    }

    // The operation itself; the values lie where nothing is beyond them but the end of a cache line.
    private (float Value, float[] Gradient) Run(
        float[] logits,
        float[] targets,
        float[] mask,
        int steps,
        int batch,
        int answers
    )
    {
        CpuBackend backend = Cpu;
        var shape = new Shape(steps, batch, answers);
        using Storage x = Put(logits);
        using Storage y = Put(targets);
        using Storage m = Put(mask);
        using Storage g = Put(new float[logits.Length]);
        using Storage v = Put([float.NaN]);
        var gradient = new Tensor(g, 0, shape);
        var value = new Tensor(v, 0, new Shape(1));
        backend.BinaryCrossEntropy(
            new Tensor(x, 0, shape),
            new Tensor(y, 0, shape),
            mask.Length == 0 ? default : new Tensor(m, 0, new Shape(steps, batch)),
            gradient,
            value
        );
        return (value.ToArray()[0], gradient.ToArray());

        Storage Put(float[] values)
        {
            Storage storage = backend.Allocate(
                Math.Max(values.Length, 1),
                MemoryCategory.InputOutput
            );
            if (values.Length > 0)
                new Tensor(storage, 0, new Shape(values.Length)).Write(values);
            return storage;
        }
    }

    private static double[] ToDouble(float[] values) => Array.ConvertAll(values, v => (double)v);
}
