using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Optimizers;

/// <summary>
/// The norm of the gradients on the CPU: the same bits for every vector width and number of threads, and visible if not finite.
/// </summary>
public sealed unsafe class GradientNormTests
{
    [Test]
    public void Squares_sum_to_the_same_bits_at_every_width(
        [Values(0, 1, 3, 15, 16, 17, 31, 32, 33, 1000, 4099)] int count
    )
    {
        float[] values = new Draw((ulong)count).Uniform(count + 1, -1e3f, 1e3f);
        double expected = 0;
        for (int i = 0; i < count; i++)
            expected += (double)values[i] * values[i];
        // Behind the end: read, it would show.
        values[count] = float.NaN;
        fixed (float* p = values)
        {
            double wide = SquareSum.Of(p, count, 256);
            Assert.That(wide, Is.EqualTo(expected).Within(1e-13 * expected));
            Assert.That(SquareSum.Of(p, count, 128), Is.EqualTo(wide));
            Assert.That(SquareSum.Of(p, count, 512), Is.EqualTo(wide));
        }
    }

    [Test]
    public void A_value_that_is_not_finite_shows(
        [Values(0, 7, 16, 40)] int at,
        [Values(128, 256)] int width
    )
    {
        foreach (float value in new[] { float.NaN, float.NegativeInfinity })
        {
            float[] values = new float[41];
            values[at] = value;
            fixed (float* p = values)
                Assert.That(double.IsFinite(SquareSum.Of(p, 41, width)), Is.False);
        }
    }

    // One that a single block holds, one of some blocks, and one of the most blocks there are.
    [Test]
    public void The_norm_has_the_same_bits_for_any_number_of_threads(
        [Values(5, 251, 1211)] int size
    )
    {
        float[] gradient = new Draw(9).Uniform((long)size * size);
        double squares = gradient.Sum(value => (double)value * value);
        float[] norms =
        [
            .. Backends.Each.Select(each => Norm(Backends.Get((int)each[0], (int)each[1]))),
        ];

        Close.Check([norms[0]], [Math.Sqrt(squares)], 1e-7, "norm");
        Assert.That(norms, Is.All.EqualTo(norms[0]));

        float Norm(CpuBackend backend)
        {
            using var model = new Linear(size, size);
            using Plan plan = model.Plan(backend, 1, 1, Mode.Training);
            using var optimizer = new Sgd(plan, 0.1f);
            plan.Gradient("weight").Write(gradient);
            optimizer.Step();
            return optimizer.GradientNorm;
        }
    }
}
